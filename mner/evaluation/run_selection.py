"""What a cell would have printed had the epoch been picked on test, or the best seed been reported.

Meters of what must not be done, so that a reader knows what it is worth. They read ``lenses.json`` and touch no
result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mner.evaluation.rescored_results import RescoredRun
from mner.evaluation.score_results import OWN
from mner.evaluation.scoring import PredictionName


@dataclass(frozen=True, slots=True)
class Picked:
    """Per run (same order everywhere), F1 in percent: as chosen on dev, and at its best epoch on test.

    ``on_test`` is None where predictions of single epochs were not kept for every run.
    """

    records: tuple[str, ...]
    on_dev: tuple[float, ...]
    on_test: tuple[float, ...] | None


def picked(runs: Sequence[RescoredRun], scorer: str, version: str | None = None) -> Picked | str:
    """What the runs of one cell reach under a scorer on a dataset version (None: their own), or why not."""
    if not runs:
        return "the runs were not scored under other rules"
    on_dev, on_test = [], []
    complete = True
    for run in runs:
        held = version or run.dataset_version
        entry = run.scores(held, OWN, scorer)
        if entry is None:
            return f"version {held} of this test split is missing"
        if entry.f1 is None:
            return entry.state or f"F1 under {scorer} is not defined"
        epochs = [
            f1
            for name, by_scorer in run.versions[held].items()
            if _is_own_epoch(name) and (f1 := by_scorer[scorer].f1) is not None
        ]
        complete = complete and bool(epochs)
        on_dev.append(entry.f1)
        on_test.append(max([*epochs, entry.f1]))
    return Picked(tuple(run.record for run in runs), tuple(on_dev), tuple(on_test) if complete else None)


def _is_own_epoch(name: str) -> bool:
    said = PredictionName.of(name)
    return said.epoch is not None and said.is_own_test
