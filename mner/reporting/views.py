"""Cells, tables and pages as the text that the template prints; a number is text by the time it gets there."""

from __future__ import annotations

from typing import Any

from mner.reporting.cells import Cell, Cited, Measured, Printed, Words
from mner.reporting.page import Figure, Page
from mner.reporting.tables import Table


def view(cell: Cell) -> dict[str, str]:
    """A cell as text for the template: kind, number, spread, mark, and what hovering says."""
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
        **{name: getattr(page, name) for name in ("id", "name", "title", "lead", "empty", "beside")},
        "figures": _beside(page),
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


def _beside(page: Page) -> list[tuple[str, Figure]]:
    """The figures of all parts, of the same kind beside one another, each with the name of its part."""
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
    }
