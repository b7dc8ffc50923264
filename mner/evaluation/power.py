"""Planning and honesty about seeds: how many runs a claim needs, what the runs at hand can see, who wins a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from mner.evaluation.distributions import beta_ppf, chi_pdf, normal_cdf, t_isf
from mner.evaluation.statistics import ALPHA, DRAWS, LEVEL, StatisticsError, Uncertainty

POWER = 0.8
FEWEST_RUNS = 4
"""Runs a side below which nothing is planned from them: their noise hides what sentences add too often."""
MOST_RUNS = 10_000


@dataclass(frozen=True, slots=True)
class Spread:
    """What moves the difference of two systems beside its true value; all in one unit.

    ``run`` is the s.d. of one run over seeds, taken to be the same for both systems: runs average it out.
    ``lasting`` is the s.d. of the difference over test sets of ``sentences`` sentences that is left however many
    runs there are (``Comparison.lasting_deviation``); 0 takes the test set as fixed.
    """

    run: float
    lasting: float = 0.0
    sentences: int = 2


class SmallTestSetError(StatisticsError):
    """No number of runs suffices: sentences alone move the difference too much."""


def comparison_power(difference: float, spread: Spread, runs: int) -> float:
    """Chance that the t-test of ``significance.paired_comparison`` at ``ALPHA`` sees a true ``difference``.

    Each side has ``runs`` runs. The error that the test shows varies with the spread that the runs happen to
    have; so do its degrees of freedom (Satterthwaite), with how unequal the two sides' spreads turn out. The
    part of the sentences is shown as it is: a test set has hundreds of them. Without that part it is Welch's test.
    """
    error = math.sqrt(2 * spread.run**2 / runs + spread.lasting**2)
    limit, (_, weights) = _least_significant(spread, runs), _unequal_shares(runs)

    def seen(ratio: np.ndarray) -> np.ndarray:
        chance = normal_cdf((difference - limit) / error) + normal_cdf((-difference - limit) / error)
        return chance @ weights

    return _over_shown_deviation(seen, 2 * runs - 2)


@lru_cache(maxsize=16)  # the search for a difference asks for the same runs many times
def _least_significant(spread: Spread, runs: int) -> np.ndarray:
    """The least difference that the test calls significant, by shown deviation and by the sides' shares in it."""
    seeds, lasting = 2 * spread.run**2 / runs, spread.lasting**2
    nodes, _ = _unequal_shares(runs)
    shown = seeds * _ratios(2 * runs - 2)[:, None] ** 2
    doubt = shown**2 * (nodes**2 + (1 - nodes) ** 2) / (runs - 1) + lasting**2 / (spread.sentences - 1)
    limit: np.ndarray = t_isf(ALPHA / 2, (shown + lasting) ** 2 / doubt) * np.sqrt(shown + lasting)
    limit.setflags(write=False)
    return limit


def runs_needed(difference: float, spread: Spread) -> int:
    """Runs a side with which :func:`comparison_power` reaches ``POWER``.

    Raises:
        SmallTestSetError: not even endless runs would do, on a test set of this size.
        StatisticsError: more than ``MOST_RUNS`` would be needed, or the difference is 0, or nothing varies.
    """
    if difference == 0 or max(spread.run, spread.lasting) <= 0:
        raise StatisticsError("runs_needed: the difference must not be 0 and the s.d. must be positive")
    endless = replace(spread, run=0.0)
    if spread.lasting > 0 and comparison_power(difference, endless, 2) < POWER:
        raise SmallTestSetError("no number of seeds: this test set cannot show so small a difference")
    return _first_enough(lambda runs: comparison_power(difference, spread, runs))


