"""Threads of a computation are part of its result: they are put back, and cores are never overbooked."""

from __future__ import annotations

import os
import threading
import time

import pytest
import torch

from mner.base.hardware import cpu_threads, side_by_side


def test_the_number_of_threads_is_put_back_whatever_happens() -> None:
    before, seen = torch.get_num_threads(), []

    def fail() -> None:
        seen.append(torch.get_num_threads())
        raise MemoryError

    with pytest.raises(MemoryError), cpu_threads(before + 2):
        fail()
    assert (seen, torch.get_num_threads()) == ([before + 2], before)


def most_at_once(device: str, cores: int | None, monkeypatch: pytest.MonkeyPatch) -> tuple[int, set[str]]:
    """How many of ten items, with two threads each, were computed at a time at most, and by which threads."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    at_work, seen, names = [], [], set()

    def compute(item: int) -> int:
        at_work.append(item)
        seen.append(len(at_work))
        names.add(threading.current_thread().name)
        time.sleep(0.005)
        at_work.remove(item)
        return item

    with cpu_threads(2):
        assert list(side_by_side(compute, range(10), torch.device(device))) == list(range(10))
    return max(seen), names


@pytest.mark.parametrize(("cores", "most"), [(5, 2), (4, 2), (3, 1), (1, 1), (None, 1)])
def test_no_more_is_computed_at_a_time_than_cores_allow(cores, most, monkeypatch) -> None:
    assert most_at_once("cpu", cores, monkeypatch)[0] == most


def test_a_device_of_its_own_is_given_one_item_after_the_other_from_this_thread(monkeypatch) -> None:
    assert most_at_once("meta", 64, monkeypatch) == (1, {threading.current_thread().name})
