"""Stages that cannot go on say why in one line, as the commands do; called from Python they raise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.messages import names
from support.profile_settings import write_profile

from mner.base.exits import FAULT
from mner.evaluation.kept_results import NoResultsError
from stages import score

ROOT = Path(__file__).resolve().parents[2]
ACTIVE = "quick"


@pytest.fixture
def empty(tmp_path) -> Path:
    """A folder with nothing but the parameters."""
    write_profile(tmp_path, ACTIVE)
    return tmp_path


def stage(folder: Path, typed: str) -> subprocess.CompletedProcess[str]:
    """A stage as dvc.yaml calls it, on a machine that has no data and may not fetch any."""
    places = {"MNER_OFFLINE": "1", "MNER_CACHE": str(folder / "cache"), "MNER_MIRROR": "", "MNER_IMAGES": ""}
    environment = {**os.environ, **places, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *typed.split()]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("stages.features twitter2017", ("images.json", "`dvc repro`", "data")),
        ("stages.graphs twitter2017", ("data/twitter2017/corpus/train.jsonl",)),
        ("stages.train nowhere bert-crf", ("'nowhere'", "twitter2015")),
        (f"stages.score {ACTIVE} --from-reference", (ACTIVE, "`dvc repro`")),
        (f"stages.report {ACTIVE}", (f"results/{ACTIVE}/scores.json", "`dvc repro`")),
    ],
)
def test_a_stage_without_its_inputs_ends_in_one_line(empty, typed, named):
    ended = stage(empty, typed)
    assert ended.returncode == FAULT
    assert ended.stderr.startswith(f"{typed}: ")
    assert re.search(names(*named), ended.stderr)
    assert ended.stderr.count("\n") == 1


def test_data_that_cannot_be_had_is_told_with_the_ways_out(empty):
    ended = stage(empty, "stages.data twitter2017")
    assert ended.returncode == FAULT
    first, *ways = ended.stderr.splitlines()
    assert first.startswith("stages.data twitter2017: ")
    assert "set MNER_MIRROR" in ended.stderr
    assert all(line.startswith("  ") for line in ways)


def test_a_stage_called_from_python_raises(empty, monkeypatch):
    monkeypatch.chdir(empty)
    with pytest.raises(NoResultsError, match="no results of"):
        score.main([ACTIVE, "--from-reference"])
