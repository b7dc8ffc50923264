"""Batches on their way to the device: on a GPU the next one is built and pinned while this one is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from mner.data.batch import Batch, pinned
from mner.data.batching import SplitData

Item = TypeVar("Item")
Made = TypeVar("Made")


def batches_on(
    split: SplitData, order: Sequence[Sequence[int]], device: torch.device
) -> Iterator[tuple[Sequence[int], Batch]]:
    """The rows of each batch and the batch on ``device``, in order; the same batches on any device.

    On a CPU a thread that builds ahead would take time from the one that computes, so nothing is built ahead.
    """
    if device.type != "cuda":
        for rows in order:
            yield rows, split.batch(rows).to(device)
        return
    for rows, batch in one_ahead(order, lambda rows: pinned(split.batch(rows))):
        yield rows, batch.to(device)


def one_ahead(items: Sequence[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
    """Each item and what ``make`` makes of it, in order; one is made in a thread while the last one is used.

    What ``make`` raises is raised where its item would have come.
    """
    with ThreadPoolExecutor(1, "batches") as thread:
        begun = ((item, thread.submit(make, item)) for item in items)
        following = next(begun, None)
        while following is not None:
            (item, made), following = following, next(begun, None)
            yield item, made.result()
