"""A first hour on a GPU in one command, phase by phase: ``python -m mner.benchmarking.gpu_session --minutes 9``.

It needs no network, no DVC and no MLflow. Each phase is a process with a time limit, and its result is noted when
it ends: the same command continues after an interruption, and trains further where the last call ran out of time.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mner.base.exits import end_with
from mner.base.files import read_json, write_json_atomically
from mner.base.terminal import aligned

SESSION = "session.json"
MPS = "nvidia-cuda-mps-control"
PACKING_RESERVE = 20.0
"""Seconds that are kept for packing the runs at the end."""
DONE, UNFINISHED, FAILED, SKIPPED, STOPPED = "done", "unfinished", "failed", "skipped", "out of time"
SWEEP_UNFINISHED = 3
"""Exit code of ``mner sweep`` where its time was over."""
Run = Callable[[Sequence[str], Path, float], int | None]
"""Runs a command with its output in a file, for at most so many seconds; None where that was not enough."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of a session.

    Attributes:
        name: Of the phase, and of the file with its output.
        command: Arguments after ``python -m``.
        share: Of the whole time that it may take at most; None takes what is left.
        skipped: Why it is not run here; empty where it is.
    """

    name: str
    command: tuple[str, ...]
    share: float | None
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a phase.

    Attributes:
        state: DONE, UNFINISHED (the same command continues it), FAILED, SKIPPED or STOPPED (its limit was over).
        seconds: That it took, over all calls.
        command: As it can be typed.
        note: The reason why it was skipped, or the file that holds its output.
    """

    state: str
    seconds: float
    command: str
    note: str


def phases(device: str, out: Path, workers: int, seeds: int) -> list[Phase]:
    """List what a session does, in order.

    Args:
        device: ``cuda``, or ``cpu`` for a rehearsal.
        out: The folder for everything it writes.
        workers: Runs that are trained at the same time.
        seeds: Seeds that are packed onto the device to measure what that gains.
    """
    bench = ("mner.cli", "bench", "--quick", "--device", device)
    size = ("--size", "tiny") if device == "cpu" else ()
    packed = (*bench, "--packing", "--seeds", str(seeds), *size)
    mps = "" if device == "cuda" and shutil.which(MPS) else f"{MPS} is not here"
    return [
        Phase("check", ("mner.benchmarking.device_check", "--device", device), 0.15),
        Phase("speed", (*bench, *size, "--json", str(out / "speed.json")), 0.25),
        Phase("packing", (*packed, "--json", str(out / "packing.json")), 0.15),
        Phase("packing-mps", (*packed, "--json", str(out / "packing-mps.json")), 0.15, mps),
        Phase("train", ("mner.cli", "sweep", "--until-settled", "--workers", str(workers)), None),
        Phase("pack", ("mner.cli", "pack", str(out / "runs.tar.gz")), None),
    ]


def session(plan: Sequence[Phase], out: Path, seconds: float, run: Run) -> dict[str, Result]:
    """Run the phases that are not done yet, within a time.

    A failed check ends the session: what would be measured on such a device says nothing. Another phase that fails
    or is stopped leaves the time to those after it, and is tried again by the next call.

    Args:
        plan: The phases.
        out: Holds outputs and ``session.json``.
        seconds: For all phases together.
        run: Runs one command.

    Returns:
        The result of each phase, by its name.
    """
    out.mkdir(parents=True, exist_ok=True)
    results = _noted(out / SESSION)
    ends = time.monotonic() + seconds
    for phase in plan:
        before = results.get(phase.name)
        if before is not None and before.state == DONE and phase.name != "pack":
            continue
        results[phase.name] = _run_phase(phase, out, seconds, ends, before, run)
        write_json_atomically(out / SESSION, {name: asdict(result) for name, result in results.items()})
        if phase.name == "check" and results[phase.name].state != DONE:
            break
    return results


def _run_phase(phase: Phase, out: Path, whole: float, ends: float, before: Result | None, run: Run) -> Result:
    command = phase.command
    if phase.skipped:
        return Result(SKIPPED, 0.0, _typed(command), phase.skipped)
    left = ends - time.monotonic() - (0.0 if phase.name == "pack" else PACKING_RESERVE)
    limit = left if phase.share is None else min(left, phase.share * whole)
    spent = before.seconds if before is not None else 0.0
    if limit <= 0:
        return Result(STOPPED, spent, _typed(command), "no time was left")
    if phase.name == "train":
        command = (*command, "--minutes", f"{limit / 60:.2f}")
        limit += PACKING_RESERVE / 2  # a sweep stops by itself after a saved epoch
    output = out / f"{phase.name}.txt"
    started = time.monotonic()
    code = run(_with_mps(phase, command), output, limit)
    spent += time.monotonic() - started
    return Result(_state(phase, code), round(spent, 1), _typed(command), str(output))


def _state(phase: Phase, code: int | None) -> str:
    if code is None:
        return UNFINISHED if phase.name == "train" else STOPPED
    if phase.name == "train" and code == SWEEP_UNFINISHED:
        return UNFINISHED
    return FAILED if code else DONE


def _with_mps(phase: Phase, command: Sequence[str]) -> list[str]:
    typed = [sys.executable, "-m", *command]
    if phase.name != "packing-mps":
        return typed
    # The daemon ends with the phase, so that training is measured without it.
    script = f'{MPS} -d && "$@"; code=$?; echo quit | {MPS}; exit $code'
    return ["sh", "-c", script, "sh", *typed]


def _typed(command: Sequence[str]) -> str:
    return shlex.join(("python", "-m", *command))


def _noted(path: Path) -> dict[str, Result]:
    rows: Mapping[str, Any] = read_json(path) if path.is_file() else {}
    return {name: Result(**row) for name, row in rows.items()}


def run_limited(command: Sequence[str], output: Path, seconds: float) -> int | None:
    """Run a command, its output appended to a file.

    Returns:
        The exit code; None where it was stopped because its time was over.
    """
    with output.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()  # a sweep ends its workers first
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            return None


def render(results: Mapping[str, Result]) -> str:
    """Lay out one line a phase."""
    rows = [(name, one.state, f"{one.seconds:.0f} s", one.note) for name, one in results.items()]
    return "\n".join(aligned([("phase", "state", "time", "see"), *rows], numbers=(2,), header=True)) + "\n"


def main() -> int:
    """Run a session from the command line; 0 if nothing is left to do, 3 if the same command would continue."""
    parser = argparse.ArgumentParser(prog="python -m mner.benchmarking.gpu_session", description=__doc__)
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything (default: 9)")
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a rehearsal with tiny models"
    )
    parser.add_argument("--workers", type=int, default=5, help="runs at the same time (default: 5)")
    parser.add_argument("--seeds", type=int, default=5, help="seeds packed together (default: 5)")
    parser.add_argument("--out", type=Path, default=Path("gpu-session"), help="where results are written")
    options = parser.parse_args()
    plan = phases(options.device, options.out, options.workers, options.seeds)
    results = session(plan, options.out, 60 * options.minutes, run_limited)
    print(render(results), end="")
    states = {result.state for result in results.values()}
    if FAILED in states:
        return 1
    return SWEEP_UNFINISHED if states - {DONE, SKIPPED} else 0


if __name__ == "__main__":
    end_with("gpu session", main)
