"""The MLflow store from outside: what importing it costs, what it reads, and two processes that create it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mner.tracking.mlflow import Tracker, read_curve
from mner.tracking.store import Store, TrackingError, flatten

ROOT = Path(__file__).resolve().parent.parent


def test_importing_tracking_imports_neither_mlflow_nor_torch() -> None:
    code = "import sys, mner.tracking.mlflow; sys.exit(any(name in sys.modules for name in ('mlflow', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_curve_that_is_none_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("epoch,dev_f1,loss\n0,1.5,\n1,2.5,3\n")
    assert read_curve(path) == [("dev_f1", 0, 1.5), ("dev_f1", 1, 2.5), ("loss", 1, 3.0)]
    path.write_text("epoch,dev_f1\n0,1.5\n1,many\n")
    with pytest.raises(TrackingError, match=r"curve\.csv:3: not a row of a curve"):
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
from mner.tracking.mlflow import Tracker
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
