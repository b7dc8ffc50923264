"""Twice the runs, or twice the sentences, take about twice the time: scoring and verifying grow linearly.

Times are the processor's, of a process of its own. Only their ratio is asserted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fabricated_load import make_load

ROOT = Path(__file__).resolve().parents[2]
MOST = 2.6
"""Times as long for twice as much: 2 is linear, 4 quadratic; the rest is what a busy machine adds."""
SIZES = {
    "runs": ({"runs": 120, "rows": 30, "sentences": 300}, {"runs": 240, "rows": 30, "sentences": 300}),
    "sentences": ({"runs": 4, "rows": 2, "sentences": 6_000}, {"runs": 4, "rows": 2, "sentences": 12_000}),
}


def _seconds(program: str, folder: Path) -> float:
    """Seconds of one processor that a Python program took in a folder."""
    before = os.times()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=True, env=environment, stdout=subprocess.DEVNULL
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.slow
@pytest.mark.parametrize("grows", sorted(SIZES))
def test_twice_as_much_takes_about_twice_as_long(benchmark, tmp_path: Path, grows: str) -> None:
    folders = []
    for number, size in enumerate(SIZES[grows]):
        folder = tmp_path / str(number)
        folder.mkdir()
        make_load(folder, **size)
        folders.append(folder)
    for command in ("score", "verify"):
        program = (
            f"import sys; from mner.cli.main import main; sys.exit(main(['{command}']) and {command == 'score'})"
        )
        once, twice = (_seconds(program, folder) for folder in folders)
        benchmark.extra_info[command] = {"once": round(once, 2), "twice": round(twice, 2)}
        assert twice <= MOST * once, (command, once, twice)
    benchmark.pedantic(_seconds, ("pass", tmp_path), rounds=1)
