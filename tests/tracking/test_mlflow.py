"""MLflow shows what the files say: live and rebuilt alike, once and not twice, and never in the way of a run."""

from __future__ import annotations

import math
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support.messages import names
from support.tracked_runs import SETTINGS, THROUGHPUT, record_of, train, write_run

from mner.tracking.mlflow_database import TrackingError, import_mlflow
from mner.tracking.mlflow_rebuild import log_scores, rebuild
from mner.tracking.mlflow_store import Store
from mner.tracking.mlflow_tracker import Tracker

pytestmark = pytest.mark.skipif(find_spec("mlflow") is None, reason="needs the extra 'track'")


def contents(uri: str) -> dict[str, Any]:
    """All that a person sees of the experiment, without ids and clock times."""
    client = import_mlflow().MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("mner/test").experiment_id
    runs = client.search_runs([experiment], order_by=["attributes.start_time ASC"])
    seen: dict[str, Any] = {}
    for run in runs:
        tags = dict(run.data.tags)
        tags.pop("mlflow.parentRunId", None)
        histories = {}
        for metric in (name for name in run.data.metrics if not name.startswith("system/")):
            history = client.get_metric_history(run.info.run_id, metric)
            histories[metric] = sorted({(point.step, round(point.value, 6)) for point in history})
        artifacts = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        name = run.info.run_name + (" outdated" if "mner.superseded" in tags else "")
        assert name not in seen, f"{name} is there twice"
        seen[name] = (run.info.status, dict(run.data.params), tags, histories, artifacts)
    return seen


def test_a_cell_is_a_parent_with_a_child_per_seed(uri: str, runs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of(1, best=60.0))
        train(cell, runs, record_of(2, best=63.0))
        skipped = record_of(3, status="skipped", reason="no captions", throughput=None)
        cell.log(skipped, write_run(runs, skipped))
    assert capfd.readouterr() == ("", ""), "tracking is silent when all is well"
    seen = contents(uri)
    assert set(seen) == {"planted/bert-crf", *(f"planted/bert-crf/seed {seed}" for seed in (1, 2, 3))}
    averages = seen["planted/bert-crf"][3]
    assert seen["planted/bert-crf"][0] == "FINISHED"
    assert averages["dev_f1_mean"][-1] == (0, 61.5)
    assert averages["dev_f1_sd"] == [(0, round(math.sqrt(4.5), 6))]
    status, params, tags, histories, artifacts = seen["planted/bert-crf/seed 1"]
    assert status == "FINISHED"
    assert params["recipe.rate"] == "3e-05"
    assert params["key"] == tags["mner.key"] == record_of(1).key
    assert tags["mlflow.source.git.commit"] == "c" * 40
    assert histories["dev_f1"] == [(0, 41.5), (1, 60.0)]
    assert histories["train_loss"] == [(0, 2.0), (1, 0.333333)]
    assert histories["throughput/train_sentences_per_second"] == [(0, 20.5)]
    assert artifacts == ["curve.csv", "record.json"]
    assert not any(name.startswith("test") for name in histories), "training does not know the test F1"
    assert seen["planted/bert-crf/seed 3"][2]["mner.status"] == "skipped: no captions"


def test_rebuilding_equals_live_and_repeats_without_change(
    uri: str, runs: Path, tmp_path: Path, empty_database: Path
) -> None:
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of(1, best=60.0))
        train(cell, runs, record_of(2, best=60.0))
    live = contents(uri)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(empty_database, other / "mlflow.db")
    fresh = f"sqlite:///{other}/mlflow.db"
    assert rebuild(runs / "test", "test", fresh) == 2
    rebuilt = contents(fresh)
    # While seeds finish one by one, the number of them is logged every time.
    live["planted/bert-crf"][3].pop("finished_seeds")
    counted = rebuilt["planted/bert-crf"][3].pop("finished_seeds")
    assert counted == [(0, 2.0)]
    assert rebuilt == live
    assert rebuild(runs / "test", "test", uri) == 2, "into the store that tracked live"
    again = contents(uri)
    again["planted/bert-crf"][3].pop("finished_seeds")
    assert again == live


def stop_after_one_epoch(uri: str, runs: Path, error: BaseException) -> None:
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of(1), epochs=1)
        raise error


