"""Who gets which run, what is tried again, when it is given up: the scheduler, with workers that only pretend."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.messages import names

from mner.sweeping import scheduler as schedule
from mner.sweeping.progress import Display, Event, Kind
from mner.sweeping.run_plan import Failure, Job, QuarantineError, failure_of
from mner.sweeping.scheduler import TRIES, Schedule, Summary, SweepError
from mner.training.runs import FAILURE


class Pretending:
    """Workers whose every run ends at once as ``outcome`` of (job, how often it was tried) says."""

    def __init__(self, count: int, outcome: Callable[[Job, int], Event]) -> None:
        self.count, self._outcome = count, outcome
        self.given: list[tuple[int, Job]] = []
        self._running: list[tuple[int, Event]] = []

    def give(self, worker: int, job: Job, seconds_left: float | None) -> None:
        self.given.append((worker, job))
        self._running.append((worker, self._outcome(job, sum(one == job for _, one in self.given))))

    def events(self, timeout: float) -> list[tuple[int, Event]]:
        news, self._running = self._running, []
        return news

    def close(self) -> None:
        pass


class OneByOne(Pretending):
    """Each call tells of one run, the one given first; ``clock`` goes on by a second meanwhile."""

    def __init__(self, count: int, outcome: Callable[[Job, int], Event], clock: list[float]) -> None:
        super().__init__(count, outcome)
        self._clock = clock

    def events(self, timeout: float) -> list[tuple[int, Event]]:
        self._clock[0] += 1
        news, self._running = self._running[:1], self._running[1:]
        return news


def jobs(*cells: str, seeds: int = 2) -> list[Job]:
    return [Job("toy", cell, seed, f"{cell}-{seed}") for cell in cells for seed in range(seeds)]


def carried_out(
    todo: list[Job],
    outcome: Callable[[Job, int], Event],
    folder: Path,
    count: int = 2,
    seconds: float | None = None,
    epoch_seconds: dict | None = None,
    clock: list[float] | None = None,
) -> tuple[Summary, Pretending, list[str]]:
    workers = Pretending(count, outcome) if clock is None else OneByOne(count, outcome, clock)
    lines: list[str] = []
    with Display(todo, count, {job.cell: 3 for job in todo}, {}, lines.append) as display:
        made = Schedule(
            todo, workers, display, lambda job: folder / job.system / str(job.seed), epoch_seconds or {}, seconds
        )
        return made.run(), workers, lines


def finished(job: Job, tries: int) -> Event:
    return Event(Kind.FINISHED, job, "dev F1 50.00")


def test_each_run_is_given_once_and_a_worker_stays_with_its_cell(tmp_path):
    todo = jobs("a", "b", seeds=3)
    summary, workers, _ = carried_out(todo, finished, tmp_path)
    assert summary == Summary(6, 0, 0, 0)
    assert sorted(job for _, job in workers.given) == sorted(todo)
    assert {(worker, job.system) for worker, job in workers.given} == {(0, "a"), (1, "b")}


def test_an_idle_worker_helps_where_most_is_left(tmp_path):
    _, workers, _ = carried_out(jobs("a", seeds=1) + jobs("b", seeds=4), finished, tmp_path)
    assert {worker for worker, job in workers.given if job.system == "b"} == {0, 1}


def test_a_run_whose_process_dies_is_tried_again_but_not_for_ever(tmp_path):
    def outcome(job: Job, tries: int) -> Event:
        dies = job.system == "a" or (job.system == "b" and tries == 1)
        return Event(Kind.DIED, job, "ended by SIGKILL") if dies else finished(job, tries)

    summary, workers, lines = carried_out(jobs("a", "b", "c", seeds=1), outcome, tmp_path)
    assert summary == Summary(trained=2, present=0, failed=1, unfinished=0)
    assert [sum(job.system == cell for _, job in workers.given) for cell in "abc"] == [TRIES, 2, 1]
    failure = failure_of(tmp_path / "a" / "0", "a-0")
    assert (failure.tries, failure.error) == (TRIES, "worker process died: ended by SIGKILL")
    assert sum("its process died; ended by SIGKILL" in line for line in lines) == TRIES + 1


def test_a_run_whose_process_died_is_the_next_one_given(tmp_path):
    def outcome(job: Job, tries: int) -> Event:
        return Event(Kind.DIED, job, "ended by SIGKILL") if tries == 1 and job.seed == 0 else finished(job, tries)

    _, workers, _ = carried_out(jobs("a", seeds=3), outcome, tmp_path, count=1)
    assert [job.seed for _, job in workers.given] == [0, 0, 1, 2]


def test_a_run_that_raises_is_not_tried_again(tmp_path):
    traceback = "Traceback (most recent call last):\n  ...\nValueError: no\n"
    summary, workers, _ = carried_out(
        jobs("a", seeds=1), lambda job, tries: Event(Kind.POISONED, job, traceback), tmp_path
    )
    assert summary == Summary(0, 0, 1, 0)
    assert len(workers.given) == 1
    note = json.loads((tmp_path / "a" / "0" / FAILURE).read_text())
    assert (note["error"], note["traceback"], note["tries"]) == ("ValueError: no", traceback, 1)
    assert failure_of(tmp_path / "a" / "0", "another key") is None


def test_a_run_that_is_set_aside_is_counted_as_done_with(tmp_path):
    def outcome(job: Job, tries: int) -> Event:
        return Event(Kind.POISONED, job, "ValueError") if job.seed == 0 else finished(job, tries)

    _, _, lines = carried_out(jobs("a"), outcome, tmp_path, count=1)
    assert [line.partition(";")[0] for line in lines] == [
        "[0/2] toy x a seed 0: it raised an error",
        "[2/2] toy x a seed 1: dev F1 50.00",
    ]


def test_a_run_of_another_process_is_looked_at_again_until_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "BUSY_SECONDS", 0.01)

    def outcome(job: Job, tries: int) -> Event:
        return Event(Kind.BUSY, job, "process 7 holds it") if tries < 3 else Event(Kind.PRESENT, job)

    summary, workers, lines = carried_out(jobs("a", seeds=1), outcome, tmp_path)
    assert summary == Summary(trained=0, present=1, failed=0, unfinished=0)
    assert len(workers.given) == 3
    assert sum("process 7 holds it" in line for line in lines) == 1


def test_a_run_that_cannot_end_an_epoch_in_time_is_not_begun_unless_it_is_the_first(tmp_path):
    slow = {("toy", "a"): 100.0, ("toy", "b"): 100.0}
    summary, workers, _ = carried_out(jobs("a", "b"), finished, tmp_path, seconds=60.0, epoch_seconds=slow)
    assert summary == Summary(trained=1, present=0, failed=0, unfinished=3)
    assert len(workers.given) == 1


def test_nothing_begins_when_time_is_up(tmp_path):
    summary, workers, _ = carried_out(jobs("a"), finished, tmp_path, seconds=0.0)
    assert (summary, workers.given) == (Summary(0, 0, 0, 2), [])


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The scheduler's clock, in seconds, set by hand."""
    now = [100.0]
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_an_idle_worker_helps_where_most_is_left_of_what_others_are_at(tmp_path, clock):
    todo = jobs("a", seeds=1) + jobs("b", seeds=2) + jobs("c", seeds=4)
    _, workers, _ = carried_out(todo, finished, tmp_path, count=3, clock=clock)
    assert [job.system for _, job in workers.given[:3]] == ["a", "b", "c"]
    assert (workers.given[3][0], workers.given[3][1].system) == (0, "c")


