"""Kept memory: a process that keeps what it frees gets it back without asking the kernel for zeroed pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from mner.training import determinism as heap

ROUNDS = 20
FAULTS = f"""
import resource, sys, torch
from mner.training.determinism import keep_freed_memory
torch.set_num_threads(1)
if "keep" in sys.argv:
    assert keep_freed_memory()
def work():
    return sum(float(torch.ones(size)[-1]) for size in (3_000_000, 12_000_000, 40_000_000))
for _ in range(5):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library has the setting")
def test_kept_blocks_are_not_asked_of_the_kernel_again() -> None:
    def faults(*words: str) -> int:
        ran = subprocess.run([sys.executable, "-c", FAULTS, *words], check=True, capture_output=True, text=True)
        return int(ran.stdout)

    kept, handed_back = faults("keep"), faults()
    # The largest block alone, 160 MB, spans 39,000 pages of 4 KiB, or 76 of 2 MiB.
    assert handed_back > 50 * ROUNDS
    assert kept < handed_back / 4


def test_a_c_library_without_the_setting_is_a_normal_state(monkeypatch) -> None:
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda name: object())
    assert heap.keep_freed_memory() is False
