"""What the MLflow store says when the same, other or broken runs come again, and what it never takes for ours."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.test_modules import module_of

from mner.tracking import mlflow_store as store_module
from mner.tracking.mlflow_rebuild import log_report, log_scores, rebuild
from mner.tracking.mlflow_store import Store
from mner.tracking.mlflow_tracker import TrackedCell, Tracker
from mner.tracking.mlflow_values import milliseconds

mlflow = pytest.importorskip("mlflow")
tracked = module_of("test_mlflow")
empty_database, uri, runs = tracked.empty_database, tracked.uri, tracked.runs
SKIPPED = {"status": "skipped", "reason": "no captions", "throughput": None}


def cell_of(uri: str) -> AbstractContextManager[TrackedCell]:
    """The cell that all runs here belong to."""
    return Tracker("test", uri).cell("planted", "bert-crf")


def logged(uri: str, dataset: str = "planted", system: str = "bert-crf") -> dict[str, Any]:
    """The store's runs of a cell by name; outdated ones and the parent under names of their own."""
    store = Store(uri, "test")
    (cell,) = store._search({"mner.kind": "cell", "mner.dataset": dataset, "mner.system": system})
    seeds = store._search({"mner.kind": "seed", "mlflow.parentRunId": cell.info.run_id})
    outdated = {_seed(run) + " outdated": run for run in seeds if "mner.superseded" in run.data.tags}
    held = {_seed(run): run for run in seeds if "mner.superseded" not in run.data.tags}
    return {"cell": cell, **held, **outdated}


def _seed(run: Any) -> str:
    return run.info.run_name.rpartition("/")[2]


