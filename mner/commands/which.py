"""Say which known copy of Twitter-2015 or Twitter-2017 a file is."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.config import Places


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)


def run(options: argparse.Namespace) -> None:
    from mner.data.which import render, which

    places = Places.from_environment()
    print(render(which(options.file, cache=places.cache, mirrors=places.mirrors)), end="")
