"""Print the tables of the active profile; where there is no pipeline, the kept results.

Only tables that hold results of the profile are printed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mner.base.escaping import show
from mner.base.files import read_json
from mner.base.terminal import with_notes_wrapped
from mner.cli import PARAMS, settings, settings_anywhere
from mner.cli.json_output import json_argument, prints_only_json, write_answer

GROUP, EXAMPLE = "results", "mner show"
SECTIONS = ("controls", "table1", "table2", "ita", "others")
LINKED_NAME = re.compile(r"^\| \[([^\]]+)\](?!\()", re.MULTILINE)
LINK_TARGETS = re.compile(r"^(\[[^\]]+\]: \S+\n)+\n?", re.MULTILINE)


def arguments(parser: argparse.ArgumentParser) -> None:
    json_argument(parser)


def run(options: argparse.Namespace) -> None:
    from mner.evaluation.kept_results import HOW_TO_GET_RESULTS, NoResultsError

    if not PARAMS.is_file():
        _show_kept(options)
        return
    folder = Path("reports/rendered") / settings().active.name
    if not folder.is_dir():
        raise NoResultsError(f"{folder} is not there; {HOW_TO_GET_RESULTS}")
    tables = read_json(folder / "tables.json")
    write_answer(options, tables)
    if prints_only_json(options):
        return
    held = with_results(tables["cells"])
    for place, section in enumerate(held):
        text = without_links((folder / f"{section}.md").read_text(encoding="utf-8"))
        show(with_notes_wrapped(text if place == 0 else without_preamble(text)))
    for section in SECTIONS:
        if section not in held and (folder / f"{section}.md").is_file():
            show(f"nothing was run for {folder / section}.md")
    show(f"the page: {folder / 'index.html'}   tracking: mlflow ui")


def _show_kept(options: argparse.Namespace) -> None:
    from mner.base.shipped_files import shipped
    from mner.evaluation.paper_reading import load_paper
    from mner.evaluation.published_recipes import requirements
    from mner.reporting.kept_summary import kept_metrics, render

    config = settings_anywhere()
    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    kept = kept_metrics(shipped("results"), paper, config)
    if not prints_only_json(options):
        show(render(kept), end="")
    write_answer(options, kept)


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
