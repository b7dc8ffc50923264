"""Progress of a sweep: events of its workers, and the lines a terminal shows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from tqdm import tqdm

from mner.config import Config
from mner.sweeping.run_plan import Job, duration

DEVICE_LOST, MEMORY_FULL = 70, 71
"""Exit codes of a worker that can no longer use its GPU, and of one for which its memory was too small."""


class Kind(Enum):
    """What has happened to a run; all but EPOCH end the worker's work on it."""

    EPOCH = "one more epoch is saved"
    FINISHED = "trained"
    PRESENT = "found finished"
    BUSY = "another process trains it"
    STOPPED = "time is up, saved after an epoch"
    CHANGED = "what it reads is not what the sweep started with"
    POISONED = "it raised an error"
    DIED = "its process died"


@dataclass(frozen=True, slots=True)
class Event:
    """News of ``job`` (None: the worker died without one); ``text`` is for people, a traceback where it raised.

    ``exhausted``: it went wrong because memory or disk was full, which says nothing of the run.
    """

    kind: Kind
    job: Job | None
    text: str = ""
    epoch: int = 0
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker may use: CPU threads, and which device, with at most this fraction of its memory."""

    threads: int
    device: str
    memory_fraction: float = 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a worker must know before its first run; ``root`` is absolute, ``tracked``: MLflow is installed."""

    config: Config
    root: Path
    command: str
    tracked: bool


class Workers(Protocol):
    """Processes that train runs, one run at a time each, wherever they live; numbered from 0."""

    count: int

    def give(self, worker: int, job: Job, seconds_left: float | None) -> None:
        """Let an idle worker train a run, and stop it after an epoch when ``seconds_left`` are over."""

    def events(self, timeout: float) -> Sequence[tuple[int, Event]]:
        """News since the last call, oldest first; waits at most ``timeout`` seconds for the first.

        A worker that died is replaced, and says DIED once.
        """

    def close(self) -> None:
        """End all workers at once, in whatever they are doing."""


Cell = tuple[str, str]


class Display:
    """Follows a sweep; ``costs`` are expected seconds of a run by cell, where known, and weigh the time left."""

    def __init__(
        self,
        jobs: Sequence[Job],
        workers: int,
        epochs: Mapping[Cell, int],
        costs: Mapping[Cell, float],
        say: Callable[[str], Any] = print,
    ) -> None:
        known = list(costs.values())
        default = sum(known) / len(known) if known else 1.0
        self._costs = {job: costs.get(job.cell, default) for job in jobs}
        self._open, self._total, self._done = set(jobs), len(jobs), 0.0
        self._under_way: dict[Job, float] = {}
        self._epochs, self._say = epochs, say
        self._started = time.monotonic()
        tty = sys.stderr.isatty()
        self._all = tqdm(total=len(jobs), desc="sweep", unit="run", position=0, disable=not tty)
        self._bars = [
            tqdm(total=1, desc="starting", unit="epoch", position=n + 1, leave=False, disable=not tty)
            for n in range(workers)
        ]

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bar in (*self._bars, self._all):
            bar.close()

    def started(self, worker: int, job: Job) -> None:
        self._under_way[job] = 0.0
        self._bars[worker].set_description(str(job))
        self._bars[worker].reset(self._epochs[job.cell])

    def update(self, worker: int, event: Event) -> None:
        """Show one event: an epoch moves the worker's bar; the end of a run is a line."""
        job, bar = event.job, self._bars[worker]
        if event.kind is Kind.EPOCH:
            bar.set_postfix_str(event.text, refresh=False)
            bar.update(event.epoch - bar.n)
            if job is not None:
                self._under_way[job] = event.epoch / self._epochs[job.cell]
        elif event.kind in (Kind.FINISHED, Kind.PRESENT) and job is not None:
            self._ended(job, counts=event.kind is Kind.FINISHED)
            text = event.text or f"{event.kind.value}, trained by another process"
            self.line(f"{self._place()} {job}: {text}{self._time_left()}")
        elif event.kind is not Kind.BUSY:
            reason = event.text.strip().splitlines()
            which = "a worker without a run" if job is None else str(job)
            self.line(f"{self._place()} {which}: {event.kind.value}{'; ' + reason[-1] if reason else ''}")

    def set_aside(self, job: Job) -> None:
        """The run is quarantined: nothing more of it is waited for."""
        self._ended(job, counts=False)

    def line(self, text: str) -> None:
        """A line above the bars, or a plain one where there are none."""
        with tqdm.external_write_mode():
            self._say(text)

    def _ended(self, job: Job, *, counts: bool) -> None:
        self._open.discard(job)
        self._under_way.pop(job, None)
        self._done += self._costs[job] if counts else 0.0
        self._all.update(self._total - len(self._open) - self._all.n)

    def _place(self) -> str:
        width = len(str(self._total))
        return f"[{self._total - len(self._open):>{width}}/{self._total}]"

    def _time_left(self) -> str:
        under_way = sum(share * self._costs[job] for job, share in self._under_way.items())
        done = self._done + under_way
        if not self._open or not done:
            return ""
        speed = (time.monotonic() - self._started) / done
        return f"; about {duration(speed * (sum(self._costs[job] for job in self._open) - under_way))} left"