def test_a_cell_that_fails_later_leaves_its_finished_seeds_finished(uri: str, runs: Path) -> None:
    def fail_at_the_second() -> None:
        with cell_of(uri) as cell:
            tracked.train(cell, runs, tracked.record_of(1))
            tracked.train(cell, runs, tracked.record_of(2), epochs=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_the_second()
    found = logged(uri)
    assert [found[name].info.status for name in ("seed 1", "seed 2", "cell")] == ["FINISHED", "FAILED", "FAILED"]
    assert found["cell"].data.metrics["finished_seeds"] == 1
    assert found["cell"].data.metrics["dev_f1_mean"] == 60.25


def test_a_run_that_begins_again_is_running_and_what_it_outdates_is_not(uri: str, runs: Path) -> None:
    settings = {name: getattr(tracked.record_of(1), name) for name in tracked.SETTINGS}
    with cell_of(uri) as begun:
        begun.seed(1, "a" * 64, **settings).stop_monitor()
        assert (logged(uri)["seed 1"].info.status, logged(uri)["cell"].info.status) == ("RUNNING", "RUNNING")
        begun.seed(1, "b" * 64, **settings).stop_monitor()
        found = logged(uri)
        assert (found["seed 1"].data.tags["mner.key"], found["seed 1"].info.status) == ("b" * 64, "RUNNING")
        assert found["seed 1 outdated"].info.status == "KILLED"
        others = {**settings, "recipe": {"epochs": 9}}
        begun.seed(1, "b" * 64, **others).stop_monitor()
        assert logged(uri)["seed 1"].data.params["recipe.epochs"] == "9", "the same key under other parameters"
    assert Store(uri, "test").find_child("planted", "bert-crf", 1, "a" * 64) is None
    assert logged(uri)["seed 1"].info.status == "FAILED", "it did not finish"
    with cell_of(uri) as begun:
        begun.seed(1, "b" * 64, **others).stop_monitor()
        assert logged(uri)["seed 1"].info.status == "RUNNING", "and goes on"


def test_rebuilt_runs_have_the_times_of_their_records(uri: str, runs: Path) -> None:
    late, early = tracked.record_of(1), tracked.record_of(2, finished_at="2024-05-06T06:00:00.250+00:00")
    for record in (late, early):
        tracked.write_run(runs, record)
    rebuild(runs / "test", "test", uri)
    found = logged(uri)
    for name, record in (("seed 1", late), ("seed 2", early)):
        told = found[name].info.start_time, found[name].info.end_time
        assert told == (milliseconds(record.started.isoformat()), milliseconds(record.finished_at))
    assert found["cell"].info.end_time == milliseconds(late.finished_at)
    assert found["cell"].info.start_time == milliseconds(early.started.isoformat())
    child = Store(uri, "test").find_child("planted", "bert-crf", 2, early.key)
    points = mlflow.MlflowClient(tracking_uri=uri).get_metric_history(child.run_id, "dev_f1")
    assert {point.timestamp for point in points} == {milliseconds(early.finished_at)}


def test_the_page_and_its_tables_are_files_of_one_run(uri: str, tmp_path: Path) -> None:
    page, absent = tmp_path / "index.html", tmp_path / "absent.csv"
    for text in ("first", "second"):
        page.write_text(text)
        log_report((page, absent), "test", uri)
    (run,) = Store(uri, "test")._search({"mner.kind": "report"})
    client = mlflow.MlflowClient(tracking_uri=uri)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["index.html"]
    assert Path(client.download_artifacts(run.info.run_id, "index.html")).read_text() == "second"


def test_a_skipped_run_takes_the_averages_of_the_one_it_outdates(uri: str, runs: Path) -> None:
    tracked.write_run(runs, tracked.record_of(1))
    rebuild(runs / "test", "test", uri)
    nothing = tracked.record_of(1, key="e" * 64, **SKIPPED)
    (runs / "test/planted/bert-crf/1/curve.csv").unlink()
    with cell_of(uri) as cell:
        cell.log(nothing, tracked.write_run(runs, nothing))
    found = logged(uri)
    assert found["seed 1"].info.status == "KILLED"
    assert found["cell"].data.metrics["finished_seeds"] == 0
    assert found["cell"].data.metrics["dev_f1_mean"] != found["cell"].data.metrics["dev_f1_mean"], "not a number"


def test_an_average_is_the_mean_of_all_finished_seeds(uri: str, runs: Path) -> None:
    for seed, best in ((1, 60.0), (2, 61.0), (3, 65.0)):
        tracked.write_run(runs, tracked.record_of(seed, best=best))
    rebuild(runs / "test", "test", uri)
    told = logged(uri)["cell"].data.metrics
    assert (told["dev_f1_mean"], told["dev_f1_sd"]) == (pytest.approx(62.0), pytest.approx(7.0**0.5))


def test_runs_are_found_on_whatever_page_they_stand(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(uri, "test")
    cell = store.cell("planted", "bert-crf")
    made = {store.child(cell, str(seed), seed, {}, None).run_id for seed in (1, 2, 3)}
    by_one = functools.partial(store._client.search_runs, max_results=1)
    monkeypatch.setattr(store._client, "search_runs", by_one)
    assert {run.info.run_id for run in store._search({"mner.kind": "seed"})} == made


def test_a_corrected_score_replaces_the_old_one_in_run_and_average(uri: str, runs: Path) -> None:
    record = tracked.record_of(1)
    tracked.write_run(runs, record)
    rebuild(runs / "test", "test", uri)
    for f1 in (51.0, 52.0):
        view = {"f1": f1, "precision": 40.0, "recall": 60.0}
        run = {
            "dataset": "planted",
            "system": "bert-crf",
            "seed": 1,
            "key": record.key,
            "views": {"test.own": view},
        }
        assert log_scores({"runs": [run]}, "test", uri) == 1
    found = logged(uri)
    told = found["seed 1"].data.metrics
    assert (told["test_f1"], told["test_precision"], told["test_recall"]) == (52.0, 40.0, 60.0)
    assert found["cell"].data.metrics["test_f1_mean"] == 52.0


def test_more_points_than_one_call_takes_are_all_logged(
    uri: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BATCH", 3)
    store = Store(uri, "test")
    child = store.child(store.cell("planted", "bert-crf"), "00", 1, {}, None)
    points = [("loss", step, float(step)) for step in range(7)]
    store.log_points(child, points)
    assert store.child(child.cell, "00", 1, {}, None).points == {"loss": {step: float(step) for step in range(7)}}
    assert all(child.has(point) for point in points)


def test_a_deleted_experiment_is_restored_with_its_runs(uri: str, runs: Path) -> None:
    tracked.write_run(runs, tracked.record_of(1))
    rebuild(runs / "test", "test", uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.get_experiment_by_name("mner/test").experiment_id)
    rebuild(runs / "test", "test", uri)
    assert set(logged(uri)) == {"cell", "seed 1"}


def test_files_of_runs_lie_beside_the_database(uri: str, runs: Path, tmp_path: Path) -> None:
    tracked.write_run(runs, tracked.record_of(1))
    rebuild(runs / "test", "test", uri)
    assert len(list((tmp_path / "mlartifacts" / "test").rglob("record.json"))) == 1


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_sampling_of_the_machine_ends_with_the_seed_or_with_its_cell(
    uri: str, runs: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    stopped: list[str] = []
    monitor = SimpleNamespace(finish=lambda: stopped.append("stopped"))
    monkeypatch.setattr(Store, "monitor", lambda store, run_id: monitor)

    def train() -> None:
        with cell_of(uri) as cell:
            tracked.train(cell, runs, tracked.record_of(1), epochs=2 if ends == "well" else 1)
            assert stopped == (["stopped"] if ends == "well" else [])
            if ends == "badly":
                raise ZeroDivisionError

    if ends == "badly":
        with pytest.raises(ZeroDivisionError):
            train()
    else:
        train()
    assert stopped == ["stopped"]


def test_a_curve_point_that_came_again_with_another_value_counts_as_the_newest(uri: str) -> None:
    store = Store(uri, "test")
    child = store.child(store.cell("planted", "bert-crf"), "00", 1, {}, None)
    store.log_points(child, [("dev_f1", 0, 40.0)], timestamp=1000)
    store.log_points(child, [("dev_f1", 0, 41.0)], timestamp=2000)
    assert store.child(child.cell, "00", 1, {}, None).points == {"dev_f1": {0: 41.0}}
