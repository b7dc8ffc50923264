"""Timing one round of training in two processes that differ in a setting no process can take back."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import torch
from tqdm import tqdm

from mner.benchmarking.measure import Clock, Rates, Round
from mner.training.determinism import keep_freed_memory, make_deterministic

TIMEOUT = 600


def with_and_without_kept_memory(
    make_round: Callable[[], Round], rounds: int, clock: Clock, label: str
) -> tuple[Rates, Rates]:
    """Rates of a round in a process that keeps what it frees, and in one that hands it back; in turns.

    ``make_round`` is sent to both processes, so it must be picklable; each makes its own model. The first round of
    either is not counted.

    Raises:
        RuntimeError: one of the processes ended before it answered; its own error stands above.
    """
    seen: dict[bool, list[float]] = {True: [], False: []}
    with contextlib.ExitStack() as stack, tqdm(total=2 * rounds, desc=label, unit="round", leave=False) as bar:
        workers = {keep: stack.enter_context(_worker(make_round, clock, keep)) for keep in seen}
        for turn in range(rounds + 1):
            for keep, worker in workers.items():
                worker.send(turn)
                rate = _answer(worker)
                if turn:
                    seen[keep].append(rate)
                    bar.update()
    return Rates(tuple(seen[True])), Rates(tuple(seen[False]))


@contextlib.contextmanager
def _worker(make_round: Callable[[], Round], clock: Clock, keep: bool) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_serve, args=(theirs, make_round, clock, keep, torch.get_num_threads()), daemon=True
    )
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(TIMEOUT)


def _answer(worker: Connection) -> float:
    try:
        if worker.poll(TIMEOUT):
            return worker.recv()
    except EOFError:
        raise RuntimeError("a benchmark process ended before it answered; its error stands above") from None
    raise RuntimeError(f"a benchmark process did not answer for {TIMEOUT} s")


def _serve(asked: Connection, make_round: Callable[[], Round], clock: Clock, keep: bool, threads: int) -> None:
    make_deterministic()
    torch.set_num_threads(threads)
    if keep and not keep_freed_memory():
        raise RuntimeError("this C library cannot be told to keep freed memory")
    work = make_round()
    with contextlib.suppress(EOFError):  # the other side has closed: nothing more is asked
        while True:
            asked.recv()
            started = clock()
            sentences = work()
            asked.send(sentences / (clock() - started))
