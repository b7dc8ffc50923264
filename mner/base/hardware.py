"""Which device work goes to, with how many CPU threads, and what the machine calls itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch


class DeviceError(ValueError):
    """A device that this machine does not have: ``named`` was asked for, ``held`` are those that it has."""

    def __init__(self, named: str, held: tuple[str, ...]) -> None:
        self.named, self.held = named, held
        super().__init__(f"--device {named}: this machine has {', '.join(held)}")


def device_of(name: str | None = None) -> torch.device:
    """The named device, or (None) a GPU if there is one, else the CPU.

    Raises:
        DeviceError: this machine lacks the one that was named; the CPU does not take its place.
    """
    seen = torch.cuda.device_count()
    held = ["cpu", *(["cuda"] if seen else []), *(f"cuda:{number}" for number in range(seen))]
    if name is not None and name not in held:
        raise DeviceError(name, tuple(held))
    return torch.device(name or ("cuda" if seen else "cpu"))


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
