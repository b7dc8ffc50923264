"""Look at a comparison before all seeds are trained, without paying for it in false claims.

Seeds are added until a comparison is settled: ahead, behind, or equivalent within the margin. A test that is
made at every look at its full level claims too much, because each look is a further chance to be wrong. So the
level is spent: by the time a share ``t`` of the planned seeds is there, ``alpha * t ** 2`` of it may be used
(the power family of Kim and DeMets 1987, in the frame of Lan and DeMets 1983). A look tests at what its share
adds. By the union bound the chance of a false claim at any look is at most ``alpha``, whatever the dependence
between looks and also for t tests of few runs. Looks are few, so this bound costs little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from mner.evaluation.distributions import t_isf
from mner.evaluation.power import Spread
from mner.evaluation.significance import Comparison
from mner.evaluation.statistics import StatisticsError

POWER_OF_TIME = 2
FEWEST_SEEDS = 3
"""Seeds a side of the first look; of two nothing is claimed."""
SHARES = (0.25, 0.5, 1.0)
"""Looks, as shares of the planned seeds."""


class Finding(StrEnum):
    """What a look says of a minus b."""

    AHEAD = "ahead"
    BEHIND = "behind"
    EQUIVALENT = "equivalent"
    OPEN = "open"


FINDINGS = tuple(Finding)


def spent(share: float, alpha: float) -> float:
    """Give the part of ``alpha`` that may be used once a ``share`` of the planned seeds is there."""
    return float(alpha * share**POWER_OF_TIME)


def looks_of(seeds: int) -> tuple[int, ...]:
    """Give the numbers of seeds a side at which a comparison is looked at: a quarter, half and all of them.

    Raises:
        StatisticsError: fewer than two seeds are planned, of which nothing can be said.
    """
    if seeds < 2:
        raise StatisticsError(f"{seeds} seed(s) are planned: a comparison needs at least two a side")
    early = (max(FEWEST_SEEDS, math.ceil(share * seeds)) for share in SHARES[:-1])
    return tuple(sorted({look for look in early if look < seeds} | {seeds}))


def levels_of(looks: Sequence[int], alpha: float) -> tuple[float, ...]:
    """Give the level of the test at each look; together they are ``alpha``."""
    used = [0.0, *(spent(look / looks[-1], alpha) for look in looks)]
    return tuple(after - before for before, after in pairwise(used))


def finding_of(tested: Comparison, interval: tuple[float, float], margin: float, level: float) -> Finding:
    """Say what one look shows.

    Args:
        tested: a minus b, with the p-value of no difference.
        interval: of the difference at 1 - 2 ``level``, in the unit of ``margin``.
        margin: below it a difference counts as none.
        level: of the two-sided test of no difference, and of each of the two one-sided tests of equivalence.
    """
    if tested.p_value < level:
        return Finding.AHEAD if tested.difference > 0 else Finding.BEHIND
    low, high = interval
    return Finding.EQUIVALENT if -margin < low and high < margin else Finding.OPEN


@dataclass(frozen=True, slots=True)
class Course:
    """How simulated comparisons went: each one's finding (index into ``FINDINGS``) and its seeds a side."""

    findings: Int[np.ndarray, " trials"]
    seeds: Int[np.ndarray, " trials"]

    def share(self, *found: Finding) -> float:
        """The share of comparisons that ended with one of these findings."""
        return float(np.isin(self.findings, [FINDINGS.index(one) for one in found]).mean())


def simulate(
    difference: float,
    spread: Spread,
    looks: Sequence[int],
    levels: Sequence[float],
    margin: float,
    generator: np.random.Generator,
    trials: int = 20_000,
) -> Course:
    """Follow comparisons of normal runs from look to look, tested as :func:`significance.compare_sides` tests.

    Args:
        difference: true difference of the two systems, in points of F1.
        spread: of one run over seeds, alike for both, and what the test sentences add.
        looks: seeds a side at each look.
        levels: of the tests at each look.
        margin: of equivalence, in points.
        generator: of the random numbers.
        trials: simulated comparisons.
    """
    runs = generator.normal(0.0, spread.run, (2, trials, looks[-1]))
    true = difference + generator.normal(0.0, spread.lasting, trials)
    findings = np.full(trials, FINDINGS.index(Finding.OPEN))
    seeds = np.full(trials, looks[-1])
    waiting = np.ones(trials, dtype=bool)
    for look, level in zip(looks, levels, strict=True):
        found = _look(true, runs[:, :, :look], spread, margin, level)
        for finding, holds in found.items():
            now = waiting & holds
            findings[now], seeds[now] = FINDINGS.index(finding), look
            waiting &= ~holds
    return Course(findings, seeds)


def _look(
    true: Float[np.ndarray, " trials"],
    runs: Float[np.ndarray, "2 trials look"],
    spread: Spread,
    margin: float,
    level: float,
) -> dict[Finding, Bool[np.ndarray, " trials"]]:
    look = runs.shape[2]
    shown = true + runs[0].mean(axis=1) - runs[1].mean(axis=1)
    parts = runs.var(axis=2, ddof=1) / look
    lasting = spread.lasting**2
    total = parts.sum(axis=0) + lasting
    doubt = (parts**2).sum(axis=0) / (look - 1) + lasting**2 / max(1, spread.sentences - 1)
    error = np.sqrt(total)  # 0 where nothing varies, and then any number of degrees of freedom will do
    freedom = np.divide(total**2, doubt, out=np.ones_like(total), where=doubt > 0)
    different = np.abs(shown) > t_isf(level / 2, freedom) * error
    near = np.abs(shown) + t_isf(level, freedom) * error < margin
    return {
        Finding.AHEAD: different & (shown > 0),
        Finding.BEHIND: different & (shown < 0),
        Finding.EQUIVALENT: near & ~different,
    }
