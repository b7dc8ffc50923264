"""The states of a verdict: their rules, and how often each comes out where there is no difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mner.evaluation.significance import equivalence
from mner.evaluation.states import (
    ORDER,
    WAYS,
    Draw,
    State,
    prediction_half_width,
    simulate,
    simulations,
    state_of,
    states,
)

MARGIN, ALPHA = 0.5, 0.05
EXACT, ONE_RUN, MEAN_OF_FIVE, BEST_OF_THREE, *_ = WAYS


@given(st.floats(-5, 5), st.floats(0, 3), st.integers(2, 20), st.sampled_from([None, 0.0, 0.2, 1.0]))
def test_beyond_and_equivalent_are_those_of_the_equivalence_test(
    difference: float, deviation: float, runs: int, spread: float | None
) -> None:
    """REPRODUCED exactly where the test says so; BELOW and ABOVE nowhere where it does not, on the right side."""
    sample = np.linspace(-1, 1, runs)
    values = 80 + difference + deviation * sample / sample.std(ddof=1)
    found = equivalence(list(values), 80.0, MARGIN, ALPHA)
    state = state_of(found.difference, float(values.std(ddof=1)), runs, Draw(spread=spread), MARGIN, ALPHA)
    assert (state is State.REPRODUCED) == (found.verdict == "equivalent")
    if state in (State.BELOW, State.ABOVE):
        assert found.verdict == "different"
        assert (state is State.BELOW) == (found.difference < 0)


@pytest.mark.parametrize(
    ("draw", "wider"), [(Draw(5), False), (Draw(spread=0.1), False), (Draw(spread=2.0), True)]
)
def test_what_the_paper_says_of_its_runs_moves_the_prediction_interval(draw: Draw, wider: bool) -> None:
    of_one_run = prediction_half_width(0.5, 5, Draw())
    assert (prediction_half_width(0.5, 5, draw) > of_one_run) == wider


def test_a_draw_that_a_further_run_might_give_is_consistent_and_not_below() -> None:
    """Twenty runs: the interval of the mean lies beyond the margin, a further run does not."""
    assert state_of(-0.85, 0.5, 20, Draw(), MARGIN, ALPHA) is State.CONSISTENT
    assert state_of(-0.85, 0.5, 20, Draw(spread=0.1), MARGIN, ALPHA) is State.BELOW
    assert state_of(-1.5, 0.5, 20, Draw(), MARGIN, ALPHA) is State.BELOW
    assert state_of(1.5, 0.5, 20, Draw(), MARGIN, ALPHA) is State.ABOVE


def test_between_margin_and_prediction_nothing_is_claimed() -> None:
    assert state_of(-0.5, 0.05, 5, Draw(), MARGIN, ALPHA) is State.UNDECIDED


def test_a_single_run_has_no_state() -> None:
    with pytest.raises(ValueError, match="two"):
        states(np.zeros(1), np.zeros(1), 1, Draw(), MARGIN, ALPHA)


@pytest.mark.parametrize("deviation", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("seeds", [2, 5, 20])
@pytest.mark.parametrize("way", [EXACT, ONE_RUN, MEAN_OF_FIVE], ids=lambda way: way.title)
def test_false_claims_are_rare_where_nothing_was_picked(deviation: float, seeds: int, way) -> None:
    """The level of the prediction interval bounds BELOW and ABOVE together, whoever drew the printed number."""
    rates = simulate(way, deviation, seeds, MARGIN, ALPHA, np.random.default_rng(1), trials=4000)
    assert sum(rates.shares) == pytest.approx(1.0)
    assert rates.share(State.BELOW) + rates.share(State.ABOVE) < 0.05 + 0.012


def test_who_prints_the_best_of_several_runs_is_called_below_more_often() -> None:
    rates = [
        simulate(way, 0.5, 10, MARGIN, ALPHA, np.random.default_rng(2), trials=4000)
        for way in (ONE_RUN, BEST_OF_THREE, *WAYS[4:])
    ]
    below = [one.share(State.BELOW) for one in rates]
    assert below == sorted(below)
    assert all(one.share(State.ABOVE) < 0.03 for one in rates)


def test_a_true_gap_of_two_points_is_found() -> None:
    rates = simulate(ONE_RUN, 0.5, 10, MARGIN, ALPHA, np.random.default_rng(3), trials=2000, gap=-3.0)
    assert rates.share(State.BELOW) > 0.95


def test_the_table_is_the_same_on_every_call() -> None:
    one, again = (list(simulations((0.5,), (2, 5), MARGIN, ALPHA, trials=200)) for _ in range(2))
    assert one == again
    assert len(one) == len(WAYS) * 2
    assert all(len(rates.shares) == len(ORDER) for rates in one)


def test_the_documented_table_is_what_the_command_simulates() -> None:
    """Simulated anew, so equal up to chance: 20,000 comparisons leave 0.7 points (two s.d.)."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "verdicts.md").read_text(encoding="utf-8")
    told = {
        (cells[0], float(cells[1]), int(cells[2])): [float(cell.removesuffix(" %")) for cell in cells[3:]]
        for line in text.splitlines()
        if line.endswith("% |") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 8
    }
    assert len(told) == len(WAYS) * 3 * 5
    for way, deviation, seeds in ((ONE_RUN, 0.5, 5), (MEAN_OF_FIVE, 0.3, 10), (WAYS[4], 0.8, 20), (EXACT, 0.5, 2)):
        rates = simulate(way, deviation, seeds, MARGIN, ALPHA, np.random.default_rng(5))
        assert told[way.title, deviation, seeds] == pytest.approx([100 * one for one in rates.shares], abs=1.5)