def detectable_difference(runs: int, spread: Spread) -> float:
    """Smallest true difference that ``runs`` runs a side find with chance ``POWER``, in the unit of ``spread``.

    Raises:
        StatisticsError: fewer than two runs a side, or nothing varies.
    """
    if runs < 2:
        raise StatisticsError(f"{runs} run(s) a side: a t-test needs at least two")
    unit = math.hypot(spread.run, spread.lasting)
    if unit == 0:
        raise StatisticsError("the runs do not differ: their spread is unknown")
    from scipy.optimize import brentq  # a second to import, and few profiles have the runs for it

    found = brentq(lambda gap: comparison_power(gap * unit, spread, runs) - POWER, 1e-6, 1e4)
    return float(found) * unit


def settling_power(difference: float, deviation: float, runs: int, margin: float, alpha: float) -> float:
    """Chance that ``significance.equivalence`` says what is true of a ``difference`` to a printed number.

    Inside the margin that is "equivalent": the runs' mean must fall inside the margin shrunk by t times the
    standard error they show. Outside it is "different", on the side where the difference is.
    """
    degrees = runs - 1
    error = deviation / math.sqrt(runs)
    limit = t_isf(alpha, degrees)

    def equivalent(ratio: np.ndarray) -> np.ndarray:
        room = np.maximum(margin - limit * error * ratio, 0.0)
        return normal_cdf((room - difference) / error) - normal_cdf((-room - difference) / error)

    def different(ratio: np.ndarray) -> np.ndarray:
        return normal_cdf((abs(difference) - margin) / error - limit * ratio)

    return _over_shown_deviation(equivalent if abs(difference) <= margin else different, degrees)


def runs_to_settle(difference: float, deviation: float, margin: float, alpha: float, most: int = MOST_RUNS) -> int:
    """Runs with which the truth about a ``difference`` to a printed number is shown with chance ``POWER``.

    Raises:
        StatisticsError: more than ``most`` would be needed (the difference sits on the margin), or no spread.
    """
    if deviation <= 0:
        raise StatisticsError("runs_to_settle: the s.d. must be positive")
    return _first_enough(lambda runs: settling_power(difference, deviation, runs, margin, alpha), most)


def _over_shown_deviation(chance: Callable[[np.ndarray], np.ndarray], degrees: int) -> float:
    """Mean of ``chance`` over the ratio of shown to true s.d., which is chi-distributed over sqrt(degrees).

    Gauss-Legendre on all but about 1e-15 of the mass; scipy's noncentral t returns NaN for large shifts.
    """
    low, high = _reach(degrees)
    _, weights = _quadrature()
    ratio = _ratios(degrees)
    density = chi_pdf(ratio * math.sqrt(degrees), degrees) * math.sqrt(degrees)
    return float((weights * density * chance(ratio)).sum() * (high - low) / 2)


def _ratios(degrees: int) -> np.ndarray:
    """The ratios of shown to true s.d. at which the mean is taken."""
    low, high = _reach(degrees)
    return (high - low) / 2 * _quadrature()[0] + (high + low) / 2


def _reach(degrees: int) -> tuple[float, float]:
    reach = 12 / math.sqrt(2 * degrees)
    return max(0.0, 1 - reach), 1 + reach


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(200)


@cache
def _unequal_shares(runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights over the lesser of two sides' shares in the sum of their shown variances.

    A share is beta-distributed, whatever the sum; by symmetry its lower half suffices. Gauss-Legendre in its
    quantiles, in which the integrand is smooth for two runs too.
    """
    nodes, weights = np.polynomial.legendre.leggauss(8)
    return beta_ppf((nodes + 1) / 4, (runs - 1) / 2, (runs - 1) / 2), weights / 2


def _first_enough(power_of: Callable[[int], float], most: int = MOST_RUNS) -> int:
    """Smallest number of runs from 2 up whose power reaches ``POWER``; power grows with runs."""
    low, high = 2, 2
    while power_of(high) < POWER:
        if high == most:
            raise StatisticsError(f"more than {most} runs would be needed: the difference is too small to show")
        low, high = high + 1, min(2 * high, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= POWER else (middle + 1, high)
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
