"""Differences of means worked by hand: a side of one run, nothing that varies, and what is counted once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from support import planted_runs

from mner.evaluation.comparisons import image_sensitivity
from mner.evaluation.gaps import BOLDEST, Gap, gap_between, gap_of_parts, gap_on_both
from mner.evaluation.significance import Comparison, paired_comparison
from mner.evaluation.statistics import (
    StatisticsError,
    crossed_noise,
    hierarchical_bootstrap,
    influence,
    interaction_noise,
    run_f1,
    sentence_bootstrap,
)

_PLANTED = vars(planted_runs)
_rng, _runs = _PLANTED["rng"], _PLANTED["runs"]
ALPHA = 0.05


def test_a_side_of_one_run_is_tested_as_by_the_pooled_t_test() -> None:
    many, one = [74.1, 75.3, 74.8, 75.0], [73.2]
    for ours, theirs in ((one, many), (many, one)):
        expected, found = stats.ttest_ind(ours, theirs), gap_between(ours, theirs)
        assert found is not None
        assert found.difference / found.error == pytest.approx(expected.statistic)
        assert found.two_sided_p() == pytest.approx(expected.pvalue)
    assert gap_between(one, [80.0]) is None


def test_where_nothing_varies_a_difference_is_certain() -> None:
    lower = Gap(-0.25, 0.0, 0.0)
    assert (Gap(0.0, 0.0, 0.0).two_sided_p(), lower.two_sided_p()) == (1.0, 0.0)
    assert lower.interval(ALPHA) == (-0.25, -0.25)
    assert (lower.equivalence_p(0.25), lower.equivalence_p(0.2)) == (0.0, 1.0)
    assert (lower.below(0.2, ALPHA), lower.below(0.25, ALPHA), lower.above(0.2, ALPHA)) == (True, False, False)
    assert Gap(0.25, 0.0, 0.0).above(0.2, ALPHA)


@pytest.mark.parametrize(
    ("difference", "error", "margin", "below"),
    [
        (-1.0, 0.1, 0.5, True),
        (-1.0, 0.1, 1.0, False),  # not beyond the margin
        (-1.0, 0.1, 1.5, False),  # surely lower, and by less than the margin
        (-1.0, 1.0, 0.5, False),  # lower by more than the margin, and perhaps by chance
        (1.0, 0.1, 0.5, False),
    ],
)
def test_below_is_by_more_than_the_margin_and_not_by_chance(
    difference: float, error: float, margin: float, below: bool
) -> None:
    assert Gap(difference, error, 10.0).below(margin, ALPHA) == below
    assert Gap(-difference, error, 10.0).above(margin, ALPHA) == below


def test_satterthwaites_degrees_of_freedom_by_hand() -> None:
    assert gap_of_parts(1.0, [(4.0, 7)]) == Gap(1.0, 2.0, 7.0)
    assert gap_of_parts(1.0, [(2.0, 5), (2.0, 5)]) == Gap(1.0, 2.0, 10.0)
    assert gap_of_parts(1.0, [(1.0, 2), (3.0, 6)]) == Gap(1.0, 2.0, 8.0)
    assert gap_of_parts(1.0, [(0.0, 2), (0.0, 6)]) == Gap(1.0, 0.0, 0.0)


def _rejected(degrees: int, seeds: float) -> float:
    """Share of true nulls that are rejected at 5 %, where ``seeds`` of the variance has that many degrees."""
    shares = (np.arange(4000) + 0.5) / 4000
    found = []
    for shown in stats.chi2.ppf(shares, degrees) / degrees:
        gap = gap_of_parts(0.0, [(seeds * shown, degrees), (1 - seeds, 3000)])
        found.append(2 * stats.norm.sf(stats.t.isf(ALPHA / 2, gap.freedom) * gap.error))
    return float(np.mean(found))


def test_two_runs_reject_at_worst_as_many_true_nulls_as_the_notes_say() -> None:
    worst = {degrees: max(_rejected(degrees, share) for share in (0.5, 0.7, 0.8, 0.9)) for degrees in (1, 2, 4)}
    assert worst[1] == pytest.approx(BOLDEST, abs=0.006)
    assert worst[2] == pytest.approx(0.08, abs=0.006)
    assert worst[4] < worst[2]


def test_noise_that_is_in_seeds_and_sample_is_counted_once_and_never_below_nothing() -> None:
    gap, lasting = gap_on_both(1.0, [(4.0, 3)], 9.0, 4.0, 101)
    assert (lasting, gap.error) == (5.0, 3.0)
    assert gap.freedom == pytest.approx(81 / (16 / 3 + 25 / 100))
    gap, lasting = gap_on_both(1.0, [(4.0, 3)], 3.0, 3.5, 101)
    assert (lasting, gap) == (0.0, Gap(1.0, 2.0, 3.0))


def test_runs_that_agree_by_chance_make_nothing_surer_than_the_test_set_allows() -> None:
    gap, lasting = gap_on_both(1.0, [(0.01, 1)], 4.0, 3.0, 101)
    assert (lasting, gap.error) == (1.0, 2.0)
    assert gap.freedom == pytest.approx(16 / (0.01**2 + 3.99**2 / 100))
    generator = _rng(8)
    for _ in range(200):
        seeds, sample, noise = generator.exponential(size=3)
        gap, lasting = gap_on_both(1.0, [(seeds, 1)], sample, noise, 101)
        assert gap.error**2 >= sample - 1e-12
        assert gap.error**2 >= seeds + lasting - 1e-12
        assert gap.error**2 <= seeds + sample + 1e-12


def test_noise_of_runs_on_sentences_by_hand() -> None:
    assert interaction_noise(np.array([[2.0, -2.0], [-1.0, 1.0], [-1.0, 1.0]])) == pytest.approx(1.0)
    alike = np.array([3.0, -1.0, -2.0])
    assert interaction_noise(np.stack([alike, alike])) == 0.0
    with pytest.raises(StatisticsError, match="at least two"):
        interaction_noise(alike[None])


def test_noise_of_runs_on_sentences_is_the_variance_of_their_mean() -> None:
    effects = _rng(5).normal(0, 2, (4000, 3, 4))
    effects -= effects.mean(axis=2, keepdims=True)  # as influence does
    assert np.mean([interaction_noise(one) for one in effects]) == pytest.approx(4 / (3 * 4), rel=0.03)


def test_empty_sentences_change_nothing_of_what_the_others_weigh() -> None:
    """Also where a sentence holds less than one entity on average, as in tweets."""
    counts = _runs(_rng(6), 0.8, 2)[:, :30]
    sparse = np.concatenate([counts, np.zeros((2, 570, 3), dtype=int)], axis=1)
    assert influence(sparse)[:, :30] / 600 == pytest.approx(influence(counts) / 30)
    assert not influence(sparse)[:, 30:].any()


def test_noise_that_both_views_of_a_run_share_is_no_noise_of_their_difference() -> None:
    """Runs differ from sentence to sentence, but without the picture all lose the same ten names."""
    own = np.full((4, 300, 3), 2)
    own[:, 10:, 0] = _rng(1).binomial(2, 0.6, (4, 290))
    other = own.copy()
    other[:, :10, 0] = 0
    found = image_sensitivity(own, other, _rng(), 200)
    assert found.seeds_deviation == pytest.approx(0.0)
    assert found.lasting_deviation == pytest.approx(found.sample_deviation)


def test_percentiles_of_a_bootstrap_are_those_of_its_level() -> None:
    counts = _runs(_rng(1), 0.8, 1)[0]
    for level in (0.95, 0.5):
        found = sentence_bootstrap(counts, _rng(2), 3000, level)
        half = stats.norm.ppf((1 + level) / 2) * found.standard_deviation
        assert found.high - found.estimate == pytest.approx(half, rel=0.12)
        assert found.estimate - found.low == pytest.approx(half, rel=0.12)


@pytest.mark.parametrize(("seeds", "seed_deviation"), [(2, 0.1), (3, 0.03), (5, 0.03)])
def test_draws_of_runs_and_sentences_vary_by_both_parts_less_what_they_share(
    seeds: int, seed_deviation: float
) -> None:
    counts = _runs(_rng(3), 0.7, seeds, seed_deviation)
    scatter, noise = float(run_f1(counts).var(ddof=1)) / seeds, crossed_noise(counts)
    assert scatter > noise > 0
    sample = sentence_bootstrap(counts, _rng(), 3000).standard_deviation
    both, lasting = hierarchical_bootstrap(counts, _rng(1), 3000), sample**2 - noise
    error = (scatter + lasting) ** 0.5
    assert both.standard_deviation == pytest.approx(error, rel=0.05)
    freedom = error**4 / (scatter**2 / (seeds - 1) + lasting**2 / (_PLANTED["SENTENCES"] - 1))
    high = min(1.0, both.estimate + stats.t.isf(ALPHA / 2, freedom) * error)
    assert both.high - both.estimate == pytest.approx(high - both.estimate, rel=0.03)


def test_an_interval_of_a_score_does_not_fall_below_nothing() -> None:
    poor = np.tile([0, 2, 2], (2, 30, 1))
    poor[1, :2, 0] = 2
    assert hierarchical_bootstrap(poor, _rng(), 50).low == 0.0


def test_what_seeds_add_is_the_error_of_each_systems_mean() -> None:
    gold = _rng(8).integers(0, 4, _PLANTED["SENTENCES"])
    a, b = (_runs(_rng(seed), 0.8, runs, 0.05, gold=gold) for seed, runs in ((1, 4), (2, 3)))
    parts = [(float(run_f1(a).var(ddof=1)) / 4, 3), (float(run_f1(b).var(ddof=1)) / 3, 2)]
    _holds_both(paired_comparison(a, b, _rng(), 200), parts)
    moved = run_f1(a[:3]) - run_f1(b)
    _holds_both(image_sensitivity(a[:3], b, _rng(), 200), [(float(moved.var(ddof=1)) / 3, 2)])


def _holds_both(found: Comparison, seeds: list[tuple[float, int]]) -> None:
    """The interval and p are those of the two parts added up, by Satterthwaite's formula written out."""
    assert found.seeds_deviation == pytest.approx(sum(variance for variance, _ in seeds) ** 0.5)
    assert found.lasting_deviation is not None
    assert 0 < found.lasting_deviation < found.sample_deviation
    parts = [*seeds, (found.lasting_deviation**2, _PLANTED["SENTENCES"] - 1)]
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    half = stats.t.isf(ALPHA / 2, freedom) * total**0.5
    assert (found.low, found.high) == pytest.approx((found.difference - half, found.difference + half))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.difference) / total**0.5, freedom))
