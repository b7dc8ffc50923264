"""A session on a GPU, rehearsed: it keeps to its time, continues where it stopped, and refuses a bad device."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from support.profile_settings import settings

from mner.base.files import read_json
from mner.benchmarking import device_check, gpu_session
from mner.benchmarking.gpu_session import (
    DONE,
    FAILED,
    SKIPPED,
    STOPPED,
    SWEEP_UNFINISHED,
    UNFINISHED,
    Phase,
    session,
)

PHASES = ("check", "speed", "packing", "packing-mps", "train", "pack")


class Machine:
    """Runs nothing: notes what it was asked for, and ends each phase with the exit code that was prepared."""

    def __init__(self, **codes: int | None) -> None:
        self.codes = codes
        self.asked: list[tuple[str, float]] = []

    def __call__(self, command: Sequence[str], output: Path, seconds: float) -> int | None:
        self.asked.append((output.stem, seconds))
        return self.codes.get(output.stem, 0)


def _states(results: dict[str, gpu_session.Result]) -> dict[str, str]:
    return {name: result.state for name, result in results.items()}


def _plan(out: Path) -> list[Phase]:
    return gpu_session.phases("cpu", out, 2, 2)


def test_the_limits_of_all_phases_fit_into_the_time(tmp_path: Path) -> None:
    machine = Machine()
    session(_plan(tmp_path), tmp_path, 100, machine)
    limits = dict(machine.asked)
    assert sum(limits[name] for name in ("check", "speed", "packing")) <= 100 - gpu_session.PACKING_RESERVE
    assert limits["train"] <= 100
    assert limits["pack"] >= gpu_session.PACKING_RESERVE - 1


def test_done_phases_are_not_repeated_and_training_continues(tmp_path: Path) -> None:
    first = session(_plan(tmp_path), tmp_path, 100, Machine(train=SWEEP_UNFINISHED))
    assert _states(first) == dict.fromkeys(PHASES, DONE) | {"packing-mps": SKIPPED, "train": UNFINISHED}
    again = Machine()
    second = session(_plan(tmp_path), tmp_path, 100, again)
    assert [name for name, _ in again.asked] == ["train", "pack"]
    assert second["train"].state == DONE
    assert read_json(tmp_path / gpu_session.SESSION).keys() == set(PHASES)


def test_a_device_that_fails_its_check_is_not_measured(tmp_path: Path) -> None:
    machine = Machine(check=1)
    assert _states(session(_plan(tmp_path), tmp_path, 100, machine)) == {"check": FAILED}
    assert [name for name, _ in machine.asked] == ["check"]


@pytest.mark.parametrize(("code", "state"), [(1, FAILED), (None, STOPPED)])
def test_a_phase_that_fails_leaves_the_time_to_the_others_and_is_tried_again(
    tmp_path: Path, code: int | None, state: str
) -> None:
    first = session(_plan(tmp_path), tmp_path, 100, Machine(speed=code))
    assert first["speed"].state == state
    assert first["pack"].state == DONE
    again = Machine()
    assert session(_plan(tmp_path), tmp_path, 100, again)["speed"].state == DONE
    assert [name for name, _ in again.asked] == ["speed", "pack"]


def test_without_time_nothing_is_started(tmp_path: Path) -> None:
    machine = Machine()
    results = session(_plan(tmp_path), tmp_path, 0, machine)
    assert (_states(results), machine.asked) == ({"check": STOPPED}, [])


def test_a_process_over_its_limit_is_stopped_and_its_output_kept(tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    program = "import time; print('began', flush=True); time.sleep(60)"
    started = time.monotonic()
    assert gpu_session.run_limited([sys.executable, "-c", program], output, 1.5) is None
    assert time.monotonic() - started < 30
    assert output.read_text() == "began\n"
    assert gpu_session.run_limited([sys.executable, "-c", "raise SystemExit(3)"], output, 30) == 3


@pytest.mark.slow
def test_training_on_this_processor_repeats_and_another_result_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_check, "SYSTEMS", ("bert-crf",))
    cpu = torch.device("cpu")
    assert device_check.check(settings(), cpu).passed
    monkeypatch.setattr(torch, "manual_seed", lambda seed: torch.seed())
    assert not device_check.check(settings(), cpu).passed
