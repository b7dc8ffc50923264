"""What passes between a sweep and its workers: shares of the machine, and news of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from mner.config import Config
from mner.plan import Job

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
    """All that a worker must know before its first run; ``root`` is absolute, ``tracked``: MLflow is at hand."""

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
