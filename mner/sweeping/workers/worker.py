"""What runs in a worker's process: one function that trains one run, the same for every kind of worker."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import torch

from mner.base.exhaustion import is_exhaustion
from mner.sweeping.progress import DEVICE_LOST, MEMORY_FULL, Event, Kind, Setting, Share
from mner.sweeping.run_plan import Job
from mner.tracking.mlflow_tracker import Tracker as MlflowTracker
from mner.tracking.record import Record
from mner.training.determinism import make_deterministic
from mner.training.experiment import Cell
from mner.training.run_locks import BusyError
from mner.training.runs import Trainer
from mner.training.trackers import CellTracker, NoTracker, RunTracker, Tracker


class StopTrainingError(BaseException):
    """Ends a run after a saved epoch. Not an ``Exception``: nothing has gone wrong, and nobody may swallow it."""


class Worker:
    """Trains the runs it is given, one after another; keeps the data of the last cell in memory."""

    def __init__(self, setting: Setting, share: Share, tell: Callable[[Event], Any]) -> None:
        os.chdir(setting.root)  # records and MLflow's database are placed as they are by the stage
        make_deterministic()
        self._device = torch.device(share.device)
        if self._device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(share.memory_fraction, self._device)
        self._setting, self._tell, self._sharing = setting, tell, round(1 / share.memory_fraction)
        self._tracker = _tracker_of(setting)
        self._trainer: Trainer | None = None

    def train_run(self, job: Job, seconds_left: float | None) -> Event:
        """Train one run as its stage would; epochs are reported on the way, the returned event is the outcome.

        Whatever the run raises is in the outcome, so that the next run can be trained.
        """
        stop_at = None if seconds_left is None else time.monotonic() + seconds_left
        try:
            trainer = self._trainer_of(job)
            key = trainer.identity.key(job.seed)
            if key != job.key:
                return Event(Kind.CHANGED, job, f"its key was {job.key[:12]} and is {key[:12]} now")
            with _Watching(self._tracker, job, self._tell, stop_at).cell(*job.cell) as tracked:
                record = trainer.train(job.seed, tracked, wait=False)
        except StopTrainingError:
            return Event(Kind.STOPPED, job)
        except BusyError as error:
            return Event(Kind.BUSY, job, str(error))
        except Exception as error:
            self._trainer = None
            exhausted = is_exhaustion(error)
            if self._device.type == "cuda" and not outlived(self._device, error):
                die(traceback.format_exc(), MEMORY_FULL if exhausted else DEVICE_LOST)
            return Event(Kind.POISONED, job, traceback.format_exc(), exhausted=exhausted)
        return Event(Kind.PRESENT, job) if record is None else Event(Kind.FINISHED, job, summary(record))

    def _trainer_of(self, job: Job) -> Trainer:
        if self._trainer is not None and (self._trainer.cell.dataset, self._trainer.cell.system) != job.cell:
            self._trainer = None  # lets go of the last cell's data before the next one's is read
        if self._trainer is None:
            cell = Cell(self._setting.config, *job.cell, Path())
            self._trainer = Trainer(cell, self._device, self._setting.command, _say, self._sharing)
        return self._trainer


def outlived(device: torch.device, error: Exception) -> bool:
    """Whether a process can go on using its GPU after an error, and the error was the run's own.

    After a failed kernel every later call fails in the same process. Memory may be short because of others.
    """
    if isinstance(error, torch.OutOfMemoryError):
        return False
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return False
    return True


def die(why: str, code: int = DEVICE_LOST) -> NoReturn:
    """End this process at once: whoever waits for it sees a worker that died, and starts another."""
    print(why, file=sys.stderr, flush=True)
    os._exit(code)


def summary(record: Record) -> str:
    """What a finished run reached and took, in one line."""
    if record.status == "skipped":
        return f"skipped, {record.reason}"
    meters = record.throughput
    parts = [f"dev F1 {record.best_dev_f1:.2f}", f"{record.duration_seconds:.0f} s"]
    if meters is not None:
        parts += [
            f"{meters['train_sentences_per_second']:.0f} sentences/s",
            f"{meters['peak_memory_gib']:.1f} GiB",
        ]
    return ", ".join(parts)


def _tracker_of(setting: Setting) -> Tracker:
    return MlflowTracker(setting.config.active.name) if setting.tracked else NoTracker()


def _say(line: str) -> None:
    print(line, flush=True)


class _Watching:
    """A tracker that tells the sweep of each epoch, and ends the run if the next epoch would come too late."""

    def __init__(self, tracker: Tracker, job: Job, tell: Callable[[Event], Any], stop_at: float | None) -> None:
        self._tracker, self._job, self._tell, self._stop_at = tracker, job, tell, stop_at

    @contextmanager
    def cell(self, dataset: str, system: str) -> Iterator[CellTracker]:
        with self._tracker.cell(dataset, system) as self._cell:
            yield self

    def seed(self, seed: int, key: str, **settings: Any) -> RunTracker:
        self._run = self._cell.seed(seed, key, **settings)
        self._last = time.monotonic()
        return self

    def log(self, record: Record, folder: Path) -> None:
        self._cell.log(record, folder)

    def epoch(self, metrics: Mapping[str, float], step: int) -> None:
        self._run.epoch(metrics, step)
        try:
            self._tell(Event(Kind.EPOCH, self._job, f"dev F1 {metrics['dev_f1']:.2f}", step + 1))
        except OSError as error:
            raise StopTrainingError("nobody listens any more") from error
        seconds, self._last = time.monotonic() - self._last, time.monotonic()
        if self._stop_at is not None and self._last + seconds > self._stop_at:
            raise StopTrainingError("time is up")

    def finish(self, record: Record, folder: Path) -> None:
        self._run.finish(record, folder)
