"""kill -9 at random points of `dvc repro`, then once to the end: predictions are those of an undisturbed run."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import pipeline_copy
from support.profile_settings import write_profile

TESTS = Path(__file__).resolve().parents[1]
KILLS = 5
copy_pipeline = vars(pipeline_copy)["copy_pipeline"]


@pytest.mark.slow
@pytest.mark.fault("survived")
def test_five_kills_change_no_byte_of_any_prediction(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    record_property("attacks", KILLS)
    undisturbed = _small_project(tmp_path / "undisturbed")
    started = time.monotonic()
    assert _repro(undisturbed).wait() == 0, _log(undisturbed)
    duration = time.monotonic() - started

    disturbed = _small_project(tmp_path / "disturbed")
    points, at_work = random.Random(5), 0
    for attempt in range(KILLS):
        process = _repro(disturbed)
        time.sleep(points.uniform(0.1, 0.3) * duration)
        if process.poll() is None:
            at_work += 1
            # Every other time dvc alone dies and the stage it started lives on, as a user's kill would have it.
            _kill(process, whole_group=attempt % 2 == 0)
        assert process.returncode in (0, -signal.SIGKILL), _log(disturbed)
    assert _repro(disturbed).wait() == 0, _log(disturbed)

    assert at_work >= 3

    expected, seen = _predictions(undisturbed), _predictions(disturbed)
    # Dev and test; for rgcn also test without picture, with another's, and with another's neighbours.
    names = {"bert-crf": 2, "rgcn": 5}
    found = Counter(path.split("/")[3] for path in expected)
    assert found == {system: 2 * files for system, files in names.items()}
    assert seen == expected


def _small_project(folder: Path) -> Path:
    """A copy of the pipeline whose controls are small enough to be killed and repeated within minutes."""
    copy_pipeline(folder)

    def small(params: dict[str, Any]) -> None:
        params["controls"].update(train=120, dev=40, test=60)
        params["recipe"].update(epochs=3, predict_every_epoch=False)
        params["active"].update(datasets=["controls-positive"], systems=["bert-crf", "rgcn"], seeds=[1, 2])

    write_profile(folder, "controls", small)
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(command, cwd=folder, env=_environment(), check=True)
    return folder


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _repro(folder: Path) -> subprocess.Popen:
    log = (folder / "repro.log").open("a")
    return subprocess.Popen(
        ["dvc", "repro"], cwd=folder, env=_environment(), stdout=log, stderr=log, start_new_session=True
    )


def _log(folder: Path) -> str:
    return (folder / "repro.log").read_text(encoding="utf-8")[-2000:]


def _kill(process: subprocess.Popen, *, whole_group: bool) -> None:
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _predictions(folder: Path) -> dict[str, str]:
    """SHA-256 of every prediction, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "runs").rglob("*.jsonl"))
    }
