"""What the papers print for each cell, how far our mean is from it, and the verdict: for trackers and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mner.config.schema import VerifySettings
from mner.evaluation.paper import Paper
from mner.evaluation.run_selection import runs_of
from mner.evaluation.verdicts import judge


def printed_gaps(
    scores: Mapping[str, Any], lenses: Mapping[str, Any], paper: Paper, limits: VerifySettings
) -> dict[tuple[str, str], dict[str, Any]]:
    """Judge each finished cell against the first row that prints an F1 for it.

    Args:
        scores: content of ``scores.json``.
        lenses: content of ``lenses.json``.
        paper: the printed tables.
        limits: margin and level of the verdicts.

    Returns:
        By data set and system: ``printed_f1``, ``verdict`` and, where known, the ``gap`` (ours minus printed, F1).
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in scores["cells"]:
        place = cell["dataset"], cell["system"]
        if cell["state"] != "finished":
            continue
        for _, row in paper.rows_for(*place):
            figure = row.figure(cell["dataset"], "F1")
            verdict = judge(cell, row, paper, limits.margin, limits.alpha, runs_of(lenses, *place))
            if figure is None or verdict is None:
                continue
            gap = {} if verdict.difference is None else {"gap": verdict.difference}
            found[place] = {"printed_f1": figure.value, "verdict": verdict.name, **gap}
            break
    return found
