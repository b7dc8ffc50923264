"""Fill MLflow from the records of finished runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rebuild", action="store_true", required=True, help="from the files alone; safe to repeat"
    )
    parser.add_argument("--uri", default="sqlite:///mlflow.db")


def run(options: argparse.Namespace) -> None:
    from mner.tracking.mlflow import rebuild

    count = rebuild(Path("runs"), settings().active.name, options.uri)
    print(f"{count} runs are in {options.uri}; look at them with: mlflow ui")
