"""The overview: one page over all profiles that opens with the answer, from committed results alone.

``python -m mner.reporting.overview`` writes it to ``docs/page``; it needs neither data nor training.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mner.base.files import sha256_of_json, write_text_atomically
from mner.base.shipped_files import shipped
from mner.config.loading import settings_of
from mner.config.profiles import composed
from mner.evaluation.kept_results import REFERENCE
from mner.evaluation.paper import Paper
from mner.evaluation.paper_reading import load_paper
from mner.evaluation.published_recipes import requirements
from mner.evaluation.result_files import as_json
from mner.reporting.answers import Answer, answers
from mner.reporting.findings import Finding, findings
from mner.reporting.kept_cells import KeptCells
from mner.reporting.overview_rows import OverviewTable, overview_tables
from mner.reporting.overview_views import answer_view, curve_views, finding_view, lead, log_views, table_views
from mner.reporting.references import References, bibtex, load_references
from mner.reporting.site import environment
from mner.reporting.tables import Table, to_csv, to_entries, to_latex

PAGE = Path("docs/page")
MARGIN, ALPHA = 0.5, 0.05
"""Of verdicts on committed results: F1 points, and the level of each one-sided test."""


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the page says, before it is put into words and HTML."""

    kept: KeptCells
    paper: Paper
    references: References
    answers: tuple[Answer, ...]
    findings: tuple[Finding, ...]
    tables: tuple[OverviewTable, ...]

    @classmethod
    def of(cls, kept: KeptCells, paper: Paper, references: References) -> Overview:
        """Judge every printed row against the preferred profile's runs."""
        return cls(
            kept,
            paper,
            references,
            answers(kept, paper, MARGIN, ALPHA),
            findings(kept, paper),
            overview_tables(kept, paper, MARGIN, ALPHA),
        )

    @property
    def data_tables(self) -> tuple[Table, ...]:
        """What CSV, JSON and LaTeX hold."""
        rows = tuple(table.as_table(self.kept.records) for table in self.tables)
        return (*rows, *(finding.table for finding in self.findings))


def overview_files(overview: Overview, templates: Path, profiles: Sequence[str] = ()) -> dict[str, str]:
    """Render every file of the overview.

    Args:
        overview: What to say.
        templates: Folder of ``overview.html.j2`` and its style and script.
        profiles: Profiles whose own page stands in a folder next to ``index.html``.

    Returns:
        Texts by file name; the same results give the same bytes.
    """
    tables = overview.data_tables
    entries = [entry for table in tables for entry in to_entries(table)]
    return {
        "index.html": render_overview(overview, templates, profiles),
        "tables.csv": to_csv(tables),
        "tables.json": _json_lines(entries),
        "tables.tex": "\n".join(to_latex(table) for table in tables),
        "references.bib": bibtex(overview.paper, overview.references),
    }


def _json_lines(entries: Sequence[Mapping[str, Any]]) -> str:
    """One JSON document with an entry a line, so that two versions can be compared; empty fields are left out."""
    lines = ",\n".join(
        json.dumps({key: value for key, value in entry.items() if value not in (None, [])}, ensure_ascii=False)
        for entry in entries
    )
    return f'{{"format": 1, "cells": [\n{lines}\n]}}\n'


def render_overview(overview: Overview, templates: Path, profiles: Sequence[str]) -> str:
    """The page as HTML; its script is allowed by its hash, and everything can be read without it."""
    script = (templates / "overview.js").read_text(encoding="utf-8").strip()
    kept = overview.kept
    context: dict[str, Any] = {
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "lead": lead(overview.answers),
        "answers": [answer_view(answer, kept) for answer in overview.answers],
        "findings": [finding_view(finding, kept) for finding in overview.findings],
        "tables": table_views(overview.tables, kept, overview.references),
        "curves": curve_views(kept),
        "logs": log_views(overview.paper),
        "profiles": list(profiles),
        "held": [
            (one.scores.profile, str(len(one.scores.runs)), sha256_of_json(as_json(one.scores))[:12])
            for one in kept.profiles
        ],
    }
    return environment(templates).get_template("overview.html.j2").render(context)


def write_overview(target: Path, paper: Paper, further: Path | None = None) -> tuple[Path, ...]:
    """Write the overview into ``target`` and return its files; nothing where no profile on real data has results.

    Folders of ``target`` with a page of their own (``target/quick/index.html``) are linked and left as they are.
    """
    kept = KeptCells.read(REFERENCE, further)
    if not kept.cells:
        return ()
    profiles = sorted(file.parent.name for file in target.glob("*/index.html"))
    overview = Overview.of(kept, paper, load_references(shipped("references.yaml")))
    files = overview_files(overview, shipped("templates"), profiles)
    for name, text in files.items():
        write_text_atomically(target / name, text)
    return tuple(target / name for name in files)


def declared_paper() -> Paper:
    """The printed tables, with what the declared rows require of a run."""
    declared = settings_of(composed("full"), Path("profile full"))
    return load_paper(shipped("paper.yaml")).requiring(requirements(declared.systems))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the committed copy of the page, or the same files elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, default=PAGE, help="folder to write (default: docs/page)")
    target = parser.parse_args(arguments).target
    for path in write_overview(target, declared_paper()):
        print(path)


if __name__ == "__main__":
    main()
