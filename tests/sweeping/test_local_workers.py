"""Processes that train: what a sweep hears of them when they work, die, or cannot start. Work is pretended."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mner.sweeping.progress import Event, Kind, Setting, Share
from mner.sweeping.run_plan import Job
from mner.sweeping.workers import local, worker
from mner.sweeping.workers.local import LOG_TAIL, START_TRIES, LocalWorkers, WorkersError

LINES = [f"line {number}" for number in range(LOG_TAIL + 5)]


class Pretended:
    """Stands for the worker in a process: its runs do what their system is called."""

    def __init__(self, setting: Setting, share: Share, tell: Callable[[Event], object]) -> None:
        for end in setting.config.ends:  # a fork holds the sweep's ends of pipes too, and would keep them open
            end.close()
        if share.device == "slow to end":
            multiprocessing.util.Finalize(None, time.sleep, (0.3,), exitpriority=1)
        if share.device == "absent":
            os.write(2, b"RuntimeError: no such device\n")
            os._exit(1)
        self._tell = tell

    def train_run(self, job: Job, seconds_left: float | None) -> Event:
        if job.system == "killed":
            os.write(1, "\n".join(LINES).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        if job.system == "lost":
            os._exit(worker.DEVICE_LOST)
        self._tell(Event(Kind.EPOCH, job, f"{seconds_left} s left", 1))
        if job.system == "endless":
            time.sleep(600)
        return Event(Kind.FINISHED, job)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LocalWorkers]]:
    """Starts workers on the named devices; they are forks of this process, which takes milliseconds."""
    fork, ends, made = multiprocessing.get_context("fork"), [], []

    def pipe() -> tuple:
        ours, theirs = fork.Pipe()
        ends.append(ours)
        return ours, theirs

    context = SimpleNamespace(Pipe=pipe, Process=fork.Process)
    monkeypatch.setattr(local.multiprocessing, "get_context", lambda kind: context)
    monkeypatch.setattr(worker, "Worker", Pretended)

    def start(*devices: str) -> LocalWorkers:
        setting = Setting(SimpleNamespace(ends=ends), tmp_path, "a test", tracked=False)
        made.append(LocalWorkers(setting, [Share(1, device) for device in devices]))
        return made[-1]

    yield start
    for workers in made:
        workers.close()


def job(system: str, seed: int = 1) -> Job:
    return Job("toy", system, seed, f"{system}-{seed}")


def heard(workers: LocalWorkers, count: int) -> list[tuple[int, Event]]:
    """The next events, ``count`` at least."""
    news, end = [], time.monotonic() + 30
    while len(news) < count:
        assert time.monotonic() < end, f"of {count} events only {news} came"
        news += workers.events(0.1)
    return news


def test_what_a_run_says_comes_in_order_and_its_outcome_last(make) -> None:
    workers = make("cpu", "cpu")
    workers.give(1, job("fine"), 7.5)
    assert heard(workers, 2) == [
        (1, Event(Kind.EPOCH, job("fine"), "7.5 s left", 1)),
        (1, Event(Kind.FINISHED, job("fine"))),
    ]


def test_a_process_that_dies_is_told_with_its_last_words_and_replaced(make) -> None:
    workers = make("cpu")
    workers.give(0, job("killed"), None)
    ((number, event),) = heard(workers, 1)
    assert (number, event.kind, event.job) == (0, Kind.DIED, job("killed"))
    assert event.text.splitlines() == ["ended by SIGKILL (out of memory?)", *LINES[-LOG_TAIL:]]
    workers.give(0, job("lost"), None)
    ((_, event),) = heard(workers, 1)
    assert event == Event(Kind.DIED, job("lost"), f"ended with exit code {worker.DEVICE_LOST}")
    workers.give(0, job("fine"), None)
    assert heard(workers, 2)[-1] == (0, Event(Kind.FINISHED, job("fine")))


def test_an_idle_process_that_dies_is_replaced_and_costs_no_run(make) -> None:
    workers = make("cpu")
    for system, events in (("fine", 2), ("lost", 1)):
        workers.give(0, job(system), None)
        heard(workers, events)
        workers._processes[0].kill()
        ((_, event),) = heard(workers, 1)
        assert (event.kind, event.job, event.exhausted) == (Kind.DIED, None, True)
    workers.give(0, job("fine", 2), None)
    assert heard(workers, 2)[-1] == (0, Event(Kind.FINISHED, job("fine", 2)))


def test_a_run_given_to_a_process_that_has_just_died_is_told_of_its_death(make) -> None:
    workers = make("cpu")
    workers._processes[0].kill()
    workers._processes[0].join()
    workers.give(0, job("fine"), None)
    ((_, event),) = heard(workers, 1)
    assert (event.kind, event.job) == (Kind.DIED, job("fine"))


def test_runs_that_kill_their_processes_do_not_pass_for_processes_that_cannot_start(make) -> None:
    workers = make("cpu")
    for seed in range(START_TRIES + 1):
        workers.give(0, job("lost", seed), None)
        ((_, event),) = heard(workers, 1)
        assert (event.kind, event.job) == (Kind.DIED, job("lost", seed))


def test_processes_that_cannot_start_end_the_sweep_and_are_no_fault_of_its_runs(make) -> None:
    workers = make("cpu", "absent")
    for _ in range(START_TRIES - 1):
        workers.give(1, job("fine"), None)
        assert [event.kind for _, event in heard(workers, 1)] == [Kind.DIED]
    workers.give(1, job("fine"), None)
    with pytest.raises(WorkersError) as raised:
        heard(workers, 1)
    assert str(raised.value).endswith("1\nRuntimeError: no such device")


def test_the_end_waits_for_the_idle_kills_the_busy_and_leaves_no_file(make, tmp_path: Path) -> None:
    workers = make("slow to end", "cpu")
    workers.give(0, job("fine"), None)
    workers.give(1, job("endless"), None)
    heard(workers, 3)
    processes = list(workers._processes)
    workers.close()
    assert [process.exitcode for process in processes] == [0, -signal.SIGKILL]
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