def test_a_worker_stays_with_its_cell_though_another_is_at_it_and_other_cells_wait(tmp_path, clock):
    def outcome(job: Job, tries: int) -> Event:
        return Event(Kind.BUSY, job, "held") if job.system == "c" and tries == 1 else finished(job, tries)

    _, workers, _ = carried_out(jobs("a", seeds=6) + jobs("c", seeds=1), outcome, tmp_path, clock=clock)
    # When c's run is to be had again, both workers have the data of a in memory.
    assert [job.key for _, job in workers.given] == ["a-0", "c-0", "a-1", "a-2", "a-3", "a-4", "a-5", "c-0"]


def test_a_run_that_others_hold_until_time_is_up_is_unfinished(tmp_path, clock):
    """Asked for every three seconds after the answer that it is busy, for ten seconds in all."""
    asked = []

    def outcome(job: Job, tries: int) -> Event:
        asked.append(clock[0])
        return Event(Kind.BUSY, job, "process 7 holds it")

    summary, _, _ = carried_out(jobs("a", seeds=1), outcome, tmp_path, seconds=10.0, clock=clock)
    assert (summary, asked, clock[0]) == (Summary(0, 0, 0, 1), [100.0, 104.0, 108.0], 110.0)


def test_a_run_whose_epoch_fits_into_what_is_left_is_begun(tmp_path, clock):
    known = {("toy", "a"): 8.0, ("toy", "b"): 10.0}
    summary, workers, _ = carried_out(
        jobs("a", seeds=4) + jobs("b"), finished, tmp_path, count=1, seconds=10.0, epoch_seconds=known, clock=clock
    )
    # Ten, nine and eight seconds are left: an epoch of eight does not end within eight.
    assert [job.key for _, job in workers.given] == ["a-0", "a-1"]
    assert summary == Summary(2, 0, 0, 4)


