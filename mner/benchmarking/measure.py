"""Time two ways of doing the same work, sentence lengths as in the corpora."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from mner.config.strict import ConfigError
from mner.data.corpus import LABELS, TYPES, Sentence

# Training splits of UMT's copies, BERT's uncased word pieces, [CLS] and [SEP] included: the k-th of eleven
# evenly spaced quantiles (0 %, 10 %, ..., 100 %), and the mean number of pieces a word has.
QUANTILES: dict[str, tuple[int, ...]] = {
    "twitter2017": (7, 13, 15, 17, 18, 19, 21, 23, 26, 29, 56),
    "twitter2015": (17, 30, 33, 37, 40, 42, 45, 49, 52, 54, 70),
}
PIECES_PER_WORD: dict[str, float] = {"twitter2017": 1.15, "twitter2015": 2.49}


def stated_lengths(dataset: str, sentences: int) -> list[tuple[int, int]]:
    """(words, pieces) of evenly spread sentences of the stated distribution, in a fixed shuffled order.

    Raises:
        ConfigError: no distribution is stated for the data set.
    """
    if dataset not in QUANTILES:
        raise ConfigError(
            f"{dataset} is not built, and no length distribution is stated for it: run `dvc repro data`, "
            f"or choose {', '.join(QUANTILES)}"
        )
    places = (np.arange(sentences) + 0.5) / sentences * 10
    pieces = np.interp(places, np.arange(11), QUANTILES[dataset]).round().astype(int)
    words = np.maximum(1, ((pieces - 2) / PIECES_PER_WORD[dataset]).round().astype(int))
    order = np.random.default_rng(0).permutation(sentences)
    return [(int(words[row]), int(pieces[row])) for row in order]


def stand_ins(lengths: Sequence[tuple[int, int]]) -> tuple[Sentence, ...]:
    """Tagged sentences with exactly these numbers of words and of pieces (2 of them [CLS] and [SEP]).

    A word of n pieces is a run of n exclamation marks, which BERT's tokenizers split one by one; a name stands at
    every fourth word.
    """
    made = []
    for index, (words, pieces) in enumerate(lengths):
        share, extra = divmod(pieces - 2, words)
        texts = tuple("!" * (share + (place < extra)) for place in range(words))
        kinds = [TYPES[(index + place) % len(TYPES)] if place % 4 == 0 else "" for place in range(words)]
        tags = tuple(f"B-{kind}" if kind else "O" for kind in kinds)
        assert set(tags) <= set(LABELS)
        made.append(Sentence(index, f"picture{index}", texts, tags))
    return tuple(made)


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