def test_a_killed_run_goes_on_in_its_own_child(uri: str, runs: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stop_after_one_epoch(uri, runs, KeyboardInterrupt())
    status, _, tags, histories, _ = contents(uri)["planted/bert-crf/seed 1"]
    assert (status, tags["mner.status"]) == ("KILLED", "killed")
    assert histories["dev_f1"] == [(0, 41.5)]
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of(1))
    seen = contents(uri)
    assert set(seen) == {"planted/bert-crf", "planted/bert-crf/seed 1"}
    status, _, tags, histories, _ = seen["planted/bert-crf/seed 1"]
    assert (status, tags["mner.status"]) == ("FINISHED", "finished")
    assert histories["dev_f1"] == [(0, 41.5), (1, 60.25)]
    child = Store(uri, "test").find_child("planted", "bert-crf", 1, record_of().key)
    history = import_mlflow().MlflowClient(tracking_uri=uri).get_metric_history(child.run_id, "dev_f1")
    assert len(history) == 2, "no point twice"


def test_an_error_in_training_passes_and_marks_the_run(uri: str, runs: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="of training"):
        stop_after_one_epoch(uri, runs, ZeroDivisionError("of training"))
    assert [seen[0] for seen in contents(uri).values()] == ["FAILED", "FAILED"]


def test_another_key_outdates_the_seed_and_going_back_revives_it(uri: str, runs: Path) -> None:
    first, second = record_of(1, best=60.0), record_of(1, best=70.0, key="f" * 64)
    name = "planted/bert-crf/seed 1"
    for record, mean in ((first, 60.0), (second, 70.0), (first, 60.0)):
        with Tracker("test", uri).cell("planted", "bert-crf") as cell:
            train(cell, runs, record)
        seen = contents(uri)
        assert seen[name][2]["mner.key"] == record.key
        run = Store(uri, "test")._search({"mner.kind": "cell"})[0]
        assert run.data.metrics["dev_f1_mean"] == mean
    assert set(seen) == {"planted/bert-crf", name, f"{name} outdated"}


@pytest.mark.parametrize("broken", ["sqlite:///text.db", "nonsense://somewhere"])
def test_a_broken_store_is_told_once_and_never_raises(
    broken: str, tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.db").write_text("this is no database, " * 100)
    tracker = Tracker("test", broken)
    for system in ("bert-crf", "umt"):
        with tracker.cell("planted", system) as cell:
            train(cell, runs, record_of(1, system=system))
    assert not tracker.working
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("MLflow:")]
    assert len(lines) == 1
    assert "beginning seed 1 failed" in lines[0]
    assert lines[0].endswith("Going on without MLflow; later, run `mner track --rebuild`")
    assert (runs / "test/planted/umt/1/record.json").is_file()


def test_a_store_that_breaks_during_a_run_does_not_stop_it(
    uri: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError("disk full\nand more lines")

    tracker = Tracker("test", uri)
    with tracker.cell("planted", "bert-crf") as cell:
        monkeypatch.setattr(Store, "log_points", fail)
        train(cell, runs, record_of(1))
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.undo()
    assert rebuild(runs / "test", "test", uri) == 1
    assert contents(uri)["planted/bert-crf/seed 1"][0] == "FINISHED"


def test_mlflow_not_installed_is_told_and_does_not_raise(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], uri: str
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of(1))
    assert "ModuleNotFoundError" in capsys.readouterr().err


