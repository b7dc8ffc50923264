"""Generated pictures are an output of their stage: `dvc repro` brings them back when data/ is gone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.pipeline_copy import copy_pipeline
from support.profile_settings import write_profile

pytestmark = [pytest.mark.slow, pytest.mark.fault("survived")]

DATASET = "controls-positive"


def small(raw: dict[str, Any]) -> None:
    raw["active"] |= {"datasets": [DATASET], "systems": ["bert-crf"]}
    raw["controls"] = {"train": 24, "dev": 16, "test": 16}


def repro(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "repro", "data"], cwd=folder, check=True, capture_output=True)


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "data" / DATASET / "images").iterdir()}


def test_a_deleted_data_folder_comes_back_with_its_pictures(tmp_path: Path) -> None:
    folder = copy_pipeline(tmp_path / "copy")
    write_profile(folder, "controls", small)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=folder, check=True)
    repro(folder)
    before = pictures(folder)
    assert before
    shutil.rmtree(folder / "data")
    repro(folder)
    assert pictures(folder) == before
