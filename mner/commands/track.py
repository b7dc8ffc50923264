"""Fill MLflow from the records of finished runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings
from mner.escaping import show
from mner.tracking.mlflow import DEFAULT_URI, REBUILD
from mner.tracking.store import TrackingError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rebuild", action="store_true", help="from the files alone; safe to repeat")
    parser.add_argument("--uri", default=DEFAULT_URI, help=f"the store to fill (default: {DEFAULT_URI})")


def run(options: argparse.Namespace) -> None:
    from mner.tracking.mlflow import rebuild

    if not options.rebuild:
        raise TrackingError(f"training tracks by itself; to fill MLflow from the files of runs: {REBUILD}")
    count = rebuild(Path("runs"), settings().active.name, options.uri)
    show(f"{count} runs are in {options.uri}; look at them with: mlflow ui")
