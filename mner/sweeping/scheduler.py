"""Hands runs to workers: who gets which, what is tried again, what is set aside, when to stop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.sweeping.progress import Display, Event, Kind, Workers
from mner.sweeping.run_plan import Failure, Job

TRIES = 3
BUSY_SECONDS = 3.0
POLL_SECONDS = 1.0


class SweepError(RuntimeError):
    """A sweep that cannot begin or go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Runs by what became of them; ``unfinished`` were not begun, or stopped after a saved epoch."""

    trained: int
    present: int
    failed: int
    unfinished: int


class Schedule:
    """The runs of one sweep. A run whose process dies is tried ``TRIES`` times, one that raises only once.

    ``epoch_seconds`` (by cell, where known) keep a run from being begun whose first epoch would end too late.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        workers: Workers,
        display: Display,
        folder_of: Callable[[Job], Path],
        epoch_seconds: Mapping[tuple[str, str], float],
        seconds: float | None,
    ) -> None:
        self._waiting = list(jobs)
        self._workers, self._display, self._folder_of = workers, display, folder_of
        self._epoch_seconds = epoch_seconds
        self._stop_at = None if seconds is None else time.monotonic() + seconds
        self._running: dict[int, Job] = {}
        self._last_cell: dict[int, tuple[str, str]] = {}
        self._busy: dict[Job, float] = {}
        self._met: set[Job] = set()
        self._deaths: Counter[Job] = Counter()
        self._counts: Counter[str] = Counter()

    def run(self) -> Summary:
        """Train until everything is done, set aside, or out of time.

        Raises:
            SweepError: what a run reads changed since the sweep began.
        """
        while self._hand_out() or self._running or self._expected():
            for worker, event in self._workers.events(POLL_SECONDS):
                self._display.update(worker, event)
                self._settle(worker, event)
        unfinished = len(self._waiting) + len(self._busy) + self._counts["unfinished"]
        return Summary(self._counts["trained"], self._counts["present"], self._counts["failed"], unfinished)

    def _hand_out(self) -> bool:
        given = False
        for worker in range(self._workers.count):
            if worker in self._running:
                continue
            job = self._choose(worker)
            if job is None:
                continue
            self._running[worker], self._last_cell[worker] = job, job.cell
            self._display.started(worker, job)
            self._workers.give(worker, job, self._seconds_left())
            given = True
        return given

    def _choose(self, worker: int) -> Job | None:
        """A run of the worker's last cell if there is one (its data is in memory), else of one nobody is at."""
        now = time.monotonic()
        for job in [job for job, again in self._busy.items() if again <= now]:
            del self._busy[job]
            self._waiting.append(job)
        fitting = [job for job in self._waiting if self._fits(job)]
        if not fitting:
            return None
        waiting, at_work = Counter(job.cell for job in fitting), {job.cell for job in self._running.values()}

        def rank(job: Job) -> tuple[bool, bool, int]:
            shared = job.cell in at_work
            return job.cell != self._last_cell.get(worker), shared, -waiting[job.cell] if shared else 0

        chosen = min(fitting, key=rank)
        self._waiting.remove(chosen)
        return chosen

    def _fits(self, job: Job) -> bool:
        left = self._seconds_left()
        if left is None or left <= 0:
            return left is None
        # However little time there is, the first run may begin: every sweep gets at least one epoch further.
        return not self._last_cell or left > self._epoch_seconds.get(job.cell, 0.0)

    def _seconds_left(self) -> float | None:
        return None if self._stop_at is None else self._stop_at - time.monotonic()

    def _expected(self) -> bool:
        """Whether runs of other processes are worth waiting for."""
        left = self._seconds_left()
        return bool(self._busy) and (left is None or left > 0)

    def _settle(self, worker: int, event: Event) -> None:
        job = event.job
        if event.kind is Kind.EPOCH or job is None:
            return
        self._running.pop(worker, None)
        if event.kind is Kind.CHANGED:
            raise SweepError(
                f"{job}: code, data or options changed while the sweep ran ({event.text}); nothing is lost, "
                "start the sweep again to train what is missing now"
            )
        if event.kind is Kind.BUSY:
            if job not in self._met:
                self._met.add(job)
                self._display.line(f"{job}: {event.text}; looking again later")
            self._busy[job] = time.monotonic() + BUSY_SECONDS
        elif event.kind is Kind.DIED:
            self._deaths[job] += 1
            if self._deaths[job] < TRIES:
                self._waiting.insert(0, job)
            else:
                text = f"{event.text}\nworker process died: {event.text.splitlines()[0]}"
                self._set_aside(job, Failure.of(job.key, text, TRIES, event.exhausted))
        elif event.kind is Kind.POISONED:
            tries = self._deaths[job] + 1
            self._set_aside(job, Failure.of(job.key, event.text, tries, event.exhausted))
        else:
            name = {Kind.FINISHED: "trained", Kind.PRESENT: "present", Kind.STOPPED: "unfinished"}[event.kind]
            self._counts[name] += 1

    def _set_aside(self, job: Job, failure: Failure) -> None:
        try:
            failure.write(self._folder_of(job))
        except OSError as error:  # a full disk has no room for the note of it either
            self._display.line(f"{job}: {failure.error}; no note of it could be written ({error.strerror})")
        self._display.set_aside(job)
        self._counts["failed"] += 1
