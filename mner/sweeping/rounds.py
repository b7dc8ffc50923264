"""Sweep in rounds: a rule says how many seeds each cell is to have, these are trained, and it is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mner.sweeping.run_plan import PlannedCell
from mner.sweeping.scheduler import Summary
from mner.sweeping.sweep_session import check_built

Place = tuple[str, str]
Rule = Callable[[Sequence[PlannedCell]], Mapping[Place, int]]
"""From a plan to how many of its planned seeds, the first ones, each cell is to have by now."""
Round = Callable[[Sequence[PlannedCell], float | None, bool], Summary]
"""Trains the missing runs of a plan in so many minutes (None: no limit); the flag also tries those that failed."""


def finished_seeds(plan: Sequence[PlannedCell], seeds: Sequence[int]) -> dict[Place, frozenset[int]]:
    """Give the seeds of the finished runs of each cell."""
    return {
        (cell.dataset, cell.system): frozenset(seeds)
        - {job.seed for job in cell.missing or ()}
        - {job.seed for job, _ in cell.failed}
        for cell in plan
    }


def limited(plan: Sequence[PlannedCell], seeds: Sequence[int], wanted: Mapping[Place, int]) -> list[PlannedCell]:
    """Leave in each cell the missing and failed runs of the seeds it is to have."""
    found = []
    for cell in plan:
        first = set(seeds[: wanted[cell.dataset, cell.system]])
        missing = tuple(job for job in cell.missing or () if job.seed in first)
        failed = tuple((job, why) for job, why in cell.failed if job.seed in first)
        found.append(replace(cell, missing=missing, failed=failed))
    return found


def sweep_in_rounds(
    plan_again: Callable[[], Sequence[PlannedCell]],
    seeds: Sequence[int],
    rule: Rule,
    train: Round,
    minutes: float | None = None,
    again: bool = False,
) -> Summary:
    """Train round by round until the rule wants no further run, time is up, or nothing more can be trained.

    Args:
        plan_again: makes a plan of what is missing now.
        seeds: all that are planned, in their order.
        rule: what each cell is to have.
        train: one round.
        minutes: for all rounds together; None is no limit.
        again: the first round also tries the runs that failed before.

    Returns:
        What became of the runs of all rounds; failed and unfinished ones are those of the last round.

    Raises:
        SweepError: inputs are not built.
    """
    started, trained, present = time.monotonic(), 0, 0
    while True:
        plan = plan_again()
        check_built(plan)
        part = limited(plan, seeds, rule(plan))
        left = None if minutes is None else minutes - (time.monotonic() - started) / 60
        if trained and left is not None and left <= 0:
            return Summary(trained, present, 0, sum(len(cell.missing or ()) for cell in part))
        summary = train(part, left, again)
        trained, present, again = trained + summary.trained, present + summary.present, False
        if summary.unfinished or not (summary.trained or summary.present):
            return replace(summary, trained=trained, present=present)
