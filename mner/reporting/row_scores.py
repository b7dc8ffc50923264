"""Our P, R and F1 under the scorer of a printed row, so that both sides of a subtraction are scored alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mner.evaluation.rescored_results import RescoredRun
from mner.evaluation.score_results import OWN
from mner.reporting.cells import UNDEFINED, Cited, State
from mner.reporting.results import mean_of

OVERALL = ("P", "R", "F1")


def under_scorer(runs: Sequence[RescoredRun], scorer: str, version: str) -> Mapping[str, Cited | State] | None:
    """Average every metric of a cell under one scorer.

    Args:
        runs: The cell's entries of ``lenses.json``.
        scorer: Name of a scorer, such as ``rgcn-64``.
        version: The dataset version whose test split is scored.

    Returns:
        A cell for each of P, R, F1 and the data set's types in percent; None where a run was not scored so.
    """
    found = [(run.record, run.scores(version, OWN, scorer)) for run in runs]
    entries = [(record, entry) for record, entry in found if entry is not None and entry.f1 is not None]
    if not entries or len(entries) < len(found):
        return None
    records = tuple(record for record, _ in entries)
    metrics = (*OVERALL, *entries[0][1].types)
    return {metric: _mean([entry.metric(metric) for _, entry in entries], records) for metric in metrics}


def _mean(values: Sequence[float | None], records: tuple[str, ...]) -> Cited | State:
    defined = tuple(value for value in values if value is not None)
    return mean_of(defined, records) if len(defined) == len(records) else UNDEFINED
