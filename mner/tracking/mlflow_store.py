"""What an MLflow store holds for us and how it is found again. Errors are raised; ``mlflow.py`` catches them.

An experiment per profile (``mner/<profile>``), in it a parent run per cell (data set x system), below it a child
run per seed. Everything is looked up by tags before it is made, so logging the same thing twice changes nothing.
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import sqlite3
import statistics
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from mner.base.files import exclusive
from mner.tracking.record import Record
from mner.tracking.run_environment import now

BATCH = 1000  # metrics in one log_batch call, MLflow's own limit
PARAMETER_LENGTH = 6000  # characters; MLflow cuts what is longer, and we look runs up by their parameters
AVERAGED = {"best_dev_f1": "dev_f1", "test_f1": "test_f1"}
NOTE = "Mean and standard deviation (n - 1) over the finished seeds, F1 in percent."
_SQLITE = "sqlite:///"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a benchmark reports to nobody
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the defaults hold up training for minutes per call
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}
_QUIET = {"mlflow": logging.WARNING, "alembic": logging.WARNING, "mlflow.system_metrics": logging.CRITICAL}

Point = tuple[str, int, float]


# Without it the page opens on the view for language-model traces, which is empty here.
MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}


class TrackingError(RuntimeError):
    """Files and store do not fit together; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Child:
    """A seed's run in the store and the curve points it already has: name -> step -> value."""

    run_id: str
    cell: str
    points: dict[str, dict[int, float]] = field(default_factory=dict)

    def has(self, point: Point) -> bool:
        name, step, value = point
        known = self.points.get(name, {}).get(step)
        return known is not None and _same(known, value)


class Store:
    """The runs of one profile at a tracking URI.

    Opening creates database and experiment where needed. Looking up and making happens under a file lock: two
    processes that create a SQLite database together crash, and both would add the same run.
    """

    def __init__(self, uri: str, profile: str) -> None:
        self.uri, self.profile = uri, profile
        self._mlflow = _import_mlflow()
        with self._locked():
            _refuse_broken(_database_file(uri))
            self._client = self._mlflow.MlflowClient(tracking_uri=uri)
            self._experiment = self._find_experiment()

    def cell(self, dataset: str, system: str) -> str:
        """Id of the cell's parent run, made if it is not there."""
        tags = {"mner.kind": "cell", "mner.dataset": dataset, "mner.system": system}
        with self._locked():
            if found := self._search(tags):
                return found[0].info.run_id
            made = self._client.create_run(
                self._experiment, tags={**tags, "mlflow.note.content": NOTE}, run_name=f"{dataset} {system}"
            )
            return made.info.run_id

    def child(self, cell: str, key: str, seed: int, parameters: Mapping[str, str], start: int | None) -> Child:
        """The seed's run of this key and these parameters, made if need be; the seed's other runs are outdated.

        ``start`` is in milliseconds since 1970, None for this moment. Outdated runs are kept, but marked with
        ``mner.superseded`` and left out of the averages.
        """
        tags = {"mner.kind": "seed", "mlflow.parentRunId": cell, "mner.seed": str(seed)}
        with self._locked():
            runs = self._search(tags)
            same = [run for run in runs if run.data.tags["mner.key"] == key and run.data.params == parameters]
            for other in runs:
                if other not in same[:1]:
                    self._supersede(other, key)
            if not same:
                return self._make_child(tags, cell, key, seed, parameters, start)
            run_id = same[0].info.run_id
            if "mner.superseded" in same[0].data.tags:
                self._client.delete_tag(run_id, "mner.superseded")
            return Child(run_id, cell, self._points_of(same[0]))

    def find_child(self, dataset: str, system: str, seed: int, key: str) -> Child | None:
        """A run that is there already, with its single numbers only (points at step 0), None otherwise."""
        cells = self._search({"mner.kind": "cell", "mner.dataset": dataset, "mner.system": system})
        wanted = {"mner.kind": "seed", "mner.seed": str(seed), "mner.key": key}
        for cell in cells:
            for run in self._search({**wanted, "mlflow.parentRunId": cell.info.run_id}):
                if "mner.superseded" not in run.data.tags:
                    return Child(run.info.run_id, cell.info.run_id, _latest_of(run))
        return None

    def log_points(self, child: Child, points: Iterable[Point], timestamp: int | None = None) -> None:
        """Add what is not there yet; a step whose value changed gets the new one beside the old, newest last."""
        fresh = [point for point in points if not child.has(point)]
        moment = milliseconds(now()) if timestamp is None else timestamp
        metric = self._mlflow.entities.Metric
        for first in range(0, len(fresh), BATCH):
            batch = [metric(name, value, moment, step) for name, step, value in fresh[first : first + BATCH]]
            self._client.log_batch(child.run_id, metrics=batch)
        for name, step, value in fresh:
            child.points.setdefault(name, {})[step] = value

    def complete(self, child: Child, record: Record, curve: Iterable[Point], files: Iterable[Path]) -> None:
        """Log all that a record says, its curve and its files, and end the run."""
        end = milliseconds(record.finished_at)
        self.log_points(child, [*curve, *results_of(record)], end)
        for file in files:
            self._client.log_artifact(child.run_id, str(file))
        self.end(child.run_id, "FINISHED" if record.status == "finished" else "KILLED", end)
        tags = [self._mlflow.entities.RunTag(name, value) for name, value in tags_of(record).items()]
        self._client.log_batch(child.run_id, tags=tags)

    def begin(self, run_id: str) -> None:
        """Mark a run, also one that ended before, as running."""
        self._client.update_run(run_id, status="RUNNING")
        self._client.set_tag(run_id, "mner.status", "running")

    def end(self, run_id: str, status: str, timestamp: int | None = None) -> None:
        """Mark a run as FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run_id, status, timestamp)
        self._client.set_tag(run_id, "mner.status", status.lower())

    def summarise(self, cell: str) -> None:
        """Log the averages of ``AVERAGED`` over the cell's finished seeds, where they have changed."""
        with self._locked():
            children = self._search({"mner.kind": "seed", "mlflow.parentRunId": cell})
            runs = [r for r in children if r.info.status == "FINISHED" and "mner.superseded" not in r.data.tags]
            summary = {"finished_seeds": float(len(runs))}
            for measure, name in AVERAGED.items():
                values = [run.data.metrics[measure] for run in runs if measure in run.data.metrics]
                # A value that is no longer defined cannot be taken back, only overwritten.
                summary[f"{name}_mean"] = statistics.fmean(values) if values else math.nan
                summary[f"{name}_sd"] = statistics.stdev(values) if len(values) > 1 else math.nan
            known = Child(cell, cell, _latest_of(self._client.get_run(cell)))
            defined = [(n, 0, value) for n, value in summary.items() if n in known.points or not math.isnan(value)]
            self.log_points(known, defined)

    def monitor(self, run_id: str) -> Any | None:
        """MLflow's own sampling of processor, memory, disk and GPU, started; None where psutil is missing."""
        if importlib.util.find_spec("psutil") is None:
            return None
        module = importlib.import_module("mlflow.system_metrics.system_metrics_monitor")
        monitor = module.SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=self.uri)
        monitor.start()
        return monitor

    def _make_child(
        self, tags: dict[str, str], cell: str, key: str, seed: int, told: Mapping[str, str], start: int | None
    ) -> Child:
        tags = {**tags, "mner.key": key}
        made = self._client.create_run(self._experiment, start_time=start, tags=tags, run_name=f"seed {seed}")
        params = [self._mlflow.entities.Param(name, value) for name, value in told.items()]
        self._client.log_batch(made.info.run_id, params=params)
        return Child(made.info.run_id, cell)

    def _supersede(self, run: Any, key: str) -> None:
        if run.data.tags.get("mner.superseded") != key:
            self._client.set_tag(run.info.run_id, "mner.superseded", key)
        if run.info.status == "RUNNING":
            self.end(run.info.run_id, "KILLED")

    def _points_of(self, run: Any) -> dict[str, dict[int, float]]:
        names = [name for name in run.data.metrics if not name.startswith("system/")]
        histories = {name: self._client.get_metric_history(run.info.run_id, name) for name in names}
        return {
            name: {point.step: point.value for point in sorted(history, key=lambda point: point.timestamp)}
            for name, history in histories.items()
        }

    def _search(self, tags: Mapping[str, str]) -> list[Any]:
        text = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        found, token = [], None
        while True:
            page = self._client.search_runs(
                [self._experiment], text, order_by=["attributes.start_time ASC"], page_token=token
            )
            found += page
            token = page.token
            if not token:
                return found

    def _find_experiment(self) -> str:
        name = f"mner/{self.profile}"
        found = self._client.get_experiment_by_name(name)
        if found is None:
            database = _database_file(self.uri)
            place = None if database is None else (database.parent / "mlartifacts" / self.profile).as_uri()
            return self._client.create_experiment(name, artifact_location=place, tags=MODEL_TRAINING)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return found.experiment_id

    def _locked(self) -> AbstractContextManager[None]:
        database = _database_file(self.uri)
        return exclusive(Path(".locks/mlflow.lock") if database is None else Path(f"{database}.lock"))


