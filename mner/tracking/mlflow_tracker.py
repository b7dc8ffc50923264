"""Track runs live in MLflow.

Tracking shows; it decides nothing. While a run trains, the first thing that goes wrong with the store is printed
in one line and ends tracking for the process, never the run: record, curve and predictions are on disk, and
``mlflow_rebuild`` makes of them what live tracking would have made, system metrics apart.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from mner.tracking.mlflow_runs import child_of, complete, parameters_of
from mner.tracking.mlflow_store import Child, Store
from mner.tracking.record import Record

DATABASE = Path("mlflow.db")
DEFAULT_URI = f"sqlite:///{DATABASE}"
REBUILD = "mner track --rebuild"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
NOT_INSTALLED = f"MLflow is not installed: nothing is tracked live; where it is, `{REBUILD}` logs these runs"

Result = TypeVar("Result")


def is_installed() -> bool:
    """Whether this machine has MLflow; one that only trains need not."""
    return find_spec("mlflow") is not None


def tracking_uri() -> str:
    """The store to use: ``MLFLOW_TRACKING_URI`` where it is set, else where a plain ``mlflow ui`` looks."""
    return os.environ.get(URI_VARIABLE) or DEFAULT_URI


def has_store() -> bool:
    """Whether there is a store to add scores to: one that the user named, or the default one."""
    return bool(os.environ.get(URI_VARIABLE)) or DATABASE.is_file()


class Tracker:
    """Live tracking of one profile at ``uri``; the default is :func:`tracking_uri`.

    MLflow is imported and the store created when the first seed begins, so a cell with nothing to train costs
    nothing. ``working`` turns False at the first failure and stays so.
    """

    def __init__(self, profile: str, uri: str | None = None) -> None:
        self.profile, self.uri = profile, tracking_uri() if uri is None else uri
        self.working = True
        self._store: Store | None = None

    @contextmanager
    def cell(self, dataset: str, system: str) -> Iterator[TrackedCell]:
        """The parent run of one data set x system; seeds that did not finish inside end as failed or killed."""
        cell = TrackedCell(self, dataset, system)
        outcome = "FINISHED"
        try:
            yield cell
        except BaseException as error:
            outcome = "FAILED" if isinstance(error, Exception) else "KILLED"
            raise
        finally:
            cell.stop_monitors()
            self.attempt(f"closing {dataset} {system}", cell.end, outcome)

    def attempt(self, what: str, call: Callable[..., Result], *arguments: Any) -> Result | None:
        """``call``'s result, or None once anything has failed. Whatever a store throws must not reach training."""
        if not self.working:
            return None
        try:
            return call(*arguments)
        except Exception as error:
            self.working = False
            say(f"{what} failed: {first_line(error)}. Going on without MLflow; later, run `{REBUILD}`")
            return None

    def store(self) -> Store:
        """The opened store; raises whatever MLflow raises."""
        if self._store is None:
            self._store = Store(self.uri, self.profile)
        return self._store


class TrackedCell:
    """A parent run; made by :meth:`Tracker.cell`."""

    def __init__(self, tracker: Tracker, dataset: str, system: str) -> None:
        self._tracker, self._dataset, self._system = tracker, dataset, system
        self._run_id: str | None = None
        self._seeds: list[TrackedSeed] = []

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
    ) -> TrackedSeed:
        """Begin or continue a seed's run; the arguments are those of its later :class:`Record`."""

        def begin() -> None:
            parameters = parameters_of(key, recipe, options, encoder, data_copy, visual_input)
            tracked.begin(self._begun(), key, seed, parameters)

        tracked = TrackedSeed(self._tracker)
        self._seeds.append(tracked)
        self._tracker.attempt(f"beginning seed {seed}", begin)
        return tracked

    def log(self, record: Record, folder: Path) -> None:
        """Log a run that needs no training, such as a skipped one."""
        self._tracker.attempt(f"logging seed {record.seed}", self._log, record, folder)

    def end(self, outcome: str) -> None:
        if self._run_id is None:
            return
        store = self._tracker.store()
        for seed in self._seeds:
            if seed.child is not None and not seed.finished:
                store.end(seed.child.run_id, "KILLED" if outcome == "KILLED" else "FAILED")
        store.end(self._run_id, outcome)

    def stop_monitors(self) -> None:
        for seed in self._seeds:
            seed.stop_monitor()

    def _begun(self) -> str:
        if self._run_id is None:
            store = self._tracker.store()
            self._run_id = store.cell(self._dataset, self._system)
            store.begin(self._run_id)
        return self._run_id

    def _log(self, record: Record, folder: Path) -> None:
        cell, store = self._begun(), self._tracker.store()
        complete(store, child_of(store, cell, record), record, folder)
        store.summarise(cell)


class TrackedSeed:
    """The observer of one run; its methods raise nothing."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._monitor: Any = None
        self.child: Child | None = None
        self.finished = False

    def epoch(self, metrics: Mapping[str, float], step: int) -> None:
        """Add one epoch (counted from 0) to the curves."""
        self._tracker.attempt(f"logging epoch {step}", self._log_points, metrics, step)

    def finish(self, record: Record, folder: Path) -> None:
        """Log the finished record with the files in its folder, and the cell's averages."""
        self.stop_monitor()
        self._tracker.attempt("logging the finished run", self._finish, record, folder)

    def stop_monitor(self) -> None:
        if self._monitor is not None:
            self._monitor.finish()  # swallows errors itself
            self._monitor = None

    def begin(self, cell: str, key: str, seed: int, parameters: Mapping[str, str]) -> None:
        store = self._tracker.store()
        self.child = store.child(cell, key, seed, parameters, None)
        store.begin(self.child.run_id)
        self._monitor = store.monitor(self.child.run_id)

    def _log_points(self, metrics: Mapping[str, float], step: int) -> None:
        points = [(name, step, float(value)) for name, value in metrics.items()]
        if self.child is not None:
            self._tracker.store().log_points(self.child, points)

    def _finish(self, record: Record, folder: Path) -> None:
        if self.child is None:
            return
        store = self._tracker.store()
        complete(store, self.child, record, folder)
        self.finished = True
        store.summarise(self.child.cell)


def shown(uri: str) -> str:
    """A store's address without the password it may hold."""
    return re.sub(r"//[^/@]*@", "//", uri)


def first_line(error: Exception) -> str:
    """The type of an error and the first line of its message."""
    text = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {text[:200]}"


def say(line: str) -> None:
    """Print a line on stderr, above a progress bar."""
    tqdm.write(f"MLflow: {line}", file=sys.stderr)
