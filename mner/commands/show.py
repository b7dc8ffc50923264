"""Print the rendered tables of the active profile."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings
from mner.reporting.reference import NoResultsError


def run(options: argparse.Namespace) -> None:
    folder = Path("reports/rendered") / settings().active.name
    if not folder.is_dir():
        raise NoResultsError(f"{folder} is not there; run `dvc repro` first")
    for table in ("table1.md", "table2.md"):
        print((folder / table).read_text(encoding="utf-8"))
    print(f"the page: {folder / 'index.html'}   tracking: mlflow ui")
