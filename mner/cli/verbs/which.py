"""Say which known version of Twitter-2015 or Twitter-2017 each file is, and what test sentences it holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="file")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all reports as JSON; - is standard output"
    )
    parser.add_argument("--columns", metavar="NAMES", help="names of the columns, such as word,pos,chunk,tag")


def run(options: argparse.Namespace) -> None:
    import json

    from mner.base.files import write_json_atomically
    from mner.config.places import Places
    from mner.data.dataset_versions import which
    from mner.data.version_report import render, to_json

    places = Places.from_environment()
    columns = [name.strip() for name in options.columns.split(",")] if options.columns else None
    on_output = options.json is not None and str(options.json) == "-"
    found = []
    for number, file in enumerate(options.files):
        report = which(file, cache=places.cache, mirrors=places.mirrors, columns=columns)
        if not on_output:
            said = render(report)
            show(f"\n{said}" if number else said, end="")
        if options.json is not None:
            found.append(to_json(report))
    if on_output:
        print(json.dumps(found, indent=1))
    elif options.json is not None:
        write_json_atomically(options.json, found)
