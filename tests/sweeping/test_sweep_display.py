"""What a sweep shows while it goes on: lines of runs that ended, bars on a terminal, the time left."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from mner.sweeping import progress as display
from mner.sweeping.progress import Display, Event, Kind
from mner.sweeping.run_plan import Job

SLOW, FAST = ("toy", "slow"), ("toy", "fast")
JOBS = [Job(*SLOW, 1, "s1"), Job(*FAST, 1, "f1"), Job(*FAST, 2, "f2")]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(display, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def shown(costs: Mapping, jobs: list[Job] = JOBS, workers: int = 2) -> tuple[Display, list[str]]:
    lines: list[str] = []
    return Display(jobs, workers, {SLOW: 10, FAST: 10}, costs, lines.append), lines


def ended(job: Job) -> Event:
    return Event(Kind.FINISHED, job, "done")


def test_costs_weigh_the_time_left_and_unknown_ones_are_the_mean_of_the_others(clock: list[float]) -> None:
    show, lines = shown({SLOW: 30.0})  # so a fast run is taken to cost 30, too
    show.started(0, JOBS[1])
    clock[0] += 6
    show.update(0, ended(JOBS[1]))
    known, others = shown({SLOW: 40.0, FAST: 20.0})
    known.started(0, JOBS[1])
    clock[0] += 6
    known.update(0, ended(JOBS[1]))
    assert lines == ["[1/3] toy x fast seed 1: done; about 12 s left"]
    assert others == ["[1/3] toy x fast seed 1: done; about 18 s left"]


def test_runs_that_took_no_work_of_ours_tell_nothing_of_the_speed(clock: list[float]) -> None:
    show, lines = shown({})
    clock[0] += 6
    show.update(0, Event(Kind.PRESENT, JOBS[0]))
    show.update(0, ended(JOBS[1]))
    show.update(0, ended(JOBS[2]))
    assert lines == [
        "[1/3] toy x slow seed 1: found finished, trained by another process",
        "[2/3] toy x fast seed 1: done; about 6 s left",
        "[3/3] toy x fast seed 2: done",
    ]


def test_what_a_run_had_done_is_no_longer_under_way_when_it_is_set_aside(clock: list[float]) -> None:
    show, lines = shown({SLOW: 10.0, FAST: 10.0})
    show.started(0, JOBS[0])
    show.update(0, Event(Kind.EPOCH, JOBS[0], "", 5))
    show.update(0, Event(Kind.POISONED, JOBS[0], "Traceback\n  ...\nValueError: no\n\n"))
    show.set_aside(JOBS[0])
    clock[0] += 4
    show.update(1, ended(JOBS[1]))
    assert lines == [
        "[0/3] toy x slow seed 1: it raised an error; ValueError: no",
        "[2/3] toy x fast seed 1: done; about 4 s left",
    ]


def test_places_are_as_wide_as_the_last_and_a_worker_without_a_run_is_one(clock: list[float]) -> None:
    show, lines = shown({}, [Job(*FAST, seed, f"f{seed}") for seed in range(10)])
    show.update(0, Event(Kind.DIED, None, ""))
    show.update(0, Event(Kind.BUSY, JOBS[1], "process 7 holds it"))
    assert lines == ["[ 0/10] a worker without a run: its process died"]


class Bar:
    """Stands for a progress bar of tqdm."""

    def __init__(self, total: int, desc: str, position: int, disable: bool, **how: object) -> None:
        self.total, self.desc, self.position, self.disable = total, desc, position, disable
        self.n, self.after, self.open = 0, "", True

    def set_description(self, text: str) -> None:
        self.desc = text

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        self.after = text

    def reset(self, total: int) -> None:
        self.n, self.total = 0, total

    def update(self, count: int) -> None:
        self.n += count

    def close(self) -> None:
        self.open = False


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    made: list[Bar] = []
    monkeypatch.setattr(display, "tqdm", lambda **how: made.append(Bar(**how)))
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: terminal))
    shown({})
    assert [bar.disable for bar in made] == [not terminal] * 3
    assert [bar.position for bar in made] == [0, 1, 2], "one for all runs, and one a worker below it"


def test_a_workers_bar_follows_its_run_and_the_one_of_all_counts_what_is_open_no_more(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    made: list[Bar] = []

    def tqdm(**how: object) -> Bar:
        made.append(Bar(**how))
        return made[-1]

    tqdm.external_write_mode = nullcontext
    monkeypatch.setattr(display, "tqdm", tqdm)
    show, _ = shown({})
    with show:
        every, first, second = made
        assert (every.total, every.n) == (3, 0)
        show.started(1, JOBS[0])
        # A run that goes on after its fourth epoch begins there.
        for epoch in (5, 6):
            show.update(1, Event(Kind.EPOCH, JOBS[0], "dev F1 3.00", epoch))
        assert (second.desc, second.total, second.n, second.after) == ("toy x slow seed 1", 10, 6, "dev F1 3.00")
        assert (first.desc, first.n) == ("starting", 0)
        show.update(1, ended(JOBS[0]))
        show.started(1, JOBS[1])
        assert (every.n, second.desc, second.n) == (1, "toy x fast seed 1", 0)
        show.set_aside(JOBS[1])
        show.set_aside(JOBS[1])
        assert every.n == 2
        assert all(bar.open for bar in made)
    assert not any(bar.open for bar in made)
