"""The most memory a run held, of its process or on its GPU since it began, whatever the system tells it in."""

from __future__ import annotations

import mmap
import sys
import types
from pathlib import Path

import pytest
import torch

from mner.base import meters
from mner.base.meters import peak_memory_gib

CPU = torch.device("cpu")


def test_peak_memory_is_in_gib_and_not_below_what_is_held_now() -> None:
    psutil = pytest.importorskip("psutil")
    held = psutil.Process().memory_info().rss / 2**30
    assert 0.98 * held <= peak_memory_gib(CPU) <= psutil.virtual_memory().total / 2**30


@pytest.mark.parametrize(("platform", "peak"), [("linux", 3 * 2**20), ("darwin", 3 * 2**30)])
def test_a_peak_told_by_the_system_is_in_kibibytes_but_on_a_mac(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, peak: int
) -> None:
    monkeypatch.setattr(meters, "PROCESS_STATUS", tmp_path / "absent")
    monkeypatch.setattr(meters.sys, "platform", platform)
    resource = pytest.importorskip("resource", reason="only Unix has it")
    monkeypatch.setattr(resource, "getrusage", lambda who: types.SimpleNamespace(ru_maxrss=peak))
    assert peak_memory_gib(CPU) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process set its memory peak back")
def test_a_cpus_memory_peak_is_that_of_the_run_and_not_of_the_process() -> None:
    # Mapped by hand: what malloc gives back may stay with the process (mner.training.determinism).
    with mmap.mmap(-1, 256 * 2**20) as held:
        held.write(b"1" * len(held))
        high = peak_memory_gib(CPU)
    meters.reset_peak_memory(CPU)
    if not meters.PROCESS_RESET.exists():
        pytest.skip("no /proc here")
    assert peak_memory_gib(CPU) < high - 0.2


def test_a_sandbox_that_forbids_resetting_the_peak_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(meters, "PROCESS_RESET", tmp_path)
    meters.reset_peak_memory(CPU)
    assert peak_memory_gib(CPU) > 0
