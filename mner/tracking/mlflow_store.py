"""Write runs to an MLflow store and find them again. Errors are raised; ``mlflow_tracker`` catches them.

An experiment per profile (``mner/<profile>``), in it a parent run per cell (data set x system), below it a child
run per seed. Everything is looked up by tags before it is made, so logging the same thing twice changes nothing.
"""

from __future__ import annotations

import importlib
import math
import statistics
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mner.base.files import exclusive
from mner.tracking.mlflow_database import database_file, import_mlflow, refuse_broken
from mner.tracking.mlflow_values import Point, inputs_of, milliseconds, name_of, results_of, tags_of
from mner.tracking.record import Record
from mner.tracking.run_environment import now

BATCH = 1000  # metrics in one log_batch call, MLflow's own limit
AVERAGED = {"best_dev_f1": "dev_f1", "test_f1": "test_f1"}
NOTE = "Mean and standard deviation (n - 1) over the finished seeds, F1 in percent."
REPORT_NOTE = "The rendered page and its tables, as they were when this run ended."

# Without it the page opens on the view for language-model traces, which is empty here.
MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}


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
        self._cells: dict[str, tuple[str, str]] = {}
        self._mlflow = import_mlflow()
        with self._locked():
            refuse_broken(database_file(uri))
            self._client = self._mlflow.MlflowClient(tracking_uri=uri)
            self._experiment = self._find_experiment()

    def cell(self, dataset: str, system: str, start: int | None = None) -> str:
        """Id of the cell's parent run, made if it is not there; ``start`` as for :meth:`child`."""
        tags = {"mner.kind": "cell", "mner.dataset": dataset, "mner.system": system}
        with self._locked():
            found = self._search(tags)
            run = found[0] if found else self._client.create_run(self._experiment, start_time=start, tags=tags)
            run_id: str = run.info.run_id
            self._cells[run_id] = dataset, system
            shown = {"dataset": dataset, "system": system, "profile": self.profile}
            self._describe(run, name_of(dataset, system), {**shown, "mlflow.note.content": NOTE})
            return run_id

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
            self._describe_child(same[0], cell, seed)
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
        self._log_inputs(child.run_id, record)
        self.tag(child.run_id, tags_of(record))

    def _log_inputs(self, run_id: str, record: Record) -> None:
        """Name the data files a run read, with their hashes, as MLflow's data sets."""
        entities = self._mlflow.entities
        inputs = [
            entities.DatasetInput(
                entities.Dataset(name=one.name, digest=one.digest, source_type="local", source=one.source),
                [entities.InputTag("mlflow.data.context", one.context)],
            )
            for one in inputs_of(record)
        ]
        if inputs:
            self._client.log_inputs(run_id, inputs)

    def log_cell(self, cell: str, points: Iterable[Point], tags: Mapping[str, str]) -> None:
        """Add numbers and tags to a cell's parent run, where they have changed."""
        known = Child(cell, cell, _latest_of(self._client.get_run(cell)))
        self.log_points(known, points)
        self.tag(cell, tags)

    def log_model(self, run_id: str, name: str, folder: Path, tags: Mapping[str, str]) -> None:
        """Add a model folder as a LoggedModel of a run."""
        made = self._client.create_logged_model(self._experiment, name, run_id, dict(tags), model_type="tagger")
        self._client.log_model_artifacts(made.model_id, str(folder))
        self._client.finalize_logged_model(made.model_id, "READY")
        self._client.log_outputs(run_id, [self._mlflow.entities.LoggedModelOutput(made.model_id, 0)])

    def has_model(self, child: Child) -> bool:
        """Whether a run has a LoggedModel."""
        outputs = self._client.get_run(child.run_id).outputs
        return outputs is not None and bool(outputs.model_outputs)

    def log_report(self, files: Iterable[Path]) -> None:
        """Add the report's files to a run of their own, ``report``, made if it is not there."""
        tags = {"mner.kind": "report"}
        with self._locked():
            found = self._search(tags)
            run = found[0] if found else self._client.create_run(self._experiment, tags=tags)
            self._describe(run, "report", {"profile": self.profile, "mlflow.note.content": REPORT_NOTE})
        for file in files:
            self._client.log_artifact(run.info.run_id, str(file))
        self.end(run.info.run_id, "FINISHED")

    def begin(self, run_id: str) -> None:
        """Mark a run, also one that ended before, as running."""
        self._client.update_run(run_id, status="RUNNING")
        self._client.set_tag(run_id, "mner.status", "running")

    def end(self, run_id: str, status: str, timestamp: int | None = None) -> None:
        """Mark a run as FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run_id, status, timestamp)
        self._client.set_tag(run_id, "mner.status", status.lower())

    def summarise(self, cell: str) -> str:
        """Log the averages of ``AVERAGED`` over the cell's finished seeds; returns what the description says."""
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
            note = f"{_headline(summary)}{NOTE}"
            self.tag(cell, {"mlflow.note.content": note})
            return note

    def monitor(self, run_id: str) -> Any | None:
        """MLflow's own sampling of processor, memory, disk and GPU, started; None where psutil is missing."""
        if importlib.util.find_spec("psutil") is None:
            return None
        module = importlib.import_module("mlflow.system_metrics.system_metrics_monitor")
        monitor = module.SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=self.uri)
        monitor.start()
        return monitor

    def _make_child(
        self,
        tags: dict[str, str],
        cell: str,
        key: str,
        seed: int,
        parameters: Mapping[str, str],
        start: int | None,
    ) -> Child:
        made = self._client.create_run(self._experiment, start_time=start, tags={**tags, "mner.key": key})
        self._describe_child(made, cell, seed)
        self._log_parameters(made.info.run_id, parameters)
        known = self._client.get_run(cell).data.params
        shared = {name: value for name, value in parameters.items() if name != "key" and name not in known}
        self._log_parameters(cell, shared)  # MLflow never changes a parameter: the first runs' stay
        return Child(made.info.run_id, cell)

    def _log_parameters(self, run_id: str, parameters: Mapping[str, str]) -> None:
        params = [self._mlflow.entities.Param(name, value) for name, value in parameters.items()]
        self._client.log_batch(run_id, params=params)

    def _describe_child(self, run: Any, cell: str, seed: int) -> None:
        dataset, system = self._cells[cell]
        shown = {"dataset": dataset, "system": system, "profile": self.profile, "seed": str(seed)}
        self._describe(run, name_of(dataset, system, seed), shown)

    def _describe(self, run: Any, name: str, tags: Mapping[str, str]) -> None:
        """Give a run its name and the tags that people group by, where it has others."""
        if run.info.run_name != name:
            self._client.update_run(run.info.run_id, name=name)
        self.tag(run.info.run_id, {k: v for k, v in tags.items() if run.data.tags.get(k) != v})

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        entities = [self._mlflow.entities.RunTag(name, value) for name, value in tags.items()]
        if entities:
            self._client.log_batch(run_id, tags=entities)

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
            database = database_file(self.uri)
            artifacts = None if database is None else (database.parent / "mlartifacts" / self.profile).as_uri()
            return self._client.create_experiment(name, artifact_location=artifacts, tags=MODEL_TRAINING)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return found.experiment_id

    def _locked(self) -> AbstractContextManager[None]:
        database = database_file(self.uri)
        return exclusive(Path(".locks/mlflow.lock") if database is None else Path(f"{database}.lock"))


def _latest_of(run: Any) -> dict[str, dict[int, float]]:
    return {name: {0: value} for name, value in run.data.metrics.items()}


def _headline(summary: Mapping[str, float]) -> str:
    """``Test F1 74.23 ± 0.31 over 5 seeds.``; nothing before the first score."""
    mean, sd = summary["test_f1_mean"], summary["test_f1_sd"]
    if math.isnan(mean):
        return ""
    spread = "" if math.isnan(sd) else f" ± {sd:.2f}"
    return f"Test F1 {mean:.2f}{spread} over {summary['finished_seeds']:.0f} seeds. "


def _same(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-6) or (math.isnan(first) and math.isnan(second))
