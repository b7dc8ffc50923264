"""Print the rendered tables of the active profile."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from mner.commands import settings
from mner.reporting.reference import NoResultsError

LINKED_NAME = re.compile(r"^\| \[([^\]]+)\](?!\()", re.MULTILINE)
LINK_TARGETS = re.compile(r"^(\[[^\]]+\]: \S+\n)+\n?", re.MULTILINE)


def run(options: argparse.Namespace) -> None:
    folder = Path("reports/rendered") / settings().active.name
    if not folder.is_dir():
        raise NoResultsError(f"{folder} is not there; run `dvc repro` first")
    for table in ("table1.md", "table2.md"):
        print(without_links((folder / table).read_text(encoding="utf-8")))
    print(f"the page: {folder / 'index.html'}   tracking: mlflow ui")


def without_links(markdown: str) -> str:
    """The tables without their row names' links, which a terminal cannot follow; columns keep their width."""
    return LINK_TARGETS.sub("", LINKED_NAME.sub(r"| \1  ", markdown))
