"""Fill MLflow from the records of finished runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.tracking.mlflow_store import TrackingError
from mner.tracking.mlflow_tracker import DEFAULT_URI, REBUILD

GROUP, EXAMPLE = "run", "mner track --rebuild"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rebuild", action="store_true", help="from the files alone; safe to repeat")
    parser.add_argument("--uri", default=DEFAULT_URI, help=f"the store to fill (default: {DEFAULT_URI})")


def run(options: argparse.Namespace) -> None:
    from mner.tracking.mlflow_tracker import rebuild

    if not options.rebuild:
        raise TrackingError(f"training tracks by itself; to fill MLflow from the files of runs: {REBUILD}")
    count = rebuild(Path("runs"), settings().active.name, options.uri)
    show(f"{count} runs are in {options.uri}; look at them with: mlflow ui")
