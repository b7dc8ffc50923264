"""Statistics: hand-worked cases, laws, and (slow) simulations of coverage, type I error and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from support import planted_runs

from mner.evaluation.gaps import gap_between
from mner.evaluation.power import (
    SmallTestSetError,
    Spread,
    comparison_power,
    detectable_difference,
    probability_of_superiority,
    runs_needed,
    runs_to_settle,
    settling_power,
)
from mner.evaluation.significance import equivalence, holm, paired_comparison
from mner.evaluation.statistics import (
    StatisticsError,
    draw_sentences,
    hierarchical_bootstrap,
    micro_f1,
    run_f1,
    seed_spread,
    sentence_bootstrap,
)

_PLANTED = vars(planted_runs)
SENTENCES, _rng, _runs = (_PLANTED[name] for name in ("SENTENCES", "rng", "runs"))


def test_micro_f1_pools_counts_and_is_zero_without_entities() -> None:
    counts = np.array([[1, 1, 2], [0, 1, 0], [0, 0, 0]])
    assert micro_f1(counts).tolist() == [2 / 3, 0.0, 0.0]
    assert run_f1(counts[None]).tolist() == [0.5]


def test_seed_spread_is_the_textbook_interval() -> None:
    spread = seed_spread([74.0, 75.0, 76.0])
    assert (spread.estimate, spread.standard_deviation, spread.source) == (75.0, 1.0, "seeds")
    assert spread.high - 75.0 == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)
    two = seed_spread([74.0, 76.0])
    assert (two.low, two.high) == pytest.approx((75.0 - 12.706205, 75.0 + 12.706205))
    with pytest.raises(StatisticsError, match="at least two"):
        seed_spread([74.0])


def test_drawn_sentences_fill_a_test_set_of_the_same_size() -> None:
    weights = draw_sentences(50, _rng(), 200)
    assert (weights.sum(axis=1) == 50).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(50), abs=0.35)


def test_bootstrap_of_identical_sentences_has_no_width() -> None:
    counts = np.tile([1, 2, 2], (3, 30, 1))
    for interval in (
        sentence_bootstrap(counts[0], _rng(), 50),
        hierarchical_bootstrap(counts, _rng(), 50),
    ):
        assert (interval.low, interval.high, interval.standard_deviation) == (0.5, 0.5, 0.0)


def test_the_same_generator_gives_the_same_interval() -> None:
    counts = _runs(_rng(), 0.8, 3, 0.02)
    assert hierarchical_bootstrap(counts, _rng(7), 100) == hierarchical_bootstrap(counts, _rng(7), 100)
    assert hierarchical_bootstrap(counts, _rng(7), 100) != hierarchical_bootstrap(counts, _rng(8), 100)


def test_bootstrap_deviation_agrees_with_the_delta_method() -> None:
    counts = _runs(_rng(1), 0.8, 1)[0]
    correct, predicted, gold = counts.T
    f1 = float(run_f1(counts[None])[0])
    influence = (2 * correct - f1 * (predicted + gold)) / (predicted + gold).mean()
    expected = influence.std(ddof=1) / math.sqrt(SENTENCES)
    interval = sentence_bootstrap(counts, _rng(2), 2000)
    assert interval.standard_deviation == pytest.approx(expected, rel=0.1)
    assert interval.source == "sample"
    assert "400 sentences" in interval.resampled


def test_hierarchical_bootstrap_adds_the_seeds_to_the_sample() -> None:
    counts = _runs(_rng(3), 0.7, 5, seed_deviation=0.08)
    sample = sentence_bootstrap(counts, _rng(), 1000).standard_deviation
    both = hierarchical_bootstrap(counts, _rng(), 1000).standard_deviation
    seeds = run_f1(counts).std(ddof=1) / math.sqrt(5)
    assert both == pytest.approx(math.hypot(sample, seeds), rel=0.1)
    with pytest.raises(StatisticsError, match="at least two"):
        hierarchical_bootstrap(counts[:1], _rng())


def test_an_interval_on_seeds_and_sample_is_wider_than_either_alone_and_stays_a_score() -> None:
    counts = _runs(_rng(3), 0.7, 3, seed_deviation=0.08)
    both = hierarchical_bootstrap(counts, _rng())
    sample = sentence_bootstrap(counts, _rng())
    assert both.low < sample.low < both.estimate < sample.high < both.high
    assert both.high - both.estimate == pytest.approx(both.estimate - both.low)
    perfect = np.tile([2, 2, 2], (2, 30, 1))
    perfect[1, :2, 0] = 0
    assert hierarchical_bootstrap(perfect, _rng(), 50).high == 1.0


def test_a_system_does_not_differ_from_itself() -> None:
    counts = _runs(_rng(4), 0.8, 3, 0.02)
    comparison = paired_comparison(counts, counts, _rng())
    assert comparison.difference == comparison.sample_deviation == 0.0
    assert comparison.p_value == 1.0
    assert comparison.low < 0 < comparison.high


def test_a_large_planted_difference_is_seen_in_both_directions() -> None:
    gold = _rng(5).integers(0, 4, SENTENCES)
    strong, weak = (_runs(_rng(seed), skill, 4, 0.01, gold=gold) for seed, skill in ((6, 0.9), (7, 0.6)))
    ahead, behind = paired_comparison(strong, weak, _rng()), paired_comparison(weak, strong, _rng())
    assert ahead.p_value < 0.001
    assert ahead.low > 0 > behind.high
    assert ahead.difference == -behind.difference
    assert ahead.source == "seeds and sample"


def test_pairing_by_sentence_narrows_the_comparison() -> None:
    gold = _rng(8).integers(0, 4, SENTENCES)
    ease = _rng(9).choice([-0.6, 0.1], SENTENCES)
    a, b = (_runs(_rng(seed), 0.8, 1, ease=ease, gold=gold) for seed in (10, 11))
    paired = paired_comparison(a, b, _rng())
    alone = [sentence_bootstrap(side[0], _rng()).standard_deviation for side in (a, b)]
    assert paired.sample_deviation < 0.9 * math.hypot(*alone)
    assert (paired.seeds_deviation, paired.source) == (None, "sample")
    assert paired.p_value == pytest.approx(2 * stats.norm.sf(abs(paired.difference) / paired.sample_deviation))
    assert paired.high - paired.difference == pytest.approx(1.959964 * paired.sample_deviation, rel=1e-6)


def test_comparisons_refuse_what_does_not_pair() -> None:
    a = _runs(_rng(), 0.8, 3)
    with pytest.raises(StatisticsError, match="400 sentences against 399"):
        paired_comparison(a, a[:, 1:], _rng())
    with pytest.raises(StatisticsError, match="at least two of each"):
        paired_comparison(a, a[:1], _rng())


def test_the_t_test_between_systems_is_scipys() -> None:
    a, b = [74.1, 75.3, 74.8, 75.0], [73.9, 74.0, 74.6]
    theirs = stats.ttest_ind(a, b, equal_var=False)
    ours = gap_between(a, b)
    assert ours is not None
    assert (ours.difference / ours.error, ours.two_sided_p()) == pytest.approx((theirs.statistic, theirs.pvalue))
    interval = theirs.confidence_interval(0.95)
    assert ours.interval(0.05) == pytest.approx((interval.low, interval.high))


def test_holm_on_a_case_worked_by_hand() -> None:
    adjusted = holm({"b": 0.04, "a": 0.01, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"b": 0.06, "a": 0.03, "c": 0.06, "d": 0.02})
    assert list(adjusted) == ["b", "a", "c", "d"]
    assert holm({"x": 0.7, "y": 0.9}) == {"x": 1.0, "y": 1.0}
    assert holm({}) == {}


def test_equivalence_has_three_answers() -> None:
    runs = [74.9, 75.0, 75.1, 75.0]
    assert equivalence(runs, 75.0, 0.5).verdict == "equivalent"
    assert equivalence(runs, 76.0, 0.5).verdict == "different"
    assert equivalence(runs, 75.45, 0.5).verdict == "undecided"
    assert equivalence([73.0, 77.0], 75.0, 0.5).verdict == "undecided"
    assert equivalence([75.0, 75.0], 75.2, 0.5).verdict == "equivalent"
    assert equivalence([75.0, 75.0], 75.0, 0.0).verdict == "equivalent"
    assert equivalence(runs, 75.0, 0.0).verdict == "undecided"
    with pytest.raises(StatisticsError, match="margin"):
        equivalence(runs, 75.0, -0.1)
    with pytest.raises(StatisticsError, match="at least two"):
        equivalence([75.0], 75.0, 0.5)


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    runs = [74.6, 75.2, 75.3, 74.9]
    lower = stats.ttest_1samp(runs, 75.2 - 0.5, alternative="greater").pvalue
    upper = stats.ttest_1samp(runs, 75.2 + 0.5, alternative="less").pvalue
    ours = equivalence(runs, 75.2, 0.5)
    assert ours.p_value == pytest.approx(max(lower, upper))
    assert (ours.p_value < 0.05) == (ours.low > -0.5 and ours.high < 0.5)


@pytest.mark.parametrize(("runs", "gap"), [(2, 10.4), (3, 3.5), (5, 2.1), (10, 1.3), (20, 0.9)])
def test_few_seeds_see_only_large_gaps(runs: int, gap: float) -> None:
    assert detectable_difference(runs, Spread(1.0)) == pytest.approx(gap, abs=0.05)
    assert detectable_difference(runs, Spread(0.3)) == pytest.approx(0.3 * gap, abs=0.02)
    assert runs_needed(detectable_difference(runs, Spread(1.0)), Spread(1.0)) in (runs, runs + 1)


def test_runs_needed_is_the_first_number_with_enough_power() -> None:
    needed = runs_needed(0.5, Spread(0.5))
    assert needed == 17  # Cohen's d = 1 at 80 % power
    assert comparison_power(0.5, Spread(0.5), needed) >= 0.8 > comparison_power(0.5, Spread(0.5), needed - 1)
    assert comparison_power(0.0, Spread(0.5), 10) == pytest.approx(0.05, abs=0.002)
    assert comparison_power(-0.5, Spread(0.5), needed) == pytest.approx(comparison_power(0.5, Spread(0.5), needed))
    with pytest.raises(StatisticsError, match="too small to show"):
        runs_needed(0.001, Spread(1.0))
    with pytest.raises(StatisticsError, match="must not be 0"):
        runs_needed(0.0, Spread(1.0))
    with pytest.raises(StatisticsError, match="at least two"):
        detectable_difference(1, Spread(1.0))
    for nothing in (runs_needed, lambda gap, spread: detectable_difference(3, spread)):
        with pytest.raises(StatisticsError):
            nothing(1.0, Spread(0.0))


@pytest.mark.parametrize(("runs", "below"), [(6, 0.02), (40, 0.001)])
def test_without_sentences_power_is_all_but_that_of_the_pooled_t_test(runs: int, below: float) -> None:
    degrees, shift = 2 * runs - 2, 2.8
    limit = stats.t.ppf(0.975, degrees)
    pooled = stats.nct.sf(limit, degrees, shift) + stats.nct.cdf(-limit, degrees, shift)
    assert pooled - below < comparison_power(shift / math.sqrt(runs / 2), Spread(1.0), runs) < pooled


def test_no_number_of_runs_makes_up_for_a_small_test_set() -> None:
    seen = 2.8016 * 0.4  # 80 % power of a normal test whose error is the sentences' alone
    assert runs_needed(1.05 * seen, Spread(1.0, 0.4, 10_000)) > runs_needed(1.5 * seen, Spread(1.0, 0.4, 10_000))
    with pytest.raises(SmallTestSetError, match="no number of seeds"):
        runs_needed(0.99 * seen, Spread(1.0, 0.4, 10_000))
    with pytest.raises(SmallTestSetError):
        runs_needed(0.99 * seen, Spread(0.0, 0.4, 10_000))
    many = detectable_difference(5000, Spread(1.0, 0.4, 10_000))
    assert many == pytest.approx(seen, rel=0.005)
    assert detectable_difference(5, Spread(1.0, 0.4, 700)) > detectable_difference(5, Spread(1.0))


def test_the_lasting_part_is_what_more_runs_leave() -> None:
    gold = _rng(30).integers(0, 4, SENTENCES)
    tastes = [_rng(seed).choice([-0.2, 0.2], SENTENCES) for seed in (31, 32)]
    a, b = (_runs(_rng(seed), 0.7, 40, 0.03, taste, gold) for seed, taste in zip((33, 34), tastes, strict=True))
    all_runs = paired_comparison(a, b, _rng(), 3000)
    few = [paired_comparison(a[i : i + 4], b[i : i + 4], _rng(i), 1000) for i in range(0, 40, 4)]
    lasting = [one.lasting_deviation for one in few if one.lasting_deviation is not None]
    assert math.sqrt(np.mean(np.square(lasting))) == pytest.approx(all_runs.lasting_deviation, rel=0.1)
    assert np.mean([one.sample_deviation for one in few]) > 1.1 * all_runs.sample_deviation


def test_a_verdict_needs_more_runs_near_the_margin() -> None:
    def needed(difference: float) -> int:
        return runs_to_settle(difference, 0.4, 0.5, 0.05)

    assert needed(0.0) < needed(0.25) < needed(0.45)
    assert needed(1.5) < needed(0.75) < needed(0.55)
    for difference in (0.0, 0.25, -0.25, 0.75, -0.75):
        power = [settling_power(difference, 0.4, needed(difference) - less, 0.5, 0.05) for less in (0, 1)]
        assert power[0] >= 0.8 > power[1]
    with pytest.raises(StatisticsError, match="more than 10000 runs"):
        needed(0.5)
    with pytest.raises(StatisticsError, match="must be positive"):
        runs_to_settle(0.0, 0.0, 0.5, 0.05)


def test_the_limit_of_runs_is_the_largest_answer() -> None:
    exact = runs_to_settle(0.45, 0.4, 0.5, 0.05)
    assert runs_to_settle(0.45, 0.4, 0.5, 0.05, most=exact) == exact
    with pytest.raises(StatisticsError, match=f"more than {exact - 1} runs"):
        runs_to_settle(0.45, 0.4, 0.5, 0.05, most=exact - 1)


def test_the_power_of_being_different_is_the_noncentral_t() -> None:
    expected = stats.nct.sf(stats.t.isf(0.05, 5), 5, (0.9 - 0.5) / (0.4 / math.sqrt(6)))
    assert settling_power(0.9, 0.4, 6, 0.5, 0.05) == pytest.approx(expected, abs=1e-10)
    assert settling_power(-0.9, 0.4, 6, 0.5, 0.05) == pytest.approx(expected, abs=1e-10)


def test_probability_of_superiority_counts_pairs_of_runs() -> None:
    result = probability_of_superiority([1.0, 3.0], [2.0, 3.0], _rng())
    assert result.estimate == (0 + 0 + 1 + 0.5) / 4
    assert result.low <= result.estimate <= result.high
    assert probability_of_superiority([2.0, 3.0], [1.0], _rng()).estimate == 1.0


def test_superiority_resamples_the_runs_of_both_sides() -> None:
    """Two runs on either side of one: a draw holds both (half of all draws), or one of them twice."""
    for a, b in (([1.0, 3.0], [2.0]), ([2.0], [1.0, 3.0])):
        result = probability_of_superiority(a, b, _rng(), 4000)
        assert (result.low, result.high) == (0.0, 1.0)
        assert result.standard_deviation == pytest.approx(math.sqrt(1 / 8), rel=0.03)
        middle = probability_of_superiority(a, b, _rng(), 4000, level=0.4)
        assert (middle.low, middle.estimate, middle.high) == (0.5, 0.5, 0.5)
    with pytest.raises(StatisticsError, match="without runs"):
        probability_of_superiority([1.0], [], _rng())
