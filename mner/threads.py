"""How many CPU threads a computation has. It is part of the result: sums are split among threads, and round so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Made = TypeVar("Made")


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Compute with ``count`` threads, whatever the machine has, and put the number back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(compute: Callable[[Item], Made], items: Sequence[Item], device: torch.device) -> Iterator[Made]:
    """``compute`` of every item, in their order, without gradients; on a CPU as many at a time as cores allow.

    Each has the number of threads it would have alone, so that more cores change the time and nothing else.
    """

    @torch.no_grad()
    def one(item: Item) -> Made:
        return compute(item)

    threads = torch.get_num_threads()
    workers = (os.cpu_count() or 1) // threads
    if device.type != "cpu" or workers < 2:
        yield from map(one, items)
        return
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        yield from pool.map(one, items)
