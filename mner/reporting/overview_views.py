"""What the overview's template prints, as text: answers, findings, tables, curves, logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mner.data.corpus import TYPES
from mner.evaluation.paper import Paper
from mner.reporting.answers import Answer
from mner.reporting.cells import Cell, Cited, Measured, Printed, State, with_minus
from mner.reporting.findings import Finding
from mner.reporting.gap_parts import GapPart
from mner.reporting.kept_cells import DATASETS, KeptCells
from mner.reporting.learning_curves import curve_chart, curves_of
from mner.reporting.log_tables import log_tables
from mner.reporting.overview_rows import OverviewRow, OverviewTable
from mner.reporting.page_views import table_view
from mner.reporting.references import References
from mner.reporting.run_facts import dataset_title, train_again

ENCODERS = {"minilm": "MiniLM", "mpnet-base": "MPNet-base", "none": "no encoder"}
TABLES = {"table1": "Table 1", "table2": "Table 2", "ita": "ITA"}
REST = "unexplained"


def lead(found: Sequence[Answer]) -> Mapping[str, Any]:
    """Say whether the first headline system's F1 is reproducible, from its verdicts."""
    system = found[0].system if found else ""
    of = [answer for answer in found if answer.system == system]
    printed = " and ".join(f"{answer.printed.number} on {answer.dataset_title}" for answer in of)
    reached = " and ".join(answer.scored.number for answer in of)
    rest = " and ".join(str(_of(answer, REST).cell.plain()) for answer in of)
    judged = [answer for answer in of if answer.is_judged]
    if judged:
        said = ", ".join(f"{answer.verdict.name} on {answer.dataset_title}" for answer in judged)
        short = f"Verdict: {said}."
    else:
        short = "Not shown so far, and not refuted."
    return {
        "question": f"Is {of[0].title}’s F1 reproducible?" if of else "Printed F1 and ours",
        "title": of[0].title if of else "",
        "short": short,
        "printed": printed,
        "reached": reached,
        "rest": rest,
        "judged": bool(judged),
        "encoders": ", ".join(dict.fromkeys(_encoder(answer.encoder) for answer in of)),
        "differing": _listed(list(dict.fromkeys(kind for answer in of for kind in answer.differing))),
    }


def _listed(words: Sequence[str]) -> str:
    *most, last = words or ("",)
    return f"{', '.join(most)} and {last}" if most else last


def answer_view(answer: Answer, kept: KeptCells) -> dict[str, Any]:
    """One card of the first screen; bars are in percent of the width of an axis that all of the card share."""
    gap = answer.gap
    levels = [gap.printed, gap.start, gap.best, *(part.after for part in gap.parts)]
    low, high = min(levels), max(levels)
    return {
        "id": f"{answer.system}-{answer.dataset}",
        "title": answer.title,
        "dataset": answer.dataset_title,
        "printed": answer.printed.number,
        "printed_about": answer.printed.source,
        "verdict": answer.verdict.name,
        "style": answer.verdict.name.lower(),
        "differing": ", ".join(answer.differing),
        "ours": answer.ours.number,
        "spread": answer.ours.spread,
        "runs": str(answer.ours.runs),
        "encoder": _encoder(answer.encoder),
        "profile": answer.cell.profile,
        "scored": answer.scored.number,
        "scorer": answer.verdict.ours.scorer if answer.verdict.ours else "",
        "difference": answer.difference.plain(),
        "above": [_bar(part, low, high) for part in gap.to_best],
        "below": [_bar(part, low, high) for part in gap.to_start if part.before != gap.best or _has(part)],
        "missing": [part.title for part in gap.to_start if not _has(part)],
        "start": answer.start.number,
        "start_spread": answer.start.spread,
        "start_runs": str(answer.start.runs),
        "start_profile": kept.runs[answer.start.records[0]].profile,
        "best_at": _percent(gap.best, low, high),
        "proof": _row_id(answer),
    }


def _row_id(answer: Answer) -> str:
    table = "ita" if answer.system.startswith("ita") else "table1"
    return f"proof-{table}-{answer.dataset}-{answer.row.id}"


def _of(answer: Answer, name: str) -> GapPart:
    return next(part for part in answer.gap.parts if part.name == name)


def _has(part: GapPart) -> bool:
    return isinstance(part.cell, Measured)


def _bar(part: GapPart, low: float, high: float) -> dict[str, str]:
    left, right = sorted((part.before, part.after))
    number = part.cell.number if isinstance(part.cell, Measured) else part.cell.text
    return {
        "name": part.name,
        "title": part.title,
        "number": number,
        "kind": "points" if isinstance(part.cell, Measured) else "state",
        "left": _percent(left, low, high),
        "width": f"{max(0.0, 100 * (right - left) / (high - low or 1)):.2f}",
    }


def _percent(value: float, low: float, high: float) -> str:
    return f"{100 * (value - low) / (high - low or 1):.2f}"


