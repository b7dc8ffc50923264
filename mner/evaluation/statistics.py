"""How sure a score is: two sources of ±, always named.

``seeds``: training again with another seed gives another score; measured by the s.d. over runs.
``sample``: another test set of the same kind would give another score; measured by resampling sentences.
Everything starts from ``spans.sentence_counts``: per sentence correct, predicted and gold entities. F1 is a
fraction here. Random numbers come from the generator given, so that the same generator gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, Num

from mner.evaluation.distributions import t_ppf
from mner.evaluation.gaps import gap_on_both

Source = Literal["seeds", "sample", "seeds and sample"]
SentenceCounts = Int[np.ndarray, "sentences 3"]
RunCounts = Int[np.ndarray, "seeds sentences 3"]
DRAWS = 1000
_AT_ONCE = 100
"""Draws that are summed at once: their counts are numbers of four bytes for that long only."""
ALPHA = 0.05  # two-sided, of comparisons; the level of verdicts is a setting of params.yaml
LEVEL = 1 - ALPHA


class StatisticsError(ValueError):
    """Numbers that do not support the statistic asked for; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """An estimate, its standard deviation and interval, and which source of variation they speak of.

    ``standard_deviation`` is that of the estimate for resampling statistics and that of a single run for
    :func:`seed_spread`; ``resampled`` says in words what was varied.
    """

    estimate: float
    standard_deviation: float
    low: float
    high: float
    level: float
    source: Source
    resampled: str


