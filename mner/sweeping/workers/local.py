"""Workers as processes of this machine. When the sweep is gone they end after their epoch."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import connection, resource_tracker
from pathlib import Path

from tqdm import tqdm

from mner.sweeping.progress import MEMORY_FULL, Event, Kind, Setting, Share
from mner.sweeping.run_plan import Job

LOG_TAIL = 20
START_TRIES = 3
IDLE_SECONDS = 10.0
READY = "ready"
"""What a process says first, as soon as it can train."""


class WorkersError(RuntimeError):
    """Workers that cannot be had; the message says why and what to do."""


class LocalWorkers:
    """One process a share, started afresh (not forked: CUDA and threads do not survive that)."""

    def __init__(self, setting: Setting, shares: Sequence[Share]) -> None:
        self.count = len(shares)
        self._setting, self._shares = setting, shares
        self._context = multiprocessing.get_context("spawn")
        self._logs = [setting.root / ".locks" / "sweep" / f"{os.getpid()}-{n}.log" for n in range(self.count)]
        self._jobs: list[Job | None] = [None] * self.count
        # Processes of each worker, one after the other, that have not said they are ready.
        self._starts = [0] * self.count
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._pipes: list[connection.Connection] = []
        for number in range(self.count):
            process, pipe = self._start(number)
            self._processes.append(process)
            self._pipes.append(pipe)

    def give(self, worker: int, job: Job, seconds_left: float | None) -> None:
        self._jobs[worker] = job
        # A process that has just died is noticed, and said, by events().
        with contextlib.suppress(OSError):
            self._pipes[worker].send((job, seconds_left))

    def events(self, timeout: float) -> list[tuple[int, Event]]:
        connection.wait([*self._pipes, *(process.sentinel for process in self._processes)], timeout)
        found = []
        for worker in range(self.count):
            news = self._received(worker)
            if not self._processes[worker].is_alive():
                news += self._received(worker)
                news.append(self._buried(worker))
            found += [(worker, event) for event in news]
        return found

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process, job in zip(self._processes, self._jobs, strict=True):
            if job is None:
                process.join(IDLE_SECONDS)  # it sees that nothing comes any more, and ends in order
            process.kill()
            process.join()
        for log in self._logs:
            log.unlink(missing_ok=True)

    def _start(self, number: int) -> tuple[multiprocessing.process.BaseProcess, connection.Connection]:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._setting, self._shares[number], self._logs[number])
        self._starts[number] += 1
        process = self._context.Process(target=serve, args=arguments, name=f"mner worker {number}", daemon=True)
        with interrupts_held():
            process.start()
        theirs.close()
        return process, ours

    def _received(self, worker: int) -> list[Event]:
        events, pipe = [], self._pipes[worker]
        try:
            while pipe.poll():
                event = pipe.recv()
                if event == READY:
                    self._starts[worker] = 0
                    continue
                if event.kind is not Kind.EPOCH:
                    self._jobs[worker] = None
                events.append(event)
        except (EOFError, OSError):
            return events
        return events

    def _buried(self, worker: int) -> Event:
        """Replace a dead process and say what it died of; raises when one after another dies as it starts."""
        process, job = self._processes[worker], self._jobs[worker]
        process.join()
        why = f"{_cause(process.exitcode)}\n{_tail(self._logs[worker])}".strip()
        if self._starts[worker] >= START_TRIES:
            raise WorkersError(f"worker processes die before they train anything: {why}")
        self._jobs[worker] = None
        self._pipes[worker].close()
        self._processes[worker], self._pipes[worker] = self._start(worker)
        # The kernel ends a process with SIGKILL when the machine's memory is full.
        exhausted = process.exitcode in (-signal.SIGKILL, MEMORY_FULL)
        return Event(Kind.DIED, job, why, exhausted=exhausted)


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """What is started within never hears Ctrl-C, which reaches every process of a terminal: the sweep decides.

    A process inherits which signals are blocked. One that comes meanwhile reaches this process afterwards.
    """
    resource_tracker.ensure_running()  # its first start unblocks interrupts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"ended with exit code {code}"


def _tail(log: Path) -> str:
    if not log.is_file():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL:])


def serve(pipe: connection.Connection, setting: Setting, share: Share, log: Path) -> None:
    """A worker process: trains what comes through ``pipe`` until nothing comes any more."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as lines:
        os.dup2(lines.fileno(), 1)
        os.dup2(lines.fileno(), 2)
    faulthandler.enable()
    # Between processes, its default, the lock of progress bars outlives a worker that is killed.
    tqdm.set_lock(threading.RLock())
    from mner.sweeping.workers.worker import Worker

    worker = Worker(setting, share, pipe.send)
    with contextlib.suppress(EOFError, OSError):
        pipe.send(READY)
        while True:
            job, seconds_left = pipe.recv()
            pipe.send(worker.train_run(job, seconds_left))
