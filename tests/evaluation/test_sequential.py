"""Looks at a comparison: levels that add up, planted truth, and false claims within the level."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mner.evaluation.power import Spread
from mner.evaluation.sequential import Finding, finding_of, levels_of, looks_of, simulate, spent
from mner.evaluation.significance import Comparison
from mner.evaluation.statistics import StatisticsError

ALPHA, MARGIN = 0.05, 0.5
DIFFERENT = (Finding.AHEAD, Finding.BEHIND)


@pytest.mark.parametrize("seeds", range(2, 41))
def test_looks_rise_to_all_seeds_and_their_levels_add_up_to_the_whole(seeds: int) -> None:
    looks = looks_of(seeds)
    assert list(looks) == sorted(set(looks))
    assert looks[-1] == seeds
    assert len(looks) == 1 or looks[0] >= 3
    levels = levels_of(looks, ALPHA)
    assert sum(levels) == pytest.approx(ALPHA)
    assert min(levels) > 0
    assert levels[-1] > ALPHA / 3


def test_the_level_is_spent_late() -> None:
    assert spent(0.0, ALPHA) == 0.0
    assert spent(0.5, ALPHA) == pytest.approx(ALPHA / 4)
    assert spent(1.0, ALPHA) == pytest.approx(ALPHA)


def test_one_planned_seed_is_no_comparison() -> None:
    with pytest.raises(StatisticsError):
        looks_of(1)


def test_findings_are_antisymmetric_and_a_significant_difference_is_no_equivalence() -> None:
    tested = Comparison(1.0, 0.1, 0.1, 0.1, 0.8, 1.2, 0.95, 0.001, "seeds and sample")
    assert finding_of(tested, (0.8, 1.2), MARGIN, 0.01) is Finding.AHEAD
    assert finding_of(replace(tested, difference=-1.0), (-1.2, -0.8), MARGIN, 0.01) is Finding.BEHIND
    small = replace(tested, difference=0.1)
    assert finding_of(small, (0.05, 0.15), MARGIN, 0.01) is Finding.AHEAD
    assert finding_of(replace(small, p_value=0.3), (-0.1, 0.3), MARGIN, 0.01) is Finding.EQUIVALENT
    assert finding_of(replace(small, p_value=0.3), (-0.1, 0.6), MARGIN, 0.01) is Finding.OPEN


@pytest.mark.parametrize(("seeds", "deviation"), [(5, 0.3), (10, 0.5), (20, 0.8)])
def test_false_claims_stay_within_the_level(seeds: int, deviation: float) -> None:
    trials = 8000
    slack = 3 * (ALPHA / trials) ** 0.5
    looks = looks_of(seeds)
    none, on_margin = (
        simulate(gap, Spread(deviation), looks, levels_of(looks, ALPHA), MARGIN, _generator(), trials)
        for gap in (0.0, MARGIN)
    )
    assert none.share(*DIFFERENT) < ALPHA + slack
    assert on_margin.share(Finding.EQUIVALENT) < ALPHA + slack


def test_looking_at_every_seed_at_the_full_level_claims_too_much() -> None:
    every = tuple(range(3, 21))
    found = simulate(0.0, Spread(0.5), every, [ALPHA] * len(every), MARGIN, _generator(), 4000)
    assert found.share(*DIFFERENT) > 2 * ALPHA


def test_a_large_difference_settles_at_the_first_look_and_none_at_the_last() -> None:
    looks = looks_of(20)
    large, none = (
        simulate(gap, Spread(0.3), looks, levels_of(looks, ALPHA), MARGIN, _generator(), 2000)
        for gap in (4.0, 0.0)
    )
    assert large.share(Finding.AHEAD) == 1.0
    assert set(large.seeds) == {looks[0]}
    assert none.share(Finding.EQUIVALENT) > 0.9
    assert none.seeds.mean() > 2 * looks[0]


def test_doubt_about_sentences_is_not_taken_away_by_seeds() -> None:
    looks = looks_of(20)
    found = simulate(0.0, Spread(0.3, 0.5, 700), looks, levels_of(looks, ALPHA), MARGIN, _generator(), 2000)
    assert found.share(Finding.EQUIVALENT) < 0.05


def test_the_documented_table_is_what_is_simulated() -> None:
    """Simulated anew, so equal up to chance: 20,000 comparisons leave 0.7 points (two s.d.)."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "verdicts.md").read_text(encoding="utf-8")
    cells = [[cell.strip(" %") for cell in line.strip("|").split("|")] for line in text.splitlines()]
    told = {
        tuple(map(float, row[:3])): list(map(float, row[3:7]))
        for row in cells
        if len(row) == 10 and row[0][:1].isdigit()
    }
    assert len(told) == 4 * 3 * 3
    for gap, deviation, planned in ((0.0, 0.5, 20), (0.5, 0.3, 10), (1.0, 0.8, 20)):
        looks = looks_of(planned)
        found = simulate(gap, Spread(deviation), looks, levels_of(looks, ALPHA), MARGIN, _generator())
        shares = [100 * found.share(*one) for one in (DIFFERENT, (Finding.EQUIVALENT,), (Finding.OPEN,))]
        *documented, seeds = told[gap, deviation, planned]
        assert documented == pytest.approx(shares, abs=1.5)
        assert seeds == pytest.approx(found.seeds.mean(), abs=0.3)


def _generator() -> np.random.Generator:
    return np.random.default_rng(7)
