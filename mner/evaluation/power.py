"""Planning and honesty about seeds: how many a claim needs, who wins a run, what picking the best one buys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy import integrate, optimize, stats

from mner.evaluation.statistics import DRAWS, LEVEL, StatisticsError, Uncertainty

MOST_RUNS = 10_000


def comparison_power(difference: float, deviation: float, runs: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided, two-sample t-test with ``runs`` runs a side sees a true ``difference``.

    ``deviation`` is the s.d. of one run over seeds, the same for both systems and in the same unit.
    """
    degrees = 2 * runs - 2
    shift = abs(difference) / deviation * math.sqrt(runs / 2)
    limit = stats.t.ppf(1 - alpha / 2, degrees)
    return _over_shown_deviation(
        lambda ratio: stats.norm.cdf(shift - limit * ratio) + stats.norm.cdf(-shift - limit * ratio), degrees
    )


def runs_needed(difference: float, deviation: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Runs a side with which a true ``difference`` is found with chance ``power`` (seeds vary, test set fixed).

    Raises:
        StatisticsError: more than ``MOST_RUNS`` would be needed, or difference or deviation is not positive.
    """
    if difference == 0 or deviation <= 0:
        raise StatisticsError("runs_needed: the difference must not be 0 and the s.d. must be positive")
    return _first_enough(lambda runs: comparison_power(difference, deviation, runs, alpha), power)


def detectable_difference(runs: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest true difference, in s.d. of one run, that ``runs`` runs a side find with chance ``power``."""
    if runs < 2:
        raise StatisticsError(f"{runs} run(s) a side: a t-test needs at least two")
    return float(optimize.brentq(lambda gap: comparison_power(gap, 1.0, runs, alpha) - power, 1e-6, 1e4))


def equivalence_power(
    margin: float, deviation: float, runs: int, difference: float = 0.0, alpha: float = 0.05
) -> float:
    """Chance that ``significance.equivalence`` says "equivalent" when the true difference is ``difference``.

    That needs the runs' mean to fall inside the margin shrunk by t times the standard error they show.
    """
    degrees = runs - 1
    error = deviation / math.sqrt(runs)
    limit = stats.t.ppf(1 - alpha, degrees)

    def inside(ratio: np.ndarray) -> np.ndarray:
        room = np.maximum(margin - limit * error * ratio, 0.0)
        return stats.norm.cdf((room - difference) / error) - stats.norm.cdf((-room - difference) / error)

    return _over_shown_deviation(inside, degrees)


def equivalence_runs_needed(
    margin: float, deviation: float, difference: float = 0.0, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Runs with which equivalence to a printed number within ``margin`` is shown with chance ``power``.

    Raises:
        StatisticsError: the true difference is not inside the margin, or more than ``MOST_RUNS`` are needed.
    """
    if abs(difference) >= margin or deviation <= 0:
        raise StatisticsError(
            "equivalence can only be shown for a difference inside the margin and a positive s.d."
        )
    return _first_enough(lambda runs: equivalence_power(margin, deviation, runs, difference, alpha), power)


def _over_shown_deviation(chance: Callable[[np.ndarray], np.ndarray], degrees: int) -> float:
    """Mean of ``chance`` over the ratio of shown to true s.d., which is chi-distributed over sqrt(degrees).

    Gauss-Legendre on all but about 1e-15 of the mass; scipy's noncentral t returns NaN for large shifts.
    """
    reach = 12 / math.sqrt(2 * degrees)
    low, high = max(0.0, 1 - reach), 1 + reach
    nodes, weights = _quadrature()
    ratio = (high - low) / 2 * nodes + (high + low) / 2
    density = stats.chi.pdf(ratio * math.sqrt(degrees), degrees) * math.sqrt(degrees)
    return float((weights * density * chance(ratio)).sum() * (high - low) / 2)


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(200)


def _first_enough(power_of: Callable[[int], float], wanted: float) -> int:
    """Smallest number of runs from 2 up whose power reaches ``wanted``; power grows with runs."""
    high = 2
    while power_of(high) < wanted:
        high *= 2
        if high > MOST_RUNS:
            raise StatisticsError(
                f"more than {MOST_RUNS} runs would be needed: the difference is too small to show"
            )
    low = max(2, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= wanted else (middle + 1, high)
    return low


def probability_of_superiority(
    a: Sequence[float],
    b: Sequence[float],
    generator: np.random.Generator,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Uncertainty:
    """Chance that one run of A scores above one run of B, ties half (Mann-Whitney U over its maximum).

    The interval resamples runs of A and of B, each with replacement; the test set is fixed. With few runs
    that do not overlap it says [1, 1], which is no certainty: read it beside the number of runs.
    """
    first, second = (np.asarray(values, dtype=float) for values in (a, b))
    if not len(first) or not len(second):
        raise StatisticsError("probability of superiority: a system without runs cannot be compared")
    wins = (first[:, None] > second[None]) + 0.5 * (first[:, None] == second[None])
    rows = generator.integers(0, len(first), size=(draws, len(first), 1))
    columns = generator.integers(0, len(second), size=(draws, 1, len(second)))
    values = wins[rows, columns].mean(axis=(1, 2))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    resampled = f"{len(first)} and {len(second)} runs with replacement, test set fixed, {draws} draws"
    return Uncertainty(
        float(wins.mean()), float(values.std(ddof=1)), float(low), float(high), level, "seeds", resampled
    )


def best_of(values: Sequence[float], k: int) -> float:
    """Expected best of ``k`` of these runs, drawn without replacement: what "we report the best seed" prints.

    Raises:
        StatisticsError: ``k`` is not between 1 and the number of runs.
    """
    ordered = sorted(values)
    if not 1 <= k <= len(ordered):
        raise StatisticsError(f"best of {k} among {len(ordered)} run(s): k must lie between 1 and that number")
    ways = math.comb(len(ordered), k)
    return math.fsum(value * math.comb(rank, k - 1) / ways for rank, value in enumerate(ordered))


def best_of_k_inflation(k: int) -> float:
    """How far the best of ``k`` runs lies above their mean on average, in s.d. of one run, if runs are normal."""
    if k < 1:
        raise StatisticsError(f"best of {k}: k must be at least 1")
    return float(
        integrate.quad(lambda x: k * x * stats.norm.pdf(x) * stats.norm.cdf(x) ** (k - 1), -10, 10, limit=200)[0]
    )
