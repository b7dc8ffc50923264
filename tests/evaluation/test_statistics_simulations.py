"""Simulations that hold the statistics to what they claim: coverage, type I error, power.

Tolerances are about three standard errors of the simulated rate.
"""

from __future__ import annotations

import numpy as np
import pytest
from support import planted_runs

from mner.evaluation.comparisons import image_sensitivity
from mner.evaluation.gaps import gap_between
from mner.evaluation.power import Spread, comparison_power, runs_needed, settling_power
from mner.evaluation.significance import equivalence, paired_comparison
from mner.evaluation.statistics import hierarchical_bootstrap, run_f1, sentence_bootstrap

_PLANTED = vars(planted_runs)
SENTENCES, _rng, _runs = (_PLANTED[name] for name in ("SENTENCES", "rng", "runs"))


@pytest.mark.slow
def test_sentence_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    generator = _rng(20)
    truth = float(run_f1(_runs(generator, 0.75, 400)).mean())  # one skill, many test sets' worth of draws
    hits = 0
    for _ in range(400):
        interval = sentence_bootstrap(_runs(generator, 0.75, 1)[0], generator, 300)
        hits += interval.low <= truth <= interval.high
    assert hits / 400 == pytest.approx(0.95, abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_paired_comparison_keeps_its_type_one_error(seeds: int) -> None:
    generator = _rng(21)
    rejected = 0
    for _ in range(400):
        gold = generator.integers(0, 4, SENTENCES)
        a, b = (_runs(generator, 0.75, seeds, 0.03, gold=gold) for _ in range(2))
        rejected += paired_comparison(a, b, generator, 200).p_value < 0.05
    assert rejected / 400 <= 0.08


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_reliance_on_pictures_that_only_shuffle_errors_is_rarely_found(seeds: int) -> None:
    generator = _rng(26)
    rejected = 0
    for _ in range(400):
        gold = generator.integers(0, 4, SENTENCES)
        own, again = (_runs(generator, 0.75, seeds, 0.03, gold=gold) for _ in range(2))
        moved = generator.random(own.shape[:2]) < 0.05
        without = np.where(moved[..., None], again, own)
        rejected += image_sensitivity(own, without, generator, 200).p_value < 0.05
    assert rejected / 400 <= 0.05


@pytest.mark.slow
def test_paired_comparison_holds_when_systems_differ_by_sentence_but_not_on_average() -> None:
    generator = _rng(22)
    rejected = 0
    for _ in range(400):
        gold = generator.integers(0, 4, SENTENCES)
        tastes = [generator.choice([-0.2, 0.2], SENTENCES) for _ in range(2)]
        a, b = (_runs(generator, 0.7, 5, 0.005, ease=taste, gold=gold) for taste in tastes)
        rejected += paired_comparison(a, b, generator, 200).p_value < 0.05
    assert rejected / 400 <= 0.08


@pytest.mark.slow
def test_comparison_power_is_what_welch_reaches() -> None:
    generator = _rng(24)
    for runs, difference in ((2, 5.2), (3, 1.7), (6, 0.8)):
        sides = [[generator.normal(mean, 0.5, runs) for mean in (difference, 0)] for _ in range(2000)]
        gaps = [gap_between(*side) for side in sides]
        found = sum(gap is not None and gap.two_sided_p() < 0.05 for gap in gaps)
        assert found / 2000 == pytest.approx(comparison_power(difference, Spread(0.5), runs), abs=0.035)


def _two_systems(generator: np.random.Generator, runs: int) -> list[np.ndarray]:
    """Runs of two systems that differ in skill and, by sentence, in taste, on a test set of their own."""
    gold = generator.integers(0, 4, SENTENCES)
    tastes = [generator.choice([-0.3, 0.3], SENTENCES) for _ in range(2)]
    return [
        _runs(generator, skill, runs, 0.04, taste, gold) for skill, taste in zip((0.7, 0.61), tastes, strict=True)
    ]


@pytest.mark.slow
def test_the_number_of_runs_named_has_the_power_promised_in_the_test_applied() -> None:
    generator = _rng(28)
    drawn = [[run_f1(side) for side in _two_systems(generator, 40)] for _ in range(600)]
    run = float(np.mean([side.var(ddof=1) for sides in drawn for side in sides])) ** 0.5
    differences = np.array([a.mean() - b.mean() for a, b in drawn])
    lasting = float(differences.var(ddof=1) - 2 * run**2 / 40) ** 0.5
    difference, spread = float(differences.mean()), Spread(run, lasting, SENTENCES)

    def found(runs: int) -> float:
        sides = (_two_systems(generator, runs) for _ in range(500))
        return sum(paired_comparison(*both, generator, 200).p_value < 0.05 for both in sides) / 500

    assert found(runs_needed(difference, spread)) == pytest.approx(0.8, abs=0.06)
    of_seeds_alone = runs_needed(difference, Spread(run))
    assert found(of_seeds_alone) == pytest.approx(comparison_power(difference, spread, of_seeds_alone), abs=0.06)
    assert comparison_power(difference, spread, of_seeds_alone) < 0.7


@pytest.mark.slow
def test_equivalence_power_and_error_are_what_the_test_reaches() -> None:
    generator = _rng(25)

    def rate(truth: float, runs: int) -> float:
        draws = generator.normal(truth, 0.4, (2000, runs))
        return sum(equivalence(row, 0.0, 0.5).verdict == "equivalent" for row in draws) / 2000

    assert rate(0.1, 8) == pytest.approx(settling_power(0.1, 0.4, 8, 0.5, 0.05), abs=0.035)
    assert rate(0.5, 8) <= 0.065


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "least"), [(2, 0.835), (3, 0.885), (5, 0.91), (10, 0.917)], ids=("two", "three", "five", "ten")
)
def test_hierarchical_bootstrap_covers_a_mean_that_both_seeds_and_sentences_move(seeds: int, least: float) -> None:
    """Seeds outweigh sentences: the worst case of two seeds, whose percentiles would cover 77 %."""
    generator = _rng(27)

    def draw(runs: int) -> np.ndarray:
        return _runs(generator, 0.65, runs, 0.06, ease=generator.choice([-0.1, 0.1], SENTENCES))

    truth = float(np.mean([run_f1(draw(1))[0] for _ in range(4000)]))
    hits = 0
    for _ in range(400):
        interval = hierarchical_bootstrap(draw(seeds), generator, 200)
        hits += interval.low <= truth <= interval.high
    assert least <= hits / 400 <= 0.985
