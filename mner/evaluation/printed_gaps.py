"""What the papers print for each cell, how far our mean is from it, and the verdict: for trackers and metrics."""

from __future__ import annotations

from typing import Any

from mner.config.schema import VerifySettings
from mner.evaluation.paper import Paper
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.verdicts import judge


def printed_gaps(
    scores: ScoreResults, rescored: RescoredResults, paper: Paper, limits: VerifySettings
) -> dict[tuple[str, str], dict[str, Any]]:
    """Judge each finished cell against the first row that prints an F1 for it.

    Args:
        scores: scores of the cells.
        rescored: the same runs under every scorer.
        paper: the printed tables.
        limits: margin and level of the verdicts.

    Returns:
        By data set and system: ``printed_f1``, ``verdict`` and, where known, the ``gap`` (ours minus printed, F1).
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in scores.cells:
        place = cell.dataset, cell.system
        if not cell.is_finished:
            continue
        for _, row in paper.rows_for(*place):
            figure = row.figure(cell.dataset, "F1")
            verdict = judge(cell, row, paper, limits.margin, limits.alpha, rescored.runs_of(*place))
            if figure is None or verdict is None:
                continue
            gap = {} if verdict.difference is None else {"gap": verdict.difference}
            found[place] = {"printed_f1": figure.value, "verdict": verdict.name, **gap}
            break
    return found
