"""Twice the runs, or twice the sentences, take about twice the time and memory: commands grow linearly.

Times are the processor's, memory is the most that was held, of a process of its own. Only ratios are asserted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.fabricated_load import make_load

ROOT = Path(__file__).resolve().parents[2]
MOST = 2.3
"""Times as long for twice as much: 2 is linear, 4 quadratic; the rest is what a busy machine adds."""
SIZES = {
    "runs": ({"runs": 120, "rows": 30, "sentences": 300}, {"runs": 240, "rows": 30, "sentences": 300}),
    "sentences": ({"runs": 4, "rows": 2, "sentences": 6_000}, {"runs": 4, "rows": 2, "sentences": 12_000}),
}


def _cost(program: str, folder: Path) -> tuple[float, float]:
    """Seconds of one processor that a Python program took in a folder, and the most MiB that it held."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # Not ru_maxrss: a child's starts at what its parent held. The kernel counts VmHWM anew for each program.
    peak = folder / "peak.txt"
    report = f"import atexit, shutil; atexit.register(shutil.copy, '/proc/self/status', {str(peak)!r})"
    whole = f"import os; os.chdir({str(folder)!r}); {report}; {program}"
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(sys.executable, [sys.executable, "-c", whole], environment, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    assert status == 0, (program, status)
    (held,) = (line.split()[1] for line in peak.read_text().splitlines() if line.startswith("VmHWM"))
    return used.ru_utime + used.ru_stime, int(held) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("grows", sorted(SIZES))
def test_twice_as_much_takes_about_twice_as_long(benchmark, tmp_path: Path, grows: str) -> None:
    folders = []
    for number, size in enumerate(SIZES[grows]):
        folder = tmp_path / str(number)
        folder.mkdir()
        make_load(folder, **size)
        folders.append(folder)
    for command in ("score", "verify", "plan"):
        program = (
            f"import sys; from mner.cli.main import main; sys.exit(main(['{command}']) and {command == 'score'})"
        )
        once, twice = (_cost(program, folder) for folder in folders)
        benchmark.extra_info[command] = {"once": once, "twice": twice}  # each: seconds, MiB
        assert all(more <= MOST * less for less, more in zip(once, twice, strict=True)), (command, once, twice)
    benchmark.pedantic(_cost, ("pass", tmp_path), rounds=1)
