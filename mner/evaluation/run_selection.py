"""What a cell would have printed had the epoch been picked on test, or the best seed been reported.

Meters of what must not be done, so that a reader knows what it is worth. They read ``lenses.json`` and touch no
result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mner.evaluation.scoring import PredictionName

OWN = "test.own"


@dataclass(frozen=True, slots=True)
class Picked:
    """Per run (same order everywhere), F1 in percent: as chosen on dev, and at its best epoch on test.

    ``on_test`` is None where predictions of single epochs were not kept for every run.
    """

    records: tuple[str, ...]
    on_dev: tuple[float, ...]
    on_test: tuple[float, ...] | None


def runs_of(lenses: Mapping[str, Any], dataset: str, system: str) -> list[Mapping[str, Any]]:
    """A cell's entries of ``lenses.json``."""
    return [run for run in lenses["runs"] if (run["dataset"], run["system"]) == (dataset, system)]


def scored(run: Mapping[str, Any], copy: str, name: str, lens: str) -> Mapping[str, Any] | None:
    """One entry of ``lenses.json``: a run's scores on a copy under a lens; None where there are none."""
    return run["copies"].get(copy, {}).get(name, {}).get(lens)


def picked(runs: Sequence[Mapping[str, Any]], lens: str, copy: str | None = None) -> Picked | str:
    """What the runs of one cell reach under ``lens`` on ``copy`` (None: their own), or why that is not known.

    ``runs`` are the cell's entries in ``lenses.json``.
    """
    if not runs:
        return "the runs were not scored under other rules"
    on_dev, on_test = [], []
    complete = True
    for run in runs:
        held = copy or run["data_copy"]
        entry = scored(run, held, OWN, lens)
        if entry is None:
            return f"the {held} copy of this test split is not at hand"
        if "state" in entry:
            return entry["state"]
        epochs = [
            values["f1"]
            for name, by_lens in run["copies"][held].items()
            if _is_own_epoch(name) and "f1" in (values := by_lens[lens])
        ]
        complete = complete and bool(epochs)
        on_dev.append(entry["f1"])
        on_test.append(max([*epochs, entry["f1"]]))
    return Picked(tuple(run["record"] for run in runs), tuple(on_dev), tuple(on_test) if complete else None)


def _is_own_epoch(name: str) -> bool:
    said = PredictionName.of(name)
    return said.epoch is not None and said.is_own_test