def test_test_scores_come_later_and_only_from_scores(
    uri: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        write_run(runs, record_of(seed))
    rebuild(runs / "test", "test", uri)
    capsys.readouterr()
    run = {"dataset": "planted", "system": "bert-crf"}
    views = {"test.own": {"f1": 51.0, "precision": 40.0, "recall": 60.0}}
    scored = [{**run, "seed": seed, "key": record_of(seed).key, "views": views} for seed in (1, 2, 3)]
    scored.append({**run, "seed": 4, "key": "", "views": {}})
    for _ in range(2):
        assert log_scores({"runs": scored}, "test", uri) == 2
        assert "1 of 3 scored runs are not in" in capsys.readouterr().err
    seen = contents(uri)
    assert seen["planted/bert-crf/seed 2"][3]["test_f1"] == [(0, 51.0)]
    assert seen["planted/bert-crf"][3]["test_f1_mean"] == [(0, 51.0)]
    assert log_scores({"runs": scored}, "test", "nonsense://x") == 0
    assert "logging test scores failed" in capsys.readouterr().err


def test_rebuilding_refuses_what_does_not_fit(uri: str, runs: Path) -> None:
    with pytest.raises(TrackingError, match=names("test")):
        rebuild(runs / "test", "test", uri)
    folder = write_run(runs, record_of(1))
    (folder / "curve.csv").unlink()
    with pytest.raises(TrackingError, match=names("curve.csv")):
        rebuild(runs / "test", "test", uri)
    folder.rename(folder.with_name("2"))
    with pytest.raises(TrackingError, match=names("test/planted/bert-crf/1")):
        rebuild(runs / "test", "test", uri)


def test_system_metrics_are_sampled_while_a_seed_trains(
    uri: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psutil")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        observer = cell.seed(1, record_of(1).key, **SETTINGS)
        time.sleep(1.0)
        observer.finish(record_of(1), write_run(runs, record_of(1)))
    child = Store(uri, "test").find_child("planted", "bert-crf", 1, record_of(1).key)
    assert any(name.startswith("system/cpu") for name in child.points)


def test_people_find_runs_by_name_group_them_by_tags_and_see_what_they_read(uri: str, runs: Path) -> None:
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of(inputs={"data/planted/corpus/train.jsonl": "ab" * 32}))
    client = import_mlflow().MlflowClient(tracking_uri=uri)
    found = client.search_runs([client.get_experiment_by_name("mner/test").experiment_id])
    parent, child = sorted(found, key=lambda run: run.info.run_name)
    shared = {"dataset": "planted", "system": "bert-crf", "profile": "test"}
    assert shared.items() <= parent.data.tags.items()
    assert {**shared, "seed": "1", "mlflow.source.name": "mner run"}.items() <= child.data.tags.items()
    assert parent.data.params["recipe.rate"] == "3e-05"
    (read,) = child.inputs.dataset_inputs
    assert (read.dataset.name, read.tags[0].value) == ("data/planted/corpus/train.jsonl", "training")
    assert ("ab" * 32).startswith(read.dataset.digest)


def test_the_store_of_the_environment_is_used_live(
    uri: str, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with Tracker("test").cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of())
    assert "planted/bert-crf/seed 1" in contents(uri)
    assert not list((tmp_path / "here").glob("*.db"))


@pytest.mark.parametrize("broken", ["http://127.0.0.1:5999", "nowhere://here"])
def test_a_store_that_cannot_be_reached_is_one_line(
    runs: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    write_run(runs, record_of())
    with pytest.raises(TrackingError) as raised:
        rebuild(runs / "test", "test", broken)
    assert len(str(raised.value).splitlines()) == 1
    assert (runs / "test" / "planted" / "bert-crf" / "1" / "record.json").is_file()


def test_a_share_of_the_hardware_above_one_is_not_logged(uri: str, runs: Path) -> None:
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of(throughput={**THROUGHPUT, "mfu": 1.6}))
    assert "throughput/mfu" not in contents(uri)["planted/bert-crf/seed 1"][3]


def test_scores_bring_what_the_paper_prints_the_verdict_and_the_ablations(uri: str, runs: Path) -> None:
    with Tracker("test", uri).cell("planted", "bert-crf") as cell:
        train(cell, runs, record_of())
    place = {"dataset": "planted", "system": "bert-crf"}
    view = {"f1": 51.0, "precision": 50.0, "recall": 52.0}
    run = {**place, "seed": 1, "key": record_of().key, "views": {"test.own": view}}
    scores = {"runs": [run], "cells": [{**place, "reliance": {"none": {"mean": 1.5}, "shuffled": None}}]}
    printed = {("planted", "bert-crf"): {"printed_f1": 53.0, "gap": -2.0, "verdict": "BELOW"}}
    assert log_scores(scores, "test", uri, printed) == 1
    seen = contents(uri)
    metrics, tags = seen["planted/bert-crf"][3], seen["planted/bert-crf"][2]
    assert [metrics[name] for name in ("printed_f1", "gap", "ablation/none")] == [
        [(0, 53.0)],
        [(0, -2.0)],
        [(0, 1.5)],
    ]
    assert tags["verdict"] == seen["planted/bert-crf/seed 1"][2]["verdict"] == "BELOW"
    assert all(number in tags["mlflow.note.content"] for number in ("51.00", "53.00", "-2.00"))
