"""Timing of several ways to do one thing, interleaved, so that whatever else the machine does hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from tqdm import tqdm

Round = Callable[[], int]
"""Does one round of work and says how many sentences it held."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Sentences per second of every round; rounds with the same number ran next to each other."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def over(self, other: Rates) -> float:
        """How many times faster than ``other``: the median of the ratios of neighbouring rounds."""
        return statistics.median(one / two for one, two in zip(self.rounds, other.rounds, strict=True))


@dataclass(frozen=True, slots=True)
class Clock:
    """What seconds are: the clock's, or (``cpu_time``) those the process computed, summed over its threads.

    On a busy machine with one thread, computing time is about what an idle machine would take.

    Raises:
        ValueError: computing time is asked for on a device that is no CPU.
    """

    device: torch.device
    cpu_time: bool = False

    def __post_init__(self) -> None:
        if self.cpu_time and self.device.type != "cpu":
            raise ValueError(f"CPU time does not measure what {self.device} does; leave --cpu-time away")

    def __call__(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.process_time() if self.cpu_time else time.perf_counter()


def interleaved(ways: Mapping[str, Round], rounds: int, clock: Clock, label: str) -> dict[str, Rates]:
    """Run every way in turn, ``rounds`` times over (A B A B ...), after one untimed turn."""
    seen: dict[str, list[float]] = {name: [] for name in ways}
    with tqdm(total=(rounds + 1) * len(ways), desc=label, unit="round", leave=False, disable=None) as bar:
        for turn in range(rounds + 1):
            for name, work in ways.items():
                started = clock()
                sentences = work()
                seconds = clock() - started
                if turn:
                    seen[name].append(sentences / seconds)
                bar.update()
    return {name: Rates(tuple(rates)) for name, rates in seen.items()}
