"""Give the numbers and curves of a profile that DVC shows (``dvc metrics``, ``dvc exp show``, ``dvc plots``)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from mner.evaluation.paper import Paper
from mner.evaluation.score_results import ScoredCell, ScoredRun, ScoreResults
from mner.evaluation.verdicts import judge
from mner.reporting.results import Results, Settings

SPEED = "train_sentences_per_second"


def metrics(results: Results, paper: Paper, settings: Settings) -> dict[str, dict[str, float | str]]:
    """Give our F1 of every finished cell with the printed one.

    Returns:
        By ``<data set>/<system>``: mean and s.d. of F1 in percent, the printed F1, ours under the printed row's
        scorer and their difference in points, the verdict, and sentences per second of training. What is unknown
        is left out.
    """
    return {
        f"{cell.dataset}/{cell.system}": _cell(cell, results, paper, settings)
        for cell in results.scores.cells
        if cell.is_finished
    }


def _cell(cell: ScoredCell, results: Results, paper: Paper, settings: Settings) -> dict[str, float | str]:
    dataset, system = cell.dataset, cell.system
    f1 = cell.own_f1
    found: dict[str, float | str | None] = {"f1": f1.mean, "f1_sd": f1.sd}
    for _, row in paper.rows_for(dataset, system):
        figure = row.figure(dataset, "F1")
        verify = settings.verify
        verdict = judge(cell, row, paper, verify.margin, verify.alpha, results.runs(dataset, system))
        if figure is not None and verdict is not None:
            difference = None if verdict.difference is None else round(verdict.difference, 4)
            found |= {"f1_printed": figure.value, "difference": difference, "verdict": verdict.name}
            found["f1_row_scorer"] = None if difference is None else figure.value + difference
            break
    measured = (meters.get(SPEED) for meters in cell.throughput.values())
    speeds = [speed.mean for speed in measured if speed is not None]
    found["sentences_per_second"] = statistics.fmean(speeds) if speeds else None
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in found.items()
        if value is not None
    }


def learning_curves(scores: ScoreResults) -> list[dict[str, float | str]]:
    """Give dev F1 after every epoch, one entry per run and epoch, epochs counted from 1."""
    return [
        {"row": f"{_name(run)}/{run.seed}", "epoch": epoch, "dev_f1": round(f1, 4)}
        for run in _finished(scores)
        for epoch, f1 in enumerate(run.dev_f1, 1)
    ]


def costs(scores: ScoreResults) -> list[dict[str, float | str]]:
    """Give mean test F1 and mean minutes of training, one entry per cell."""
    runs = _finished(scores)
    return [
        {
            "row": name,
            "minutes": round(_mean([run.duration_seconds for run in runs if _name(run) == name]) / 60, 3),
            "f1": round(_mean([run.views["test.own"].f1 for run in runs if _name(run) == name]), 4),
        }
        for name in dict.fromkeys(map(_name, runs))
    ]


def _finished(scores: ScoreResults) -> list[ScoredRun]:
    return [run for run in scores.runs if run.is_finished]


def _name(run: ScoredRun) -> str:
    return f"{run.dataset}/{run.system}"


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)
