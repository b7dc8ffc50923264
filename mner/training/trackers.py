"""Observers of a run's progress: the protocols, a tracker that keeps nothing, and lines for the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from mner.tracking.record import Record
from mner.training.loop import Observer


class RunTracker(Observer, Protocol):
    """Receive a run's epochs and its finished record; must not raise."""

    def finish(self, record: Record, folder: Path) -> None: ...


class CellTracker(Protocol):
    """Receive the runs of a cell; must not raise."""

    def seed(
        self,
        seed: int,
        key: str,
        *,
        recipe: Mapping[str, Any],
        options: Mapping[str, Any],
        encoder: Mapping[str, Any],
        data_copy: str,
        visual_input: str,
    ) -> RunTracker: ...

    def log(self, record: Record, folder: Path) -> None: ...


class Tracker(Protocol):
    """Opened only when there is something to train, as opening it may take seconds."""

    def cell(self, dataset: str, system: str) -> AbstractContextManager[CellTracker]: ...


class NoTracker:
    """Keeps nothing, where MLflow is not installed: records and curves are on disk, and can be logged later."""

    def cell(self, dataset: str, system: str) -> AbstractContextManager[NoTracker]:
        return nullcontext(self)

    def seed(self, seed: int, key: str, **settings: Any) -> NoTracker:
        return self

    def log(self, record: Record, folder: Path) -> None:
        pass

    def epoch(self, metrics: Mapping[str, float], step: int) -> None:
        pass

    def finish(self, record: Record, folder: Path) -> None:
        pass


class ProgressLogger:
    """Pass epochs on to the tracker and print each in one line, with the time left for the run."""

    def __init__(self, tracker: Observer, say: Callable[[str], Any], epochs: int) -> None:
        self._tracker, self._say, self._epochs = tracker, say, epochs
        self._last = time.perf_counter()

    def epoch(self, metrics: Mapping[str, float], step: int) -> None:
        seconds = time.perf_counter() - self._last
        self._last += seconds
        left = seconds * (self._epochs - step - 1)
        self._say(
            f"    epoch {step + 1}/{self._epochs}  loss {metrics['train_loss']:8.4f}  "
            f"dev F1 {metrics['dev_f1']:5.2f}  {seconds:5.0f} s, {left:5.0f} s left"
        )
        self._tracker.epoch(metrics, step)
