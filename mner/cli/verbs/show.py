"""Print the rendered tables of the active profile: those that hold results of it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mner.base.escaping import show
from mner.base.files import read_json
from mner.base.terminal import with_notes_wrapped
from mner.cli import settings

SECTIONS = ("controls", "table1", "table2", "ita", "others")
LINKED_NAME = re.compile(r"^\| \[([^\]]+)\](?!\()", re.MULTILINE)
LINK_TARGETS = re.compile(r"^(\[[^\]]+\]: \S+\n)+\n?", re.MULTILINE)


def run(options: argparse.Namespace) -> None:
    from mner.evaluation.kept_results import HOW_TO_GET_RESULTS, NoResultsError

    folder = Path("reports/rendered") / settings().active.name
    if not folder.is_dir():
        raise NoResultsError(f"{folder} is not there; {HOW_TO_GET_RESULTS}")
    held = with_results(read_json(folder / "tables.json")["cells"])
    for place, section in enumerate(held):
        text = without_links((folder / f"{section}.md").read_text(encoding="utf-8"))
        show(with_notes_wrapped(text if place == 0 else without_preamble(text)))
    for section in SECTIONS:
        if section not in held and (folder / f"{section}.md").is_file():
            show(f"nothing was run for {folder / section}.md")
    show(f"the page: {folder / 'index.html'}   tracking: mlflow ui")


def with_results(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Sections in which at least one number is ours; ``entries`` are those of ``tables.json``."""
    ours = {entry["table"] for entry in entries if entry["origin"] == "ours" and entry["value"] is not None}
    return [section for section in SECTIONS if any(table.startswith(f"{section}-") for table in ours)]


def without_preamble(markdown: str) -> str:
    """Title and tables, without what the section before has said of the profile."""
    title, _, rest = markdown.partition("\n")
    return f"{title}\n\n{rest[rest.find('### ') :]}"


def without_links(markdown: str) -> str:
    """The tables without their row names' links, which a terminal cannot follow; columns keep their width."""
    return LINK_TARGETS.sub("", LINKED_NAME.sub(r"| \1  ", markdown))
