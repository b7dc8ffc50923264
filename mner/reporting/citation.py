"""A sentence to copy: one number of ours with everything that a quotation of it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mner.evaluation.averages import encoder_name
from mner.evaluation.verdicts import NOT_COMPARABLE
from mner.files import sha256_of_json
from mner.reporting.cells import Cited
from mner.reporting.layout import Line, Section
from mner.reporting.runs import commit


def example_citation(parts: Sequence[Section], scores: Mapping[str, Any]) -> str:
    """The first number of ours in words; empty where there is none."""
    for part in parts:
        for block in part.blocks:
            for line in block.lines:
                if isinstance(line.ours["F1"], Cited) and line.cell is not None:
                    return _sentence(line, line.ours["F1"], line.cell, block.title, scores)
    return ""


def _sentence(line: Line, f1: Cited, cell: Mapping[str, Any], dataset: str, scores: Mapping[str, Any]) -> str:
    runs = [run for run in scores["runs"] if run["record"] in f1.records]
    seeds = f"mean ± s.d. over {f1.runs} seeds" if f1.runs > 1 else "one seed"
    commits = sorted({commit(run).replace("(dirty)", "with uncommitted changes") for run in runs})
    said = (
        f"Row {line.system} ({', '.join(_conditions(cell))}) reaches {f1.plain()} F1 on {dataset} ({seeds}; "
        f"conlleval, word level; profile {scores['profile']}, commit {', '.join(commits)}; "
        f"scores.json {sha256_of_json(scores)[:12]})."
    )
    if line.verdict is None or line.verdict.name != NOT_COMPARABLE:
        return said
    return f"{said} Not comparable with the printed {line.label}: {'; '.join(line.verdict.why)}."


def _conditions(cell: Mapping[str, Any]) -> list[str]:
    """Encoder, frozen layers and epochs of a finished cell, in words."""
    recipe = cell["recipe"]
    frozen = recipe.get("frozen_layers") or 0
    epochs = recipe["epochs"]
    most = "at most " if recipe.get("patience") else ""
    return [
        f"encoder {encoder_name(cell)}",
        f"{frozen} of its layers frozen" if frozen else "no layer frozen",
        f"{most}{epochs} epoch{'' if epochs == 1 else 's'}",
    ]
