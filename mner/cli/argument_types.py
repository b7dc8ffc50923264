"""What several commands ask of their arguments, said before anything is loaded or computed."""

from __future__ import annotations

import argparse
import math

PICTURES = "a data set of params.yaml, or a folder"
"""Help for DATASET_OR_FOLDER, which ``mner/cli/named_pictures.py`` reads."""


def positive(text: str) -> int:
    """For ``type=``: a whole number of at least 1."""
    return _whole(text, 1)


def natural(text: str) -> int:
    """For ``type=``: a whole number of at least 0."""
    return _whole(text, 0)


def minutes(text: str) -> float:
    """For ``type=``: a finite time of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes, at least 0")
    return value


def points(text: str) -> float:
    """For ``type=``: points of F1, more than 0 and at most 100."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of points of F1, more than 0 and at most 100")
    return value


def _whole(text: str, least: int) -> int:
    if not text.removeprefix("-").isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return int(text)
