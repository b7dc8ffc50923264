"""DVC commands of docs/dvc-and-mlflow.md on the smallest pipeline: one generated corpus, one row, one seed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.pipeline_copy import copy_pipeline
from support.profile_settings import write_profile

from mner.base.files import read_json, write_json_atomically

ROOT = Path(__file__).resolve().parents[2]
DATASET, SYSTEM, PROFILE = "controls-positive", "bert-crf", "controls"
MOST_PARAMETERS = 40
AUTHOR = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
}


def run(folder: Path, *command: str) -> str:
    """Run a program of this environment in a folder that is a checkout of its own; returns what it prints."""
    environment = {
        **os.environ,
        **AUTHOR,
        "PYTHONPATH": str(folder),
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": "1",
    }
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *arguments)


def smallest(raw: dict[str, Any]) -> None:
    """One cell that trains in seconds."""
    raw["active"].update(datasets=[DATASET], systems=[SYSTEM], seeds=[1])
    raw["recipe"].update(epochs=1)
    raw["controls"] = {"train": 24, "dev": 8, "test": 12}


def checkout(folder: Path) -> Path:
    """A git repository with a copy of the pipeline and the smallest profile."""
    copy_pipeline(folder)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache"))
    shutil.copy(ROOT / ".gitignore", folder)
    write_profile(folder, PROFILE, smallest)
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", ".")
    run(folder, "git", "commit", "-qm", "start")
    return folder


# ---- fast: what DVC shows, without training


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline with metrics and plots in their places, as the report stage writes them."""
    folder = checkout(tmp_path_factory.mktemp("shown") / "study")
    results = folder / "results" / PROFILE
    cell = {"f1": 74.5, "f1_sd": 0.2, "f1_printed": 75.0, "difference": -0.5, "verdict": "CONSISTENT"}
    write_json_atomically(results / "metrics.json", {f"{DATASET}/{SYSTEM}": cell})
    curve = [{"row": f"{DATASET}/{SYSTEM}/1", "epoch": epoch, "dev_f1": 60.0 + epoch} for epoch in (1, 2)]
    write_json_atomically(results / "learning_curves.json", curve)
    write_json_atomically(results / "costs.json", [{"row": f"{DATASET}/{SYSTEM}", "minutes": 1.5, "f1": 74.5}])
    return folder


def test_metrics_are_shown_flat_with_the_printed_number_beside_ours(shown: Path) -> None:
    found = json.loads(dvc(shown, "metrics", "show", "--json"))[""]["data"]
    (content,) = [entry["data"] for entry in found.values()]
    assert {"f1", "f1_printed", "verdict"} <= content[f"{DATASET}/{SYSTEM}"].keys()


def test_plots_are_drawn_by_the_template_of_the_repository(shown: Path) -> None:
    dvc(shown, "plots", "show", "-o", "plots")
    page = (shown / "plots" / "index.html").read_text(encoding="utf-8")
    assert f"{DATASET}/{SYSTEM}/1" in page
    assert '"bind": "legend"' in page


def test_parameters_are_few_and_their_changes_are_shown(shown: Path) -> None:
    raw = yaml.safe_load((shown / "params.yaml").read_text(encoding="utf-8"))
    before = (shown / "params.yaml").read_bytes()
    raw["recipe"]["epochs"] = 9
    (shown / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    try:
        changed = json.loads(dvc(shown, "params", "diff", "--json"))
        every = json.loads(dvc(shown, "params", "diff", "--all", "--json"))
    finally:
        (shown / "params.yaml").write_bytes(before)
    assert changed["params.yaml"]["recipe.epochs"] == {"old": 1, "new": 9, "diff": 8}
    assert len(every["params.yaml"]) <= MOST_PARAMETERS


def test_code_of_the_reports_is_no_dependency_of_training() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    later = ("mner/evaluation", "mner/predictions", "mner/reporting", "mner/cli", "mner/tagger", "mner")
    for kind in ("data", "features", "graphs", "train"):
        assert not set(later) & set(stages[kind]["deps"]), kind


# ---- slow: the commands that run stages


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose pipeline ran; a local remote holds what it made, and its lock is committed."""
    folder = checkout(tmp_path_factory.mktemp("trained") / "study")
    dvc(folder, "repro", "-q")
    dvc(folder, "remote", "add", "--default", "store", str(folder.parent / "store"))
    run(folder, "git", "add", "dvc.lock", ".dvc/config")
    run(folder, "git", "commit", "-qm", "results")
    dvc(folder, "push", "-q")
    return folder


@pytest.mark.slow
def test_a_collaborator_pulls_runs_and_results(trained: Path, tmp_path: Path) -> None:
    run(tmp_path, "git", "clone", "-q", str(trained), "clone")
    clone = tmp_path / "clone"
    dvc(clone, "pull", "-q")
    record = Path("runs") / PROFILE / DATASET / SYSTEM / "1" / "record.json"
    assert (clone / record).read_bytes() == (trained / record).read_bytes()
    assert read_json(clone / "results" / PROFILE / "metrics.json")
    assert "up to date" in dvc(clone, "status")


@pytest.mark.slow
def test_one_stage_runs_alone_and_reporting_code_moves_the_report_only(trained: Path) -> None:
    code = trained / "mner" / "reporting" / "layout.py"
    before = code.read_bytes()
    code.write_bytes(before + b"\n# a remark\n")
    try:
        changed = json.loads(dvc(trained, "status", "--json"))
        assert changed.keys() == {"report"}
        assert "report" in dvc(trained, "repro", "-s", "report")
    finally:
        code.write_bytes(before)
        dvc(trained, "repro", "-q", "-s", "report")


@pytest.mark.slow
def test_experiments_change_one_parameter_and_show_f1_beside_the_parameters(trained: Path) -> None:
    dvc(trained, "exp", "run", "-q", "--temp", "-n", "longer", "-S", "recipe.epochs=2")
    rows = dvc(trained, "exp", "show", "--csv").splitlines()
    header = rows[0].split(",")
    assert f"{DATASET}/{SYSTEM}.f1" in header
    assert "recipe.epochs" in header
    assert any("longer" in row for row in rows)
    assert "recipe.epochs" in dvc(trained, "params", "diff", "longer")
    assert "f1" in dvc(trained, "metrics", "diff", "HEAD", "longer", "--all")


@pytest.mark.slow
def test_experiments_wait_in_a_queue_and_take_a_profile(trained: Path) -> None:
    dvc(trained, "exp", "run", "--queue", "-n", "other", "-S", "profile=quick")
    assert "other" in dvc(trained, "queue", "status")
    dvc(trained, "queue", "remove", "--queued")