def _refuse_broken(database: Path | None) -> None:
    """Say in one line what SQLAlchemy would in a traceback of a hundred.

    Raises:
        TrackingError: the file is there and is no whole SQLite database.
    """
    if database is None or not database.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            found = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise TrackingError(
            f"{database} is damaged ({found.splitlines()[0]}); move it away: a new one is made, and `mner track` "
            "fills it from the records"
        )


def _database_file(uri: str) -> Path | None:
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]).resolve() if uri.startswith(_SQLITE) else None


def _import_mlflow() -> ModuleType:
    """MLflow without its chatter; imported only here, as that costs seconds."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)  # it takes settings of this kind from nowhere else
    module = importlib.import_module("mlflow")
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    return module


def _latest_of(run: Any) -> dict[str, dict[int, float]]:
    return {name: {0: value} for name, value in run.data.metrics.items()}


def milliseconds(moment: str) -> int:
    """An ISO 8601 instant as MLflow counts time: milliseconds since 1970."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as MLflow parameters: dotted names, strings as they are, all else as JSON."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            flat[prefix + name] = text[:PARAMETER_LENGTH]
    return flat


def results_of(record: Record) -> list[Point]:
    """A record's single numbers as points at step 0."""
    values: dict[str, Any] = {
        "best_dev_f1": record.best_dev_f1,
        "best_epoch": record.best_epoch,
        "duration_seconds": record.duration_seconds,
        **{f"throughput/{name}": value for name, value in (record.throughput or {}).items() if name != "device"},
    }
    return [(name, 0, float(value)) for name, value in values.items() if value is not None]


def tags_of(record: Record) -> dict[str, str]:
    """A record's words as tags; git's commit under MLflow's own name, which its pages show."""
    tags = {
        "mner.status": record.status if record.reason is None else f"{record.status}: {record.reason}",
        "mner.command": record.command,
        "mner.device": None if record.throughput is None else record.throughput["device"],
        "mner.git.dirty": None if record.git["dirty"] is None else json.dumps(record.git["dirty"]),
        "mlflow.source.git.commit": record.git["commit"],
    }
    return {name: value for name, value in tags.items() if value is not None}


def _same(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-6) or (math.isnan(first) and math.isnan(second))
