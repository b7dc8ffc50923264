"""Randomness by name: every use has its own stream, a function of the run's seed alone, so resuming is exact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stream(seed: int, *name: str | int) -> int:
    """A 63-bit seed for one named use, such as ``stream(3, "order", epoch)``."""
    text = "/".join(map(str, (seed, *name)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *name: str | int) -> np.random.Generator:
    """NumPy generator of one named stream."""
    return np.random.default_rng(stream(seed, *name))


@contextmanager
def torch_stream(device: torch.device, seed: int, *name: str | int) -> Iterator[None]:
    """Run a block with torch's generators set to one named stream, and put them back afterwards.

    Dropout and initialisers draw from torch's own generators; this is the one place that sets them.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(stream(seed, *name))
        yield