def test_a_run_stopped_after_an_epoch_is_unfinished(tmp_path):
    summary, workers, _ = carried_out(jobs("a"), lambda job, tries: Event(Kind.STOPPED, job), tmp_path)
    assert (summary, len(workers.given)) == (Summary(0, 0, 0, 2), 2)


def test_tries_are_counted_over_deaths_and_errors(tmp_path):
    def outcome(job: Job, tries: int) -> Event:
        return Event(Kind.DIED, job, "ended by SIGKILL") if tries == 1 else Event(Kind.POISONED, job, "ValueError")

    carried_out(jobs("a", seeds=1), outcome, tmp_path)
    assert failure_of(tmp_path / "a" / "0", "a-0").tries == 2


def test_a_note_of_a_failure_that_cannot_be_read_is_named(tmp_path):
    Failure.of("key", "  \n", 1).write(tmp_path)
    assert failure_of(tmp_path, "key").error == "no reason given"
    assert failure_of(tmp_path / "elsewhere", "key") is None
    note = json.loads((tmp_path / FAILURE).read_text())
    for broken in ("{", "[]", json.dumps(note | {"format": 2}), json.dumps(note | {"more": 1})):
        (tmp_path / FAILURE).write_text(broken)
        with pytest.raises(QuarantineError, match=names(FAILURE)):
            failure_of(tmp_path, "key")


def test_changed_inputs_end_the_sweep(tmp_path):
    with pytest.raises(SweepError, match=names("a", 0)):
        carried_out(jobs("a"), lambda job, tries: Event(Kind.CHANGED, job, "its key was 1 and is 2"), tmp_path)


def test_the_time_left_counts_the_epochs_of_runs_under_way(monkeypatch):
    """Two workers at one epoch a second each: after one run of three epochs, the other's two epochs count too."""
    clock = [100.0]
    monkeypatch.setattr("mner.sweeping.progress.time", SimpleNamespace(monotonic=lambda: clock[0]))
    todo, lines = jobs("a", seeds=4), []
    with Display(todo, 2, {todo[0].cell: 3}, {todo[0].cell: 30.0}, lines.append) as display:
        for worker in (0, 1):
            display.started(worker, todo[worker])
            display.update(worker, Event(Kind.EPOCH, todo[worker], "", 2))
        clock[0] += 3
        display.update(0, Event(Kind.EPOCH, todo[0], "", 3))
        display.update(0, finished(todo[0], 1))
    # Five epochs in three seconds; seven of twelve are left.
    assert lines == ["[1/4] toy x a seed 0: dev F1 50.00; about 4 s left"]
