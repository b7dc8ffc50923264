r"""Which state a mean over our runs gives a printed F1, and how often each comes out where there is no difference.

The printed number is a draw, not the truth: one run of its authors' (or a mean of a few). Four rules, in this
order, with d our mean minus the printed number, s our s.d. over n runs and t a quantile with n - 1 degrees:

- REPRODUCED: two one-sided tests (Schuirmann 1987) show that \|d\| is below the margin, the printed number taken
  as it stands.
- BELOW, ABOVE: the interval of d lies wholly beyond the margin, and the printed number lies outside the prediction
  interval, so that a run of ours would hardly give it.
- CONSISTENT: the printed number lies inside the prediction interval.
- UNDECIDED: none of these.

The prediction interval is that of one further run of ours, s * sqrt(1 + 1/n), or of the mean of k where the paper
says k; where a paper prints a +-, that spread stands in for ours in the printed number's part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float, Int

from mner.evaluation.distributions import t_isf

PREDICTION_LEVEL = 0.95
"""Chance with which the prediction interval holds one further run, if runs are drawn alike."""


class State(StrEnum):
    """What a mean of at least two runs says of a printed number."""

    REPRODUCED = "REPRODUCED"
    CONSISTENT = "CONSISTENT"
    BELOW = "BELOW"
    ABOVE = "ABOVE"
    UNDECIDED = "UNDECIDED"


ORDER = tuple(State)


@dataclass(frozen=True, slots=True)
class Draw:
    """How a printed number came about: the mean of ``runs`` runs, with the s.d. printed beside it, if any."""

    runs: int = 1
    spread: float | None = None


def prediction_errors(
    deviations: Float[np.ndarray, " trials"], runs: int, draw: Draw
) -> Float[np.ndarray, " trials"]:
    """Standard errors of a printed number around our mean, from our s.d. over ``runs`` runs."""
    theirs = deviations if draw.spread is None else np.full_like(deviations, draw.spread)
    return np.sqrt(deviations**2 / runs + theirs**2 / draw.runs)


def prediction_half_width(deviation: float, runs: int, draw: Draw) -> float:
    """Half the width of the prediction interval, in the unit of ``deviation``."""
    error = float(prediction_errors(np.asarray([deviation]), runs, draw)[0])
    return float(t_isf((1 - PREDICTION_LEVEL) / 2, runs - 1)) * error


def states(
    differences: Float[np.ndarray, " trials"],
    deviations: Float[np.ndarray, " trials"],
    runs: int,
    draw: Draw,
    margin: float,
    alpha: float,
) -> Int[np.ndarray, " trials"]:
    """Index into ``ORDER`` for each mean minus a printed number, with the s.d. over ``runs`` runs beside it.

    Raises:
        ValueError: fewer than two runs have no spread.
    """
    if runs < 2:
        raise ValueError(f"{runs} run(s): a state needs at least two")
    half = t_isf(alpha, runs - 1) * deviations / math.sqrt(runs)
    away = np.abs(differences)
    # Where nothing varies the margin itself counts as inside.
    equivalent = np.where(half > 0, away + half < margin, away <= margin)
    inside = away <= t_isf((1 - PREDICTION_LEVEL) / 2, runs - 1) * prediction_errors(deviations, runs, draw)
    beyond = (away - half > margin) & ~inside
    named = [equivalent, beyond & (differences < 0), beyond & (differences > 0), inside]
    order = [State.REPRODUCED, State.BELOW, State.ABOVE, State.CONSISTENT]
    return np.select(named, [ORDER.index(state) for state in order], ORDER.index(State.UNDECIDED))


def state_of(difference: float, deviation: float, runs: int, draw: Draw, margin: float, alpha: float) -> State:
    """The state of one mean; see :func:`states`."""
    found = states(np.asarray([difference]), np.asarray([deviation]), runs, draw, margin, alpha)
    return ORDER[int(found[0])]


@dataclass(frozen=True, slots=True)
class Printed:
    """A way in which authors may have come to a number: a mean of ``runs``, or the best of ``best_of`` runs.

    ``said`` is what their paper says of it, as :class:`Draw` reads it. ``exact`` prints the true mean itself.
    """

    title: str
    runs: int = 1
    best_of: int = 1
    said: Draw = Draw()
    exact: bool = False


WAYS = (
    Printed("the true mean", exact=True),
    Printed("one run"),
    Printed("mean of 5, said so", runs=5, said=Draw(5)),
    Printed("best of 3 runs, not said", best_of=3),
    Printed("best of 5 runs, not said", best_of=5),
    Printed("best of 10 runs, not said", best_of=10),
)


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each state came out, in ``ORDER``."""

    way: Printed
    deviation: float
    seeds: int
    shares: tuple[float, ...]

    def share(self, state: State) -> float:
        """The share of one state."""
        return self.shares[ORDER.index(state)]


def simulate(
    way: Printed,
    deviation: float,
    seeds: int,
    margin: float,
    alpha: float,
    generator: np.random.Generator,
    trials: int = 20_000,
    gap: float = 0.0,
) -> Rates:
    """Rates of all states where our runs and theirs are drawn alike, normal with s.d. ``deviation``.

    With ``gap`` our true mean lies that many points above theirs.
    """
    ours = generator.normal(gap, deviation, (trials, seeds))
    drawn = generator.normal(0.0, deviation, (trials, way.best_of, way.runs)).mean(axis=2).max(axis=1)
    printed = np.zeros(trials) if way.exact else drawn
    found = states(ours.mean(axis=1) - printed, ours.std(axis=1, ddof=1), seeds, way.said, margin, alpha)
    counts = np.bincount(found, minlength=len(ORDER))
    return Rates(way, deviation, seeds, tuple(float(count) / trials for count in counts))


def simulations(
    deviations: Sequence[float],
    seeds: Sequence[int],
    margin: float,
    alpha: float,
    seed: int = 20,
    trials: int = 20_000,
) -> Iterator[Rates]:
    """All of ``WAYS`` for every s.d. and number of seeds; the same numbers on every call."""
    generator = np.random.default_rng(seed)
    for way in WAYS:
        for deviation in deviations:
            for number in seeds:
                yield simulate(way, deviation, number, margin, alpha, generator, trials)
