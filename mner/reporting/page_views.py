"""Cells, tables, pages and a citation to copy as the text that the template prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mner.base.files import sha256_of_json
from mner.evaluation.result_files import as_json
from mner.evaluation.score_results import ScoredCell, ScoreResults
from mner.evaluation.verdicts import NOT_COMPARABLE
from mner.reporting.cells import Cell, Cited, Measured, Printed, Words
from mner.reporting.layout import Line, Section
from mner.reporting.page import Figure, Page
from mner.reporting.run_facts import commit
from mner.reporting.tables import Table


def example_citation(parts: Sequence[Section], scores: ScoreResults) -> str:
    """The first number of ours in words; empty where there is none."""
    for part in parts:
        for block in part.blocks:
            for line in block.lines:
                if isinstance(line.ours["F1"], Cited) and line.cell is not None:
                    return _sentence(line, line.ours["F1"], line.cell, block.title, scores)
    return ""


def _sentence(line: Line, f1: Cited, cell: ScoredCell, dataset: str, scores: ScoreResults) -> str:
    runs = [run for run in scores.runs if run.record in f1.records]
    seeds = f"mean ± s.d. over {f1.runs} seeds" if f1.runs > 1 else "one seed"
    commits = sorted({commit(run).replace("(dirty)", "with uncommitted changes") for run in runs})
    said = (
        f"Row {line.system} ({', '.join(_conditions(cell))}) reaches {f1.plain()} F1 on {dataset} ({seeds}; "
        f"conlleval, word level; profile {scores.profile}, commit {', '.join(commits)}; "
        f"scores.json {sha256_of_json(as_json(scores))[:12]})."
    )
    if line.verdict is None or line.verdict.name != NOT_COMPARABLE:
        return said
    return f"{said} Not comparable with the printed {line.label}: {'; '.join(line.verdict.why)}."


def _conditions(cell: ScoredCell) -> list[str]:
    """Encoder, frozen layers and epochs of a finished cell, in words."""
    recipe = cell.recipe
    frozen = recipe.get("frozen_layers") or 0
    epochs = recipe["epochs"]
    most = "at most " if recipe.get("patience") else ""
    return [
        f"encoder {cell.encoder_name}",
        f"{frozen} of its layers frozen" if frozen else "no layer frozen",
        f"{most}{epochs} epoch{'' if epochs == 1 else 's'}",
    ]


def view(cell: Cell) -> dict[str, str]:
    """A cell as text for the template: kind, number, spread, mark, and what it rests on."""
    if isinstance(cell, Cited):
        unit = f", {cell.unit}" if cell.unit else ""
        what = f"mean ± s.d. over {cell.runs} seeds" if cell.runs > 1 else "one seed"
        about = f"{what}{unit}: {', '.join(cell.records)}"
        return {"kind": "ours", "number": cell.number, "spread": cell.spread, "mark": cell.mark, "about": about}
    if isinstance(cell, Printed):
        return {
            "kind": "paper",
            "number": cell.number,
            "spread": cell.spread,
            "mark": cell.figure.mark,
            "about": f"as printed: {cell.source}",
        }
    if isinstance(cell, Measured):
        about = f"{cell.method}{f' ({cell.unit})' if cell.unit else ''}: {', '.join(cell.records)}"
        return {
            "kind": "measured",
            "number": cell.number,
            "spread": cell.spread,
            "mark": cell.mark,
            "about": about,
        }
    kind = "words" if isinstance(cell, Words) else "state"
    return {"kind": kind, "number": cell.text, "spread": "", "mark": "", "about": cell.why}


def page_view(page: Page) -> dict[str, Any]:
    """A page of the analysis for the template."""
    return {
        **{name: getattr(page, name) for name in ("id", "name", "title", "lead", "empty", "side_by_side")},
        "figures": _side_by_side(page),
        "parts": [
            {
                "title": part.title,
                "figures": part.figures,
                "folded": part.folded,
                "tables": [table_view(table) for table in part.tables],
            }
            for part in page.parts
        ],
    }


def _side_by_side(page: Page) -> list[tuple[str, Figure]]:
    """The figures of all parts, of the same kind side by side, each with the name of its part."""
    most = max((len(part.figures) for part in page.parts), default=0)
    return [
        (part.title, part.figures[place])
        for place in range(most)
        for part in page.parts
        if place < len(part.figures)
    ]


def table_view(table: Table) -> dict[str, Any]:
    """A table of an analysis page for the template, its group headings in place."""
    table.check()
    lines, group = [], ""
    for row in table.rows:
        heading = row.group if row.group != group else ""
        group = row.group
        label, *cells = row.cells
        lines.append({"heading": heading, "label": label.plain(), "cells": [view(cell) for cell in cells]})
    return {
        "id": table.id,
        "title": table.title,
        "columns": [{"title": column.title, "origin": column.origin} for column in table.columns],
        "span": str(len(table.columns)),
        "lines": lines,
        "notes": table.notes,
        "sources": _sources(lines),
    }


def _sources(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """By row what its cells rest on, each source once; rows of words alone have none."""
    found = []
    for line in lines:
        said = dict.fromkeys(cell["about"] for cell in line["cells"] if cell["about"])
        if said:
            found.append((str(line["label"]), "; ".join(said)))
    return found
