"""Say which known version of Twitter-2015 or Twitter-2017 each file is, and what test sentences it holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli.json_output import json_argument, prints_only_json, write_answer

GROUP, EXAMPLE = "data", "mner which train.txt test.txt"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="file")
    json_argument(parser)
    parser.add_argument("--columns", metavar="NAMES", help="names of the columns, such as word,pos,chunk,tag")


def run(options: argparse.Namespace) -> None:
    from mner.config.places import Places
    from mner.data.dataset_versions import which
    from mner.data.version_report import render, to_json

    places = Places.from_environment()
    columns = [name.strip() for name in options.columns.split(",")] if options.columns else None
    found = []
    for number, file in enumerate(options.files):
        report = which(file, cache=places.cache, mirrors=places.mirrors, columns=columns)
        if not prints_only_json(options):
            said = render(report)
            show(f"\n{said}" if number else said, end="")
        if options.json is not None:
            found.append(to_json(report))
    write_answer(options, found)
