"""The same sweep on Ray: the same bytes, and a worker that is killed costs nothing."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from support import tiny
from support.messages import names

from mner import config
from mner.sweeping.run_plan import plan_of
from mner.sweeping.scheduler import Summary
from mner.sweeping.sweep_session import Resources, sweep
from mner.sweeping.workers.local import WorkersError

pytest.importorskip("ray", reason="Ray is not installed (pip install -e '.[cluster]')")
pytestmark = pytest.mark.slow


ON_RAY = Resources(workers=2, threads=1, gpus=0, ray="local")


def results(root: Path) -> dict[str, bytes]:
    files = [path for path in sorted((root / "runs").rglob("*")) if path.suffix in (".jsonl", ".csv")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_ray_makes_the_bytes_of_the_serial_runs_even_when_a_worker_is_killed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    serial, world = tmp_path / "serial", tmp_path / "world"
    tiny.make_world(serial, epochs=8)
    profile = {"systems": ["bert-crf", "ita"], "seeds": [1, 2]}
    tiny.change_parameters(serial, lambda raw: raw["active"].update(profile))
    tiny.copy_of(serial, world)
    for system in profile["systems"]:
        tiny.train(serial, system)

    checkpoints = world / ".checkpoints" / "tiny" / "toy-bert-crf"

    def kill() -> None:
        end = time.monotonic() + 240
        while not list(checkpoints.glob("*.pt")) and time.monotonic() < end:
            time.sleep(0.005)
        os.kill(int((world / ".locks" / "tiny" / "toy-bert-crf" / "1.lock").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    lines: list[str] = []
    settings = config.load(world / "params.yaml")
    plan = plan_of(settings, world, "cpu: nothing, 1 thread")
    summary = sweep(settings, world, plan, ON_RAY, command="a test", say=lines.append)
    killer.join()
    assert summary == Summary(trained=4, present=0, failed=0, unfinished=0)
    assert sum("its process died" in line for line in lines) == 1
    assert results(world) == results(serial)


def test_a_cluster_that_is_not_there_is_said(tmp_path):
    tiny.make_world(tmp_path)
    settings = config.load(tmp_path / "params.yaml")
    plan = plan_of(settings, tmp_path, "cpu: nothing, 1 thread", systems=["bert-crf"])
    nowhere = Resources(workers=1, threads=1, gpus=0, ray="127.0.0.1:9")
    with pytest.raises(WorkersError, match=names("127.0.0.1:9")):
        sweep(settings, tmp_path, plan, nowhere, command="a test", say=lambda line: None)
