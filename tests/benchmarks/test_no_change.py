"""A pipeline that has nothing to do: of one cell, and (slow) of all stages the full profile defines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import pipeline_copy, tiny
from support.profile_settings import write_profile

ROOT = Path(__file__).resolve().parents[2]

copy_pipeline = vars(pipeline_copy)["copy_pipeline"]
DOES_NOTHING = "import sys, pathlib; [pathlib.Path(p).parent.mkdir(parents=True, exist_ok=True) or "
DOES_NOTHING += "pathlib.Path(p).write_text(p) for p in sys.argv[1:]]"


def test_finished_cell(benchmark, tmp_path: Path) -> None:
    tiny.make_world(tmp_path, epochs=1)
    assert len(tiny.train(tmp_path, "bert-crf")) == 1
    assert benchmark(tiny.train, tmp_path, "bert-crf") == []


@pytest.mark.slow
def test_finished_pipeline_of_the_full_profile(benchmark, tmp_path: Path) -> None:
    _stages_without_work(tmp_path)
    _dvc(tmp_path, "init", "--no-scm", "-q")
    _dvc(tmp_path, "repro", "-q")
    before = (tmp_path / "dvc.lock").read_bytes()
    benchmark.pedantic(_dvc, (tmp_path, "repro", "-q"), rounds=3 if benchmark.enabled else 1)
    assert (tmp_path / "dvc.lock").read_bytes() == before


def _dvc(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, check=True)


def _stages_without_work(folder: Path) -> None:
    """dvc.yaml as it is, profile full active, every command one that only makes its outputs."""
    copy_pipeline(folder)
    write_profile(folder, "full")
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    (folder / "nothing.py").write_text(DOES_NOTHING + "\n", encoding="utf-8")
    for stage in pipeline["stages"].values():
        made = [*stage["outs"], *stage.get("metrics", ()), *stage.get("plots", ())]
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in made]
        files = " ".join(out if Path(out).suffix else f"{out}/x" for out in outs)
        stage["cmd"] = f"{sys.executable} nothing.py {files}"
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")
