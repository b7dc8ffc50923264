"""A waterfall in the few parts that a reader needs first: not explained, scorer, dataset version, training."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mner.evaluation.waterfall import REST, Step, Waterfall
from mner.reporting.cells import Measured, State

CONDITIONS = ("visual", "encoder", "training")
"""Steps that other runs account for, from the paper's side to ours."""


@dataclass(frozen=True, slots=True)
class GapPart:
    """One part of a gap: F1 points (or why there are none), and the F1 in percent at its two ends."""

    name: str
    title: str
    cell: Measured | State
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Parts from a printed F1 down to ``best`` (the runs nearest to the paper), then on to ``start``.

    ``start`` differs from ``best`` where cheaper runs say what training accounts for.
    """

    printed: float
    to_best: tuple[GapPart, ...]
    best: float
    to_start: tuple[GapPart, ...]
    start: float

    @property
    def parts(self) -> tuple[GapPart, ...]:
        """All parts in order."""
        return (*self.to_best, *self.to_start)


def gap_of(fall: Waterfall) -> Gap:
    """Sum up a waterfall.

    Whether seed or epoch were picked on test is not known of any row, so those steps stay in the first part.
    """
    steps = {step.name: step for step in fall.steps}
    why = "mean of ours, scored as the printed row, minus the printed F1"
    rest = Step("unexplained", "not explained", REST, fall.unpicked, why, records=fall.reached)
    above = (rest, replace(steps["scorer"], title="scorer"), replace(steps["version"], title="dataset version"))
    below = tuple(steps[name] for name in CONDITIONS if steps[name].measured or name == "training")
    parts = tuple(_parts(fall.printed, (*above, *below)))
    best = parts[len(above) - 1].after
    return Gap(fall.printed, parts[: len(above)], best, parts[len(above) :], statistics.fmean(fall.ours))


def _parts(level: float, steps: Sequence[Step]) -> Iterator[GapPart]:
    """Rounded such that the parts add up as printed."""
    shown = round(level, 2)
    for step in steps:
        after = level + step.points
        rounded = round(after, 2)
        cell: Measured | State = State(step.state, step.why)
        if step.measured:
            cell = Measured(step.points, step.records, step.why, signed=True, shown=rounded - shown)
        yield GapPart(step.name, step.title.partition(",")[0].lower(), cell, level, after)
        level, shown = after, rounded
