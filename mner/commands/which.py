"""Say which known copy of Twitter-2015 or Twitter-2017 each file is."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.config import Places
from mner.escaping import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="file")


def run(options: argparse.Namespace) -> None:
    from mner.data.which import render, which

    places = Places.from_environment()
    for number, file in enumerate(options.files):
        said = render(which(file, cache=places.cache, mirrors=places.mirrors))
        show(f"\n{said}" if number else said, end="")
