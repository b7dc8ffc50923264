"""Rounds of a sweep: what each trains, when they end, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from mner.sweeping.rounds import finished_seeds, limited, sweep_in_rounds
from mner.sweeping.run_plan import Failure, Job, PlannedCell
from mner.sweeping.scheduler import Summary, SweepError

SEEDS = (5, 6, 7, 8)
CELL = ("toy", "rgcn")


@dataclass
class World:
    """One cell whose runs finish when they are trained, but for those that fail."""

    fails: frozenset[int] = frozenset()
    done: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    rounds: list[tuple[list[int], float | None, bool]] = field(default_factory=list)

    def plan(self) -> list[PlannedCell]:
        jobs = {seed: Job(*CELL, seed, f"key {seed}") for seed in SEEDS}
        missing = tuple(jobs[seed] for seed in SEEDS if seed not in self.done | self.failed)
        failed = tuple((jobs[seed], Failure.of("key", "error", 1)) for seed in sorted(self.failed))
        return [PlannedCell(*CELL, len(SEEDS), missing, failed, None, None)]

    def train(self, plan: Sequence[PlannedCell], minutes: float | None, again: bool) -> Summary:
        (cell,) = plan
        jobs = [*(cell.missing or ()), *(job for job, _ in cell.failed if again)]
        asked = [job.seed for job in jobs]
        self.rounds.append((asked, minutes, again))
        self.failed |= self.fails & set(asked)
        self.done |= set(asked) - self.fails
        return Summary(len(set(asked) - self.fails), 0, len(self.fails & set(asked)), 0)


def test_seeds_are_added_as_the_rule_asks_until_it_asks_for_no_more() -> None:
    world = World()
    summary = sweep_in_rounds(
        world.plan, SEEDS, lambda plan: {CELL: 2 if len(finished_seeds(plan, SEEDS)[CELL]) < 2 else 3}, world.train
    )
    assert [asked for asked, *_ in world.rounds] == [[5, 6], [7], []]
    assert summary == Summary(3, 0, 0, 0)
    assert world.done == {5, 6, 7}


def test_runs_that_fail_end_the_rounds_and_are_tried_again_once() -> None:
    world = World(fails=frozenset({5}), failed={5})
    summary = sweep_in_rounds(world.plan, SEEDS, lambda plan: {CELL: 2}, world.train, again=True)
    assert [(asked, again) for asked, _, again in world.rounds] == [([6, 5], True), ([], False)]
    assert summary.trained == 1


def test_a_round_begins_only_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 600.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    world = World()
    wanted = iter([2, 4])
    summary = sweep_in_rounds(world.plan, SEEDS, lambda plan: {CELL: next(wanted)}, world.train, minutes=5.0)
    assert [asked for asked, *_ in world.rounds] == [[5, 6]]
    assert summary == Summary(2, 0, 0, 2)


def test_a_round_is_cut_off_with_what_is_left_of_it() -> None:
    world = World()
    summary = sweep_in_rounds(world.plan, SEEDS, lambda plan: {CELL: 4}, lambda *_: Summary(1, 0, 0, 3))
    assert summary == Summary(1, 0, 0, 3)


def test_a_plan_without_inputs_is_refused() -> None:
    bare = PlannedCell(*CELL, len(SEEDS), None, (), None, None)
    with pytest.raises(SweepError):
        sweep_in_rounds(lambda: [bare], SEEDS, lambda plan: {CELL: 2}, World().train)


def test_a_limited_plan_has_the_first_seeds_alone() -> None:
    world = World(done={5}, failed={7})
    assert finished_seeds(world.plan(), SEEDS) == {CELL: frozenset({5})}
    (cell,) = limited(world.plan(), SEEDS, {CELL: 2})
    assert [job.seed for job in cell.missing or ()] == [6]
    assert cell.failed == ()