def micro_f1(counts: Num[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape"]:
    """F1 of (correct, predicted, gold) counts, ``2 correct / (predicted + gold)``; 0 where both are 0."""
    counts = np.asarray(counts)
    total = counts[..., 1] + counts[..., 2]
    return np.divide(2.0 * counts[..., 0], total, out=np.zeros(total.shape), where=total > 0)


def run_f1(counts: RunCounts) -> Float[np.ndarray, " seeds"]:
    """Corpus-level F1 of every run."""
    return micro_f1(counts.sum(axis=1))


def seed_spread(values: Sequence[float]) -> Uncertainty:
    """Mean over runs, s.d. of one run (n - 1), and the t interval of the mean. Varied: the seed.

    Raises:
        StatisticsError: fewer than two runs, whose spread cannot be known.
    """
    runs = np.asarray(values, dtype=float)
    if len(runs) < 2:
        raise StatisticsError(f"{len(runs)} run(s): a spread over seeds needs at least two")
    mean, deviation = float(runs.mean()), float(runs.std(ddof=1))
    half = float(t_ppf((1 + LEVEL) / 2, len(runs) - 1)) * deviation / len(runs) ** 0.5
    return Uncertainty(
        mean, deviation, mean - half, mean + half, LEVEL, "seeds", f"{len(runs)} runs, test set fixed"
    )


def sentence_bootstrap(
    counts: SentenceCounts | RunCounts,
    generator: np.random.Generator,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Uncertainty:
    """Percentile interval of F1 (its mean over runs, if several). Resampled: the test sentences.

    Runs are held fixed, and all of them see the same drawn sentences, for there is one test set.
    """
    runs = counts[None] if counts.ndim == 2 else counts
    values = resampled_f1(runs, draw_sentences(runs.shape[1], generator, draws)).mean(axis=1)
    words = f"{runs.shape[1]} sentences with replacement, {len(runs)} run(s) fixed, {draws} draws"
    return _percentiles(float(run_f1(runs).mean()), values, level, words)


def hierarchical_bootstrap(counts: RunCounts, generator: np.random.Generator, draws: int = DRAWS) -> Uncertainty:
    """Mean F1 over runs on new seeds and new sentences. Resampled: the seeds, and the test sentences, crossed.

    A draw takes runs with replacement and one set of sentences for all of them, see
    :func:`means_of_resampled_runs`; the s.d. is that of the draws. The interval is not: percentiles of a few runs
    are far too narrow. It is a t interval on the two variances added up, seeds (from the runs' F1) and sample
    (from the drawn sentences, less :func:`crossed_noise`), with Satterthwaite's degrees of freedom, cut off at 0
    and 1. :func:`~mner.evaluation.gaps.gap_of_parts` says where two or three runs are still too few for it.

    Raises:
        StatisticsError: a single run, whose spread cannot be known (use :func:`sentence_bootstrap`).
    """
    f1 = resampled_f1(counts, draw_sentences(counts.shape[1], generator, draws))
    values = means_of_resampled_runs(f1, counts, generator)
    runs, sentences, _ = counts.shape
    own = run_f1(counts)
    seeds, sample = [(float(own.var(ddof=1)) / runs, runs - 1)], float(f1.mean(axis=1).var(ddof=1))
    gap, _ = gap_on_both(float(own.mean()), seeds, sample, crossed_noise(counts), sentences)
    low, high = gap.interval(1 - LEVEL)
    words = f"{runs} runs and {sentences} sentences with replacement, {draws} draws"
    ends = max(0.0, low), min(1.0, high)
    return Uncertainty(gap.difference, float(values.std(ddof=1)), *ends, LEVEL, "seeds and sample", words)


def draw_sentences(
    sentences: int, generator: np.random.Generator, draws: int
) -> Num[np.ndarray, "draws sentences"]:
    """How often each sentence occurs in ``draws`` samples with replacement of the test set's own size.

    Give the same weights to two systems to pair them by sentence.
    """
    weights, after = _drawn(sentences, draws, _Start(generator.bit_generator.state))
    generator.bit_generator.state = after
    return weights


class _Start:
    """The state of a generator, as something that can be looked up: equal where its text is."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state, self._text = state, repr(state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Start) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@lru_cache(maxsize=4)  # equally seeded statistics of one test set draw the same sentences
def _drawn(
    sentences: int, draws: int, start: _Start
) -> tuple[Num[np.ndarray, "draws sentences"], Mapping[str, Any]]:
    bits = getattr(np.random, start.state["bit_generator"])()
    bits.state = start.state
    generator = np.random.Generator(bits)
    weights = np.empty((draws, sentences), dtype=np.uint8)  # of n drawn from n, one sentence never 256 times
    for row in weights:
        row[:] = np.bincount(generator.integers(0, sentences, size=sentences), minlength=sentences)
    weights.setflags(write=False)
    return weights, bits.state


def resampled_f1(
    counts: RunCounts, weights: Num[np.ndarray, "draws sentences"]
) -> Float[np.ndarray, "draws seeds"]:
    """F1 of every run in every draw of sentences."""
    seeds, sentences, _ = counts.shape
    by_sentence = counts.transpose(1, 0, 2).reshape(sentences, seeds * 3).astype(np.float32)
    # float32 sums of counts are exact below 2**24, far above any test set's number of entities
    sums = np.concatenate(
        [
            weights[first : first + _AT_ONCE].astype(np.float32) @ by_sentence
            for first in range(0, len(weights), _AT_ONCE)
        ]
    )
    return micro_f1(sums.reshape(len(weights), seeds, 3))


def means_of_resampled_runs(
    f1: Float[np.ndarray, "draws seeds"], counts: RunCounts, generator: np.random.Generator
) -> Float[np.ndarray, " draws"]:
    """Mean F1 of runs drawn with replacement in each draw; ``f1`` is :func:`resampled_f1` of ``counts``.

    Two corrections of the drawn runs' scatter: sqrt(n / (n - 1)), without which n runs would look as if their
    spread were known exactly; and :func:`crossed_noise` counted once, where drawing sentences and drawing
    runs would each add it again.
    """
    draws, seeds = f1.shape
    if seeds < 2:
        raise StatisticsError("one run: resampling seeds needs at least two; resample sentences alone")
    picked = generator.integers(0, seeds, size=(draws, seeds))
    centre = f1.mean(axis=1)
    shift = np.take_along_axis(f1, picked, axis=1).mean(axis=1) - centre
    noise, scatter = crossed_noise(counts), float(run_f1(counts).var(ddof=1)) / seeds
    share = max(0.0, scatter - noise) / (scatter + noise) if scatter + noise > 0 else 0.0
    return centre + shift * (share * seeds / (seeds - 1)) ** 0.5


def crossed_noise(counts: RunCounts) -> float:
    """:func:`interaction_noise` of the runs' F1.

    Raises:
        StatisticsError: a single run, which cannot tell this noise from the sentences' difficulty.
    """
    return interaction_noise(influence(counts))


def influence(counts: RunCounts) -> Float[np.ndarray, "seeds sentences"]:
    """How much each sentence moves each run's F1 (delta method), in units in which a run's mean is its change."""
    correct, predicted, gold = np.moveaxis(counts.astype(float), 2, 0)
    size = (predicted + gold).mean(axis=1, keepdims=True)
    excess = 2 * correct - run_f1(counts)[:, None] * (predicted + gold)
    return np.divide(excess, size, out=np.zeros_like(excess), where=size > 0)


def interaction_noise(effects: Float[np.ndarray, "seeds sentences"]) -> float:
    """Variance of the mean over runs that comes from single runs on single sentences, beyond both main effects.

    It is part of the spread over seeds and, again, of the spread over sentences; whoever adds the two up
    subtracts it once. Residual of a two-way table of :func:`influence` values.

    Raises:
        StatisticsError: a single run.
    """
    seeds, sentences = effects.shape
    if seeds < 2:
        raise StatisticsError("one run: noise of runs on sentences needs at least two")
    residual = effects - effects.mean(axis=0)
    return float((residual**2).sum() / ((seeds - 1) * (sentences - 1)) / (seeds * sentences))


def _percentiles(
    estimate: float, values: Float[np.ndarray, " draws"], level: float, resampled: str
) -> Uncertainty:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    deviation = float(values.std(ddof=1))
    return Uncertainty(estimate, deviation, float(low), float(high), level, "sample", resampled)
