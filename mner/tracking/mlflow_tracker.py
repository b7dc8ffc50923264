"""Live tracking in MLflow, and making the same anew from the files of finished runs.

Tracking shows; it decides nothing. While a run trains, the first thing that goes wrong with the store is told
in one line and ends tracking for the process, never the run: record, curve and predictions are on disk, and
:func:`rebuild` makes of them what live tracking would have made, system metrics apart.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from mner.tracking.mlflow_store import Child, Point, Store, TrackingError, flatten, milliseconds
from mner.tracking.record import Record

DATABASE = Path("mlflow.db")
DEFAULT_URI = f"sqlite:///{DATABASE}"
REBUILD = "mner track --rebuild"
NOT_INSTALLED = f"MLflow is not installed: nothing is tracked live; where it is, `{REBUILD}` logs these runs"
_STEP = "epoch"

Result = TypeVar("Result")


def is_installed() -> bool:
    """Whether this machine has MLflow; one that only trains need not."""
    return find_spec("mlflow") is not None


class Tracker:
    """Live tracking of one profile at ``uri``; the default is where a plain ``mlflow ui`` looks.

    MLflow is imported and the store created when the first seed begins, so a cell with nothing to train costs
    nothing. ``working`` turns False at the first failure and stays so.
    """

    def __init__(self, profile: str, uri: str = DEFAULT_URI) -> None:
        self.profile, self.uri = profile, uri
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
            _say(f"{what} failed: {_first_line(error)}. Going on without MLflow; later, run `{REBUILD}`")
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
            told = _parameters(key, recipe, options, encoder, data_copy, visual_input)
            tracked.begin(self._begun(), key, seed, told)

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
        _complete(store, _child_of(store, cell, record), record, folder)
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
        _complete(store, self.child, record, folder)
        self.finished = True
        store.summarise(self.child.cell)


def rebuild(runs: Path, profile: str, uri: str = DEFAULT_URI) -> int:
    """Log every run found below ``runs/<profile>`` from its files alone; returns how many. Safe to repeat.

    Raises:
        TrackingError: no runs, a record in a folder that is not its own, or a finished run without its curve.
        RecordError: a record that cannot be read.
    """
    records = _records(runs / profile, profile)
    store = Store(uri, profile)
    cells: dict[str, int] = {}
    for path, record in tqdm(records, desc=f"rebuild {profile}", unit="run", disable=None):
        cell = store.cell(record.dataset, record.system)
        _complete(store, _child_of(store, cell, record), record, path.parent)
        cells[cell] = max(cells.get(cell, 0), milliseconds(record.finished_at))
    for cell, end in cells.items():
        store.summarise(cell)
        store.end(cell, "FINISHED", end)
    return len(records)


def log_scores(scores: Mapping[str, Any], profile: str, uri: str = DEFAULT_URI) -> int:
    """Add the test scores of ``scores.json`` to the runs they belong to; returns how many runs were found.

    Takes what ``scoring.score_profile`` returns. Like live tracking it does not raise: a store that fails, or
    that lacks some of the runs, is told in one line.
    """
    tracker = Tracker(profile, uri)
    scored = [run for run in scores["runs"] if "test.own" in run["views"]]
    found = tracker.attempt("logging test scores", _log_scores, tracker, scored)
    if found is not None and found < len(scored):
        lacking = len(scored) - found
        _say(f"{lacking} of {len(scored)} scored runs are not in {uri}; run `{REBUILD}`, then score again")
    return found or 0


def _log_scores(tracker: Tracker, scored: Sequence[Mapping[str, Any]]) -> int:
    store, cells, found = tracker.store(), set(), 0
    for run in scored:
        child = store.find_child(run["dataset"], run["system"], run["seed"], run["key"])
        if child is not None:
            view = run["views"]["test.own"]
            store.log_points(child, [(f"test_{name}", 0, view[name]) for name in ("f1", "precision", "recall")])
            cells.add(child.cell)
            found += 1
    for cell in cells:
        store.summarise(cell)
    return found


def _parameters(
    key: str,
    recipe: Mapping[str, Any],
    options: Mapping[str, Any],
    encoder: Mapping[str, Any],
    data_copy: str,
    visual_input: str,
) -> dict[str, str]:
    nested = {"recipe": recipe, "options": options, "encoder": encoder}
    return flatten({**nested, "data_copy": data_copy, "visual_input": visual_input, "key": key})


def _child_of(store: Store, cell: str, record: Record) -> Child:
    told = _parameters(
        record.key, record.recipe, record.options, record.encoder, record.data_copy, record.visual_input
    )
    return store.child(cell, record.key, record.seed, told, milliseconds(record.started.isoformat()))


def _complete(store: Store, child: Child, record: Record, folder: Path) -> None:
    curve = folder / "curve.csv"
    if record.status == "finished" and not curve.is_file():
        raise TrackingError(f"{curve} is missing though the run is finished; delete the folder and run again")
    present = [file for file in (folder / "record.json", curve) if file.is_file()]
    store.complete(child, record, read_curve(curve) if curve in present else [], present)


def read_curve(path: Path) -> list[Point]:
    """The points of a ``curve.csv``: a column ``epoch`` (from 0) and one a metric; empty cells are left out.

    Raises:
        TrackingError: no such column, or a cell that is not a number.
    """
    points: list[Point] = []
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle)
        for row in rows:
            try:
                step = int(row.pop(_STEP))
                points += [(name, step, float(value)) for name, value in row.items() if value]
            except (KeyError, TypeError, ValueError) as error:
                raise TrackingError(f"{path}:{rows.line_num}: not a row of a curve ({error!r})") from error
    return points


def _records(folder: Path, profile: str) -> list[tuple[Path, Record]]:
    records = [(path, Record.read(path)) for path in sorted(folder.glob("*/*/*/record.json"))]
    if not records:
        raise TrackingError(f"no record.json below {folder}: nothing has been trained in profile {profile}")
    for path, record in records:
        if record.place != (profile, *path.parts[-4:-1]):
            said = "/".join(record.place)
            raise TrackingError(f"{path} is the record of {said}; put it back or delete the folder")
    return records


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {text[:200]}"


def _say(line: str) -> None:
    tqdm.write(f"MLflow: {line}", file=sys.stderr)
