"""The MLflow store from outside: what importing it costs, what it reads, and two processes that create it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.made_record import example
from support.messages import names

from mner.tracking.mlflow_database import TrackingError, database_file, import_mlflow
from mner.tracking.mlflow_runs import read_curve
from mner.tracking.mlflow_store import Child, Store
from mner.tracking.mlflow_tracker import Tracker
from mner.tracking.mlflow_values import flatten, milliseconds, results_of, tags_of

ROOT = Path(__file__).resolve().parents[2]


def test_importing_tracking_imports_neither_mlflow_nor_torch() -> None:
    code = (
        "import sys, mner.tracking.mlflow_tracker;"
        "sys.exit(any(name in sys.modules for name in ('mlflow', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_curve_that_is_none_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("epoch,dev_f1,loss\n0,1.5,\n1,2.5,3\n")
    assert read_curve(path) == [("dev_f1", 0, 1.5), ("dev_f1", 1, 2.5), ("loss", 1, 3.0)]
    path.write_text("epoch,dev_f1\n0,1.5\n1,many\n")
    with pytest.raises(TrackingError, match=names("curve.csv:3")):
        read_curve(path)
    path.write_text("step,dev_f1\n0,1.5\n")
    with pytest.raises(TrackingError, match=r"curve\.csv:2"):
        read_curve(path)


def test_parameters_are_flat_text() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, "x"]}}, "e": "word", "f": None}) == {
        "a.b": "1",
        "a.c.d": '[1, "x"]',
        "e": "word",
        "f": "null",
    }


CREATE = """
import sys
from mner.tracking.mlflow_tracker import Tracker
from mner.tracking.mlflow_values import flatten, milliseconds, results_of, tags_of
tracker = Tracker("test", sys.argv[1])
with tracker.cell("planted", "bert-crf") as cell:
    cell.seed(1, "00", recipe={}, options={}, encoder={}, data_copy="planted", visual_input="none")
sys.exit(not tracker.working)
"""


@pytest.mark.slow
def test_two_processes_may_create_the_store_together(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    command = [sys.executable, "-c", CREATE, uri]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    store = Store(uri, "test")
    assert [len(store._search({"mner.kind": kind})) for kind in ("cell", "seed")] == [1, 1]


def test_a_cell_with_nothing_to_train_touches_no_store(tmp_path: Path) -> None:
    tracker = Tracker("test", f"sqlite:///{tmp_path}/mlflow.db")
    with tracker.cell("planted", "bert-crf"):
        pass
    assert tracker.working
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_shown_do_not_stop_training(capsys: pytest.CaptureFixture[str]) -> None:
    with Tracker("test").cell("planted", "bert-crf") as cell:
        odd = {"path": Path("x")}
        seed = cell.seed(1, "00", recipe=odd, options={}, encoder={}, data_copy="planted", visual_input="none")
        seed.epoch({"dev_f1": 1.0}, 0)
    assert capsys.readouterr().err.startswith("MLflow: beginning seed 1 failed: TypeError")


def test_what_a_record_does_not_tell_is_no_number_and_no_tag() -> None:
    nothing = {"dev_f1": (), "best_epoch": None, "predictions": {}, "throughput": None}
    skipped = example(status="skipped", reason="no captions", **nothing)
    assert results_of(skipped) == [("duration_seconds", 0, 12.5)]
    assert tags_of(skipped)["mner.status"] == "skipped: no captions"
    assert not {"mner.device", "mner.git.dirty", "mlflow.source.git.commit"} & tags_of(skipped).keys()
    told = {name: value for name, _, value in results_of(example())}
    assert (told["best_dev_f1"], told["best_epoch"], told["throughput/peak_memory_gib"]) == (60.25, 1.0, 0.5)
    assert not {"throughput/device", "throughput/joules"} & told.keys()


@pytest.mark.parametrize("dirty", [True, False])
def test_a_tree_is_said_to_differ_from_its_commit_or_not(dirty: bool) -> None:
    tags = tags_of(example(git={"commit": "c" * 40, "dirty": dirty}))
    assert (tags["mner.git.dirty"], tags["mlflow.source.git.commit"]) == (str(dirty).lower(), "c" * 40)


def test_a_parameter_is_cut_where_mlflow_would_cut_it() -> None:
    assert flatten({"long": "x" * 7000, "listed": ["x" * 7000]}) == {
        "long": "x" * 6000,
        "listed": '["' + "x" * 5998,
    }


def test_moments_are_counted_in_whole_milliseconds() -> None:
    assert milliseconds("1970-01-01T00:00:01.2346+00:00") == 1235
    assert milliseconds("1970-01-01T01:00:00+01:00") == 0


def test_a_value_that_is_there_is_not_logged_again_be_it_no_number() -> None:
    child = Child("a run", "a cell", {"f1": {0: 50.0, 1: math.nan}})
    assert child.has(("f1", 0, 50.00001))
    assert child.has(("f1", 1, math.nan))
    assert not any(map(child.has, [("f1", 0, 50.1), ("f1", 1, 50.0), ("f1", 2, 50.0), ("loss", 0, 50.0)]))


@pytest.mark.parametrize(("text", "told"), [("", "ValueError: "), ("x" * 300, f"ValueError: {'x' * 200}")])
def test_whatever_a_store_throws_is_one_line_and_no_more(
    text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ValueError(text)

    tracker = Tracker("test")
    assert tracker.attempt("trying", fail) is None
    assert not tracker.working
    assert capsys.readouterr().err.startswith(f"MLflow: trying failed: {told}. Going on without MLflow; later")
    assert tracker.attempt("trying again", lambda: 1) is None
    assert capsys.readouterr().err == ""


def test_the_file_of_a_database_has_no_options_in_its_name(tmp_path: Path) -> None:
    assert database_file(f"sqlite:///{tmp_path}/mlflow.db?timeout=5") == tmp_path / "mlflow.db"
    assert database_file("http://somewhere:5000") is None


def test_settings_of_mlflow_that_somebody_made_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    import_mlflow()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