def _encoder(name: str) -> str:
    return ENCODERS.get(name, name)


def finding_view(finding: Finding, kept: KeptCells) -> dict[str, Any]:
    """A finding with its table and the folders that hold its records."""
    records = sorted({r for row in finding.table.rows for cell in row.cells for r in getattr(cell, "records", ())})
    folders = sorted({path.rsplit("/", 3)[0] for path in kept.files(records)})
    return {
        "id": finding.id,
        "title": finding.title,
        "text": finding.text,
        "command": finding.command,
        "table": table_view(finding.table),
        "records": str(len(records)),
        "folders": folders,
    }


def table_views(tables: Sequence[OverviewTable], kept: KeptCells, references: References) -> list[dict[str, Any]]:
    """Published tables, each with its blocks by data set; a row has a link to its proof."""
    found: dict[str, dict[str, Any]] = {}
    for table in tables:
        entry = found.setdefault(
            table.table.id,
            {
                "id": table.table.id,
                "name": TABLES.get(table.table.id, table.table.id),
                "title": table.table.title.removeprefix(f"{TABLES.get(table.table.id)}: "),
                "source": table.table.source,
                "marks": list(table.table.marks.items()),
                "blocks": [],
            },
        )
        entry["blocks"].append(_block(table, kept, references))
    return list(found.values())


def _block(table: OverviewTable, kept: KeptCells, references: References) -> dict[str, Any]:
    metrics = [metric for metric in table.metrics if metric != "F1"]
    return {
        "id": table.id,
        "title": table.title,
        "metrics": metrics,
        "types": [metric for metric in metrics if metric in TYPES],
        "rows": [_row(row, metrics, kept, references) for row in table.rows],
    }


def _row(row: OverviewRow, metrics: Sequence[str], kept: KeptCells, references: References) -> dict[str, Any]:
    reference, verdict = references.of(row.row), row.verdict
    return {
        "id": row.id,
        "label": row.label,
        "group": row.group,
        "source": row.row.source,
        "doi": reference.doi if reference else "",
        "reports": [{"url": one.url, "says": one.says} for one in reference.reports] if reference else [],
        "printed": _number(row.paper["F1"]),
        "ours": _number(row.ours["F1"]),
        "standard": _number(row.standard),
        "difference": _number(row.difference),
        "cells": [{"paper": _number(row.paper[metric]), "ours": _number(row.ours[metric])} for metric in metrics],
        "scorer": row.scorer,
        "encoder": _encoder(row.encoder) if row.encoder else "",
        "profile": row.profile,
        "runs": str(len(row.cell.runs)) if row.cell else "",
        "verdict": verdict.name if verdict else "",
        "style": verdict.name.lower() if verdict else "",
        "reproduced": row.cell is not None and kept.is_byte_reproduced(row.cell),
        "proof": _proof(row, kept),
    }


def _number(cell: Cell) -> dict[str, str]:
    """Number, spread and a key to sort by; a state sorts last."""
    if isinstance(cell, Cited | Measured | Printed):
        mark = cell.figure.mark if isinstance(cell, Printed) else ""
        key = cell.number.replace("−", "-").lstrip("+")
        return {"kind": "number", "text": cell.number, "spread": cell.spread, "mark": mark, "key": key}
    text = "–" if isinstance(cell, State) and cell.text == "not run" else cell.plain()
    return {"kind": "state", "text": text, "spread": "", "mark": "", "key": ""}


def _proof(row: OverviewRow, kept: KeptCells) -> dict[str, Any] | None:
    """Verdict with reasons, the subtraction, records and the command; None where nothing was run."""
    if row.cell is None:
        return None
    verdict, printed, ours = row.verdict, row.paper["F1"], row.ours["F1"]
    sides = ""
    if isinstance(printed, Printed) and isinstance(ours, Cited):
        sides = f"{ours.number} − {printed.number} = {row.difference.plain()}"
    records = list(row.cell.level.records)
    return {
        "sides": sides,
        "reasons": [with_minus(reason) for reason in verdict.why] if verdict else [],
        "caveats": [with_minus(caveat) for caveat in verdict.open_points] if verdict else [],
        "notes": list(row.row.notes),
        "records": kept.files(records),
        "command": train_again(row.profile, row.dataset, row.system),
    }


def curve_views(kept: KeptCells) -> list[dict[str, Any]]:
    """One drawing a data set, with the profiles its runs are of."""
    found = []
    for dataset in DATASETS:
        curves = curves_of(kept, dataset)
        if curves:
            profiles = ", ".join(dict.fromkeys(curve.profile for curve in curves))
            title = dataset_title(dataset)
            found.append({"title": title, "profiles": profiles, "drawing": curve_chart(dataset, curves)})
    return found


def log_views(paper: Paper) -> list[dict[str, Any]]:
    """The tables of authors' logs."""
    return [table_view(table) for dataset in DATASETS for table in log_tables(paper, dataset)]
