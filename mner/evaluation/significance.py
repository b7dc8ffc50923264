"""Comparisons: two systems with each other, one system with a printed number, many pairs in one table.

Each function says what it resamples or assumes. F1 is a fraction in :func:`paired_comparison`; the others take
whatever unit they are given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from mner.evaluation.gaps import Gap, gap_on_both, gap_to_fixed
from mner.evaluation.statistics import (
    ALPHA,
    DRAWS,
    LEVEL,
    RunCounts,
    Source,
    StatisticsError,
    crossed_noise,
    draw_sentences,
    resampled_f1,
    run_f1,
)

Verdict = Literal["equivalent", "different", "undecided"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """System A minus system B: difference of mean F1, its uncertainty by source, and the test.

    ``seeds_deviation`` (test set fixed) and ``sample_deviation`` (runs fixed) are the s.d. of the difference from
    either source; ``lasting_deviation`` is the part of the latter that more runs would not take away. The first
    and the last are None with one run a side. ``low`` to ``high`` is the interval at ``level``.
    """

    difference: float
    seeds_deviation: float | None
    sample_deviation: float
    lasting_deviation: float | None
    low: float
    high: float
    level: float
    p_value: float
    source: Source


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests of a mean over runs against a printed number, with the verdict they allow.

    ``p_value`` is the larger of the two one-sided values; ``low`` to ``high`` the (1 - 2 alpha) interval of
    ``difference``, which lies inside plus or minus ``margin`` exactly when ``p_value`` is below alpha.
    """

    difference: float
    margin: float
    p_value: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Side:
    """What a comparison needs of one system, computed once for all its pairs.

    ``drawn`` is F1 by draw of test sentences and run; a pair needs sentences that were drawn alike.
    """

    counts: RunCounts
    f1: Float[np.ndarray, " seeds"]
    drawn: Float[np.ndarray, "draws seeds"]
    noise: float | None

    @classmethod
    def of(cls, counts: RunCounts, generator: np.random.Generator, draws: int = DRAWS) -> Side:
        """Resample the sentences of a system's runs; equally seeded generators draw alike."""
        drawn = resampled_f1(counts, draw_sentences(counts.shape[1], generator, draws))
        return cls(counts, run_f1(counts), drawn, crossed_noise(counts) if len(counts) > 1 else None)


def paired_comparison(
    a: RunCounts,
    b: RunCounts,
    generator: np.random.Generator,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Comparison:
    """Do two systems differ, on new seeds and new test sentences? Rows of ``a`` and ``b`` are the same sentences.

    Resampled: test sentences, the same draw for both systems and all their runs (paired). The test is a t-test
    on the two variances added up, seeds (from the runs' F1, either system's on its own: equal seed numbers do
    not make two systems' runs alike) and sample (from the bootstrap), with Satterthwaite's degrees of freedom: a
    percentile p-value is far too bold with three or five runs. The noise of single runs on single sentences is
    in both parts and counted once. With one run a side only ``sample`` is known and the result speaks of those
    two runs alone.

    Raises:
        StatisticsError: different numbers of sentences, or one run on one side only.
    """
    _check_pair(a, b)
    state = generator.bit_generator.state
    first = Side.of(a, generator, draws)
    generator.bit_generator.state = state
    return compare_sides(first, Side.of(b, generator, draws), level)


def compare_sides(a: Side, b: Side, level: float = LEVEL) -> Comparison:
    """Compare as :func:`paired_comparison` does, two systems whose sentences were drawn alike.

    Raises:
        StatisticsError: different numbers of sentences, or one run on one side only.
    """
    _check_pair(a.counts, b.counts)
    difference = float(a.f1.mean() - b.f1.mean())
    sample = float((a.drawn.mean(axis=1) - b.drawn.mean(axis=1)).std(ddof=1))
    sentences = a.counts.shape[1]
    if a.noise is None or b.noise is None:
        return comparison_of(difference, [], sample, 0.0, sentences, level)
    seeds = [(float(side.f1.var(ddof=1)) / len(side.f1), len(side.f1) - 1) for side in (a, b)]
    return comparison_of(difference, seeds, sample, a.noise + b.noise, sentences, level)


def comparison_of(
    difference: float,
    seeds: Sequence[tuple[float, float]],
    sample: float,
    noise: float,
    sentences: int,
    level: float,
) -> Comparison:
    """A difference, tested. ``seeds`` are its variances over seeds, each with its degrees of freedom.

    ``sample`` is its s.d. over test sets of ``sentences`` sentences, runs fixed, and ``noise`` the variance that
    this has in common with ``seeds``. Single runs have no ``seeds`` and a normal test, for the bootstrap knows the
    sample's s.d. well.
    """
    if not seeds:
        gap = Gap(difference, sample, math.inf)
        return Comparison(
            difference, None, sample, None, *gap.interval(1 - level), level, gap.two_sided_p(), "sample"
        )
    gap, lasting = gap_on_both(difference, seeds, sample**2, noise, sentences)
    deviations = sum(variance for variance, _ in seeds) ** 0.5, sample, lasting**0.5
    low, high = gap.interval(1 - level)
    return Comparison(difference, *deviations, low, high, level, gap.two_sided_p(), "seeds and sample")


def equivalence(values: Sequence[float], printed: float, margin: float, alpha: float = ALPHA) -> Equivalence:
    """Is the mean over runs within ``margin`` of a printed number? Two one-sided t-tests. Varied: seeds only.

    The printed number is taken as exact. ``different`` needs the interval to lie wholly beyond the margin;
    what is neither is ``undecided``, which more runs can settle.

    Raises:
        StatisticsError: fewer than two runs, or a negative margin.
    """
    if margin < 0:
        raise StatisticsError(f"margin {margin}: equivalence needs a margin of at least 0")
    if len(values) < 2:
        raise StatisticsError(f"{len(values)} run(s): a spread over seeds needs at least two")
    gap = gap_to_fixed(list(values), printed)
    low, high = gap.interval(2 * alpha)
    verdict: Verdict = "undecided"
    if gap.equivalent(margin, alpha):
        verdict = "equivalent"
    elif low > margin or high < -margin:
        verdict = "different"
    return Equivalence(gap.difference, margin, gap.equivalence_p(margin), low, high, verdict)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values of a table's comparisons, by name; reject where the adjusted value is <= alpha.

    It bounds the chance of even one false claim in the table, whatever the dependence between rows.
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_value))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def _check_pair(a: RunCounts, b: RunCounts) -> None:
    if a.shape[1:] != b.shape[1:]:
        raise StatisticsError(f"{a.shape[1]} sentences against {b.shape[1]}: not the same test set")
    if (len(a) == 1) != (len(b) == 1):
        raise StatisticsError(f"{len(a)} run(s) against {len(b)}: give one run of each, or at least two of each")
