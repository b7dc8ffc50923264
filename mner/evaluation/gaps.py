"""A difference of means over runs, its standard error, and the t-tests that follow from them: one home for all.

Only seeds vary here; the test set is taken as fixed. Numbers may have any unit.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mner.evaluation.distributions import t_isf, t_sf

BOLDEST = 0.13
"""Share of true nulls that :func:`gap_of_parts` may reject at a level of 5 %, at worst: see there."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference of means with its standard error and degrees of freedom (both 0 where nothing varies)."""

    difference: float
    error: float
    freedom: float

    def equivalence_p(self, margin: float) -> float:
        """The larger p-value of two one-sided t-tests (Schuirmann 1987) of a difference beyond ``margin``."""
        room = margin - abs(self.difference)
        if self.error == 0:
            return 0.0 if room >= 0 else 1.0
        return float(t_sf(room / self.error, self.freedom))

    def equivalent(self, margin: float, alpha: float) -> bool:
        """Both one-sided t tests reject a difference of ``margin`` or more at level ``alpha``."""
        return self.equivalence_p(margin) < alpha

    def below(self, margin: float, alpha: float) -> bool:
        """Lower by more than ``margin``, and significantly lower than no difference (one-sided, ``alpha``)."""
        if self.error == 0:
            return self.difference < -margin
        return self.difference < -margin and self.difference + self._critical(alpha) * self.error < 0

    def above(self, margin: float, alpha: float) -> bool:
        """Mirror image of :meth:`below`."""
        return Gap(-self.difference, self.error, self.freedom).below(margin, alpha)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Two-sided confidence interval of the difference at level 1 - ``alpha``."""
        half = 0.0 if self.error == 0 else self._critical(alpha / 2) * self.error
        return self.difference - half, self.difference + half

    def two_sided_p(self) -> float:
        """Two-sided p-value of no difference."""
        if self.error == 0:
            return float(self.difference == 0)
        return float(2 * t_sf(abs(self.difference) / self.error, self.freedom))

    def _critical(self, alpha: float) -> float:
        return float(t_isf(alpha, self.freedom))


def gap_to_fixed(values: Sequence[float], target: float) -> Gap:
    """Difference of the values' mean to a number without sampling error; needs two values or more."""
    return Gap(
        statistics.fmean(values) - target, statistics.stdev(values) / math.sqrt(len(values)), len(values) - 1
    )


def gap_of_parts(difference: float, parts: Sequence[tuple[float, float]]) -> Gap:
    """A difference whose variance is the sum of (variance, degrees of freedom), by Satterthwaite (1946).

    Bold where a part of few degrees outweighs the others without being alone: one degree of freedom (two runs of
    one system) may reject 13 % of true nulls at a level of 5 % (``BOLDEST``), two degrees 8 %.
    """
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return Gap(difference, 0.0, 0.0)
    return Gap(difference, math.sqrt(total), total**2 / sum(v**2 / freedom for v, freedom in parts))


def gap_on_both(
    difference: float, seeds: Sequence[tuple[float, float]], sample: float, noise: float, sentences: int
) -> tuple[Gap, float]:
    """A difference on new seeds and new test sentences, and the variance that more seeds would not take away.

    ``seeds`` are its variances over seeds, each with its degrees of freedom; ``sample`` its variance over test
    sets of ``sentences`` sentences, of which ``noise`` is in ``seeds`` too and counted once. Not less than once:
    few runs may agree by chance more closely than the noise in each of them allows, which makes nothing surer
    than ``sample`` is.
    """
    shared = min(noise, sample)
    beyond = sample - min(shared, sum(variance for variance, _ in seeds))
    return gap_of_parts(difference, [*seeds, (beyond, sentences - 1)]), sample - shared


def gap_between(ours: Sequence[float], theirs: Sequence[float]) -> Gap | None:
    """Welch's t. A side with a single value borrows the other's s.d.; None where neither side has one."""
    difference = statistics.fmean(ours) - statistics.fmean(theirs)
    if len(ours) > 1 and len(theirs) > 1:
        parts = [(statistics.variance(side) / len(side), len(side) - 1) for side in (ours, theirs)]
        return gap_of_parts(difference, parts)
    known = max((ours, theirs), key=len)
    if len(known) < 2:
        return None
    return Gap(difference, statistics.stdev(known) * math.sqrt(1 + 1 / len(known)), len(known) - 1)
