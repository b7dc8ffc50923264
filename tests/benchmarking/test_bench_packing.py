"""Seeds at once: processes that start together, stacked parameters that train as each alone, rounds in turns."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from support.profile_settings import settings

from mner.benchmarking import packing, two_processes
from mner.benchmarking.measure import Clock

CONFIG = settings()
CPU = torch.device("cpu")


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are forks of this one, which takes milliseconds."""
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(packing.multiprocessing, "get_context", lambda kind: fork)


def test_the_time_of_processes_is_from_the_first_start_to_the_last_end(monkeypatch, forks) -> None:
    def work(job: Any, seed: int, threads: int, barrier: Any, results: Any) -> None:
        assert threads == (2 if barrier.parties == 3 else 7)
        barrier.wait(20)
        results.put((10.0 + seed, 15.0 + 2 * seed))

    monkeypatch.setattr(packing, "_work", work)
    job = SimpleNamespace(threads=7)
    assert packing.side_by_side(job, 1) == 5.0
    assert packing.side_by_side(job, 3) == 19.0 - 10.0
    monkeypatch.setattr(packing, "_work", lambda job, seed, threads, barrier, results: results.put((threads, 2)))
    assert packing.side_by_side(SimpleNamespace(threads=1), 2) == 1, "a process has a thread at least"


def test_a_process_that_fails_lets_the_others_go_and_is_counted(monkeypatch, forks) -> None:
    class Broken:
        def trainee(self, seed: int) -> None:
            if seed == 1:
                raise MemoryError
            return SimpleNamespace(
                workload=SimpleNamespace(batches=lambda size, count, training: []), device=CPU, recipe=None
            )

        threads, updates = 1, 0

    monkeypatch.setattr(packing, "make_deterministic", lambda: None)
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="2 of 2 benchmark processes failed; their errors stand above"):
        packing.side_by_side(Broken(), 2)
    assert time.monotonic() - started < 60


class Worker:
    """The other end of a pipe: a rate is the number of its turn, a hundred times that where memory is kept."""

    def __init__(self, keep: bool, seen: list[tuple[bool, int]]) -> None:
        self._keep, self._seen = keep, seen

    def send(self, turn: int) -> None:
        self._seen.append((self._keep, turn))

    def poll(self, timeout: float) -> bool:
        return True

    def recv(self) -> float:
        keep, turn = self._seen[-1]
        assert keep is self._keep
        return turn * (100.0 if keep else 1.0)


def test_two_processes_take_turns_and_their_first_rounds_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, int]] = []

    @contextlib.contextmanager
    def worker(make_round: Any, clock: Clock, keep: bool) -> Iterator[Worker]:
        yield Worker(keep, seen)

    monkeypatch.setattr(two_processes, "_worker", worker)
    kept, handed_back = two_processes.with_and_without_kept_memory(lambda: None, 3, Clock(CPU), "t")
    assert (kept.rounds, handed_back.rounds) == ((100.0, 200.0, 300.0), (1.0, 2.0, 3.0))
    assert seen == [(keep, turn) for turn in range(4) for keep in (True, False)]


@pytest.mark.parametrize("keep", [True, False])
def test_one_of_the_two_keeps_what_it_frees_and_both_have_as_many_threads(monkeypatch, keep: bool) -> None:
    done: list[str] = []
    turns, moments, told = iter([0]), iter((10.0, 12.0)), []

    def recv() -> int:
        for turn in turns:
            return turn
        raise EOFError

    monkeypatch.setattr(two_processes, "make_deterministic", lambda: done.append("deterministic"))
    monkeypatch.setattr(two_processes, "keep_freed_memory", lambda: done.append("keeps") or True)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: done.append(f"{count} threads"))
    asked = SimpleNamespace(recv=recv, send=told.append)
    two_processes._serve(asked, lambda: lambda: 8, lambda: next(moments), keep, 3)
    assert done == ["deterministic", "3 threads", *(["keeps"] if keep else [])]
    assert told == [4.0], "sentences a second"


@pytest.mark.parametrize("answer", ["ended", "silent"])
def test_a_process_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    ours, theirs = multiprocessing.Pipe()
    monkeypatch.setattr(two_processes, "TIMEOUT", 0)
    if answer == "ended":
        theirs.close()
    told = "ended before it answered; its error stands above" if answer == "ended" else "did not answer for 0 s"
    with pytest.raises(RuntimeError, match=told):
        two_processes._answer(ours)
