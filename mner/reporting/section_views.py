"""Sections, rows and proofs of a profile's page as text for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mner.data.corpus import PICTURE_PROBES
from mner.evaluation.comparable import pictures_read, shares_in_words
from mner.evaluation.kept_results import record_file
from mner.evaluation.reasons import visual_input
from mner.evaluation.rescoring import STANDARD
from mner.reporting.cells import NOT_RUN, Cited, Printed, State, cited, with_minus
from mner.reporting.layout import OVERALL, Block, Line, Section, types_of
from mner.reporting.page_views import view
from mner.reporting.run_facts import epoch, f1_on_dev, f1_on_test, train_again
from mner.reporting.seed_dots import Scale, axis, strip

SECTIONS = {"table1": "Table 1", "table2": "Table 2", "ita": "ITA"}


def section_view(
    section: Section, published: bool, runs: Mapping[str, Any], devices: Mapping[str, str]
) -> dict[str, Any]:
    table = section.table
    name = SECTIONS.get(section.id, "Further rows" if published else "Scores")
    title = section.title.removeprefix(f"{name}: ")
    return {
        "id": section.id,
        "name": name,
        "title": title[:1].upper() + title[1:],
        "source": table.source if table else "",
        "published": table is not None,
        "marks": list(table.marks.items()) if table else [],
        "open": section.has_results(),
        "blocks": [_block(section, block, runs, devices) for block in section.blocks],
    }


def _block(section: Section, block: Block, runs: Mapping[str, Any], devices: Mapping[str, str]) -> dict[str, Any]:
    """A data set of a section: the table of what was run, and that of printed rows that were not."""
    idle = [line for line in block.lines if section.table is not None and line.ours["F1"] == NOT_RUN]
    ran = [line for line in block.lines if line not in idle]
    tables = {
        name: _table(section, replace(block, lines=tuple(lines)), runs, devices) if lines else None
        for name, lines in (("ran", ran), ("idle", idle))
    }
    if tables["idle"]:  # names and printed numbers, and no other column
        tables["idle"]["span"] = str(1 + len(tables["idle"]["lines"][0]["cells"]))
    return {"title": block.title, "count": str(len(idle)), **tables}


def _table(section: Section, block: Block, runs: Mapping[str, Any], devices: Mapping[str, str]) -> dict[str, Any]:
    scale = Scale.over(cell for line in block.lines for cell in (line.rescored["F1"], line.paper["F1"]))
    types = types_of(block.lines)
    metrics = [*OVERALL, *types]
    if section.table is not None:
        metrics = [
            metric
            for metric in metrics
            if any(line.finished or isinstance(line.paper_of(metric), Printed) for line in block.lines)
        ]
    speeds = any(line.cell and line.cell.throughput for line in block.lines)
    lines = []
    group = ""
    for line in block.lines:
        heading = line.group if line.group != group else ""
        group = line.group
        lines.append({"heading": heading, **_line(section, line, metrics, scale, runs, devices)})
    return {
        "overall": [metric for metric in metrics if metric in OVERALL and metric != "F1"],
        "types": [metric for metric in metrics if metric in types],
        "overall_span": str(sum(metric in OVERALL and metric != "F1" for metric in metrics)),
        "types_span": str(sum(metric in types for metric in metrics)),
        "span": str(2 + len(metrics) + (section.table is not None) + 3 * block.has_ablations() + speeds),
        "axis": axis(scale),
        "probes": block.has_ablations(),
        "speeds": speeds,
        "lines": lines,
    }


def _line(
    section: Section,
    line: Line,
    metrics: Sequence[str],
    scale: Scale,
    runs: Mapping[str, Any],
    devices: Mapping[str, str],
) -> dict[str, Any]:
    row = line.row
    return {
        "id": f"{section.id}-{line.dataset}-{line.id}",
        "label": row.label if row else line.label,
        "by": line.system if row and line.system != row.system else "",
        "mark": row.mark if row else "",
        "system": line.system,
        "skipped": _skipped(line),
        "source": row.source if row else "",
        "title": f"{row.title}. {row.source}" if row else "",
        "cells": [
            {
                "metric": metric,
                "paper": view(line.paper_of(metric)),
                "ours": view(line.rescored.get(metric, line.ours_of(metric))),
            }
            for metric in metrics
        ],
        "dots": strip(line.rescored["F1"], line.paper["F1"], scale),
        "verdict": _verdict(line),
        "text_only": [{"system": row.system, **view(row.f1)} for row in line.text_only.rows],
        "probes": [view(line.probes[name]) for name in PICTURE_PROBES],
        "speeds": _speeds(line, devices),
        "notes": list(row.notes) if row else [],
        "conditions": _compared(line),
        "runs": _proof(line, runs),
    }


def _skipped(line: Line) -> str:
    """Why a row was passed over; empty where it was not."""
    f1 = line.ours["F1"]
    return f1.why if isinstance(f1, State) and f1 != NOT_RUN else ""


def _verdict(line: Line) -> dict[str, Any] | None:
    """The verdict of a line; ``apart`` says that the F1 it rests on is not that of conlleval."""
    verdict, ours = line.verdict, line.ours["F1"]
    if verdict is None:
        return None
    apart = isinstance(line.scored, Cited) and isinstance(ours, Cited) and line.scored.number != ours.number
    return {
        "name": verdict.name,
        "style": verdict.name.lower(),
        "difference": view(line.difference) if verdict.ours is not None else None,
        "rule": verdict.rule,
        "scored": view(line.scored),
        "standard": view(ours),
        "apart": apart,
        "reasons": [with_minus(reason) for reason in verdict.why],
        "caveats": [with_minus(caveat) for caveat in verdict.open_points],
    }


def _speeds(line: Line, devices: Mapping[str, str]) -> list[dict[str, Any]]:
    """Speeds by device; the mark is shown as soon as the page knows more than one device."""
    measured = line.cell.throughput if line.cell else {}
    speeds = []
    for device, values in measured.items():
        mark = devices[device] if len(devices) > 1 else ""
        style = {"digits": 0, "mark": mark, "unit": f"sentences per second on {device}"}
        speeds.append(
            {
                "train": view(cited(values["train_sentences_per_second"], **style)),
                "inference": view(cited(values["inference_sentences_per_second"], **style)),
            }
        )
    return speeds


def _compared(line: Line) -> list[tuple[str, str, str, str]]:
    """Conditions by name: theirs, ours by default, and ours where the verdict was taken."""
    if not line.finished or line.cell is None:
        return []
    ours = (
        line.cell.encoder_name,
        line.cell.visual_input,
        STANDARD,
        line.cell.dataset_version,
    )
    held = line.verdict.ours if line.verdict else None
    copy = f"{held.version}, test split" if held and held.version != ours[3] else ours[3]
    judged = (*ours[:2], held.scorer, copy) if held else ours
    names = ("encoder", "visual", "scorer", "copy")
    used = line.row.used[line.dataset] if line.row else None
    theirs = [
        (getattr(used, name) + (" (inferred)" if name in used.inferred else "")) if used else "–" for name in names
    ]
    titles = ("Encoder", "Visual input", "Scorer", "Dataset version")
    compared = list(zip(titles, theirs, ours, judged, strict=True))
    if visual_input(line.cell.visual_input).reads_pixels:
        read = shares_in_words(pictures_read(line.cell))
        compared.append(("Pictures read", "all", read, read))
    return compared


def _proof(line: Line, runs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per seed: F1 on test and dev, best epoch, key, record and command."""
    f1 = line.ours["F1"]
    if not isinstance(f1, Cited):
        return []
    proof = []
    for record in f1.records:
        run = runs[record]
        proof.append(
            {
                "seed": str(run.seed),
                "test": view(f1_on_test(run)),
                "dev": view(f1_on_dev(run)),
                "epoch": epoch(run),
                "key": run.key,
                "record": str(record_file(run)),
                "command": train_again(run.profile, run.dataset, run.system, run.seed),
            }
        )
    return proof
