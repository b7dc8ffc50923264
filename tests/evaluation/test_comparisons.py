"""Statistics of a profile: named sources of ±, paired comparisons, and image reliance where it was planted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from support import fabricated_runs
from support.filled_results import filled

from mner.evaluation.comparisons import image_sensitivity
from mner.evaluation.power import Spread, detectable_difference, runs_needed
from mner.evaluation.result_files import as_json
from mner.evaluation.significance import paired_comparison
from mner.evaluation.statistics import StatisticsError, influence, run_f1
from mner.evaluation.statistics_results import DatasetStatistics, NoneSuffices, NotKnown, TestedPair, UntestedPair
from mner.reporting import statistics_tables
from mner.reporting.cells import State

FABRICATED = vars(fabricated_runs)
POSITIVE, NEGATIVE = "controls-positive", "controls-negative"


def _wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
    """``umt`` needs its picture on the positive control only; ``rgcn`` is as good without; text reads none."""
    if system == "bert-crf":
        return 0.3 + 0.01 * seed if view == "own" else None
    if view == "own":
        return 0.1 + 0.01 * seed
    return 0.4 + 0.01 * seed if (dataset, system) == (POSITIVE, "umt") else 0.1 + 0.01 * seed


def _statistics(root: Path, systems: tuple[str, ...], seeds: tuple[int, ...] = (1, 2, 3, 4)) -> dict[str, Any]:
    active = FABRICATED["Active"]("tiny", (POSITIVE, NEGATIVE), systems, seeds)
    FABRICATED["make_runs"](root, active, _wrong)
    return FABRICATED["evaluated"](root, active).statistics


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _statistics(tmp_path_factory.mktemp("all"), ("bert-crf", "umt", "rgcn")).datasets


def test_reliance_is_large_where_planted_and_nil_elsewhere(found: dict[str, Any]) -> None:
    views = {(dataset, row.system): row.views for dataset in found for row in found[dataset].image_sensitivity}
    assert ("controls-positive", "bert-crf") not in views
    planted = views[POSITIVE, "umt"]
    for view in ("none", "shuffled"):
        assert planted[view].difference > 15
        assert planted[view].low > 5
        assert planted[view].p_value < 0.01
        assert np.mean(planted[view].values) == pytest.approx(planted[view].difference)
        assert len(planted[view].values) == len(planted[view].records) == 4
    for place in ((NEGATIVE, "umt"), (POSITIVE, "rgcn"), (NEGATIVE, "rgcn")):
        for view in ("none", "shuffled"):
            assert views[place][view].difference == 0
            assert views[place][view].low <= 0 <= views[place][view].high


def test_a_pair_asked_for_the_other_way_round_is_turned_whole(found: dict[str, Any]) -> None:
    there, back = (found[POSITIVE].pair(*names) for names in (("bert-crf", "umt"), ("umt", "bert-crf")))
    assert there is not None
    assert back is not None
    assert (back.difference, back.low, back.high) == (-there.difference, -there.high, -there.low)
    assert there.run_superiority.estimate == 0 < 1 == back.run_superiority.estimate
    ahead, behind = (statistics_tables.pair_cells(one) for one in (there, back))
    assert (ahead[4].plain(), behind[4].plain()) == ("0.00", "1.00")


def test_ends_of_intervals_change_places_when_a_pair_is_turned() -> None:
    ahead = {"estimate": 0.75, "low": 0.5, "high": 0.875, "level": 0.95}
    found = {"a": "x", "b": "y", "difference": 2.0, "low": -1.0, "high": 5.0, "run_superiority": ahead}
    pair = filled(TestedPair, found)
    untested = UntestedPair("x", "z", (), "one run")
    held = DatasetStatistics(comparisons=(pair, untested))
    assert held.pair("x", "y") == pair
    turned = held.pair("y", "x")
    assert isinstance(turned, TestedPair)
    assert (turned.a, turned.b, turned.difference, turned.low, turned.high) == ("y", "x", -2.0, -5.0, 1.0)
    ahead = turned.run_superiority
    assert (ahead.estimate, ahead.low, ahead.high, ahead.level) == (0.25, 0.125, 0.5, 0.95)
    assert held.pair("z", "x") == UntestedPair("z", "x", (), "one run")
    assert held.pair("y", "z") is None


def test_a_difference_that_no_number_of_seeds_would_show_says_so(found: dict[str, Any]) -> None:
    pair = next(row for row in found[POSITIVE].comparisons if row.b == "umt")
    small = NoneSuffices(None, "no number of seeds: this test set cannot show so small a difference", 1.0)
    needed = statistics_tables.pair_cells(replace(pair, seeds_needed=small))[5]
    assert isinstance(needed, State)
    assert (needed.text, needed.why) == ("none suffices", small.state)
    unknown = statistics_tables.pair_cells(replace(pair, seeds_needed=NotKnown("one run on a side")))[5]
    assert unknown.plain() == "–"


def test_every_source_of_uncertainty_is_named(found: dict[str, Any]) -> None:
    for cell in found[POSITIVE].cells:
        assert cell.seeds.source == "seeds"
        assert cell.sample.source == "sample"
        assert cell.both.source == "seeds and sample"
        assert cell.both.low < cell.sample.estimate < cell.both.high
        assert len(cell.records) == 4


def test_pairs_are_tested_once_each_and_adjusted(found: dict[str, Any]) -> None:
    pairs = {(row.a, row.b): row for row in found[POSITIVE].comparisons}
    assert set(pairs) == {("bert-crf", "umt"), ("bert-crf", "rgcn"), ("umt", "rgcn")}
    assert all(row.holm >= row.p_value for row in pairs.values())
    assert pairs["bert-crf", "umt"].difference < -5
    assert pairs["bert-crf", "umt"].holm < 0.05
    assert pairs["bert-crf", "umt"].run_superiority.estimate == 0
    assert pairs["umt", "rgcn"].run_superiority.estimate == 0.5
    assert pairs["umt", "rgcn"].difference == 0
    assert "must not be 0" in pairs["umt", "rgcn"].seeds_needed.state
    needed, seen = (getattr(pairs["bert-crf", "umt"], name) for name in ("seeds_needed", "detectable"))
    deviations = [c.seeds.standard_deviation for c in found[POSITIVE].cells if c.system != "rgcn"]
    spread = Spread(float(np.mean(np.square(deviations)) ** 0.5), pairs["bert-crf", "umt"].lasting_deviation, 120)
    assert needed.deviation == pytest.approx(spread.run), "of one run, in points"
    assert needed.runs == runs_needed(pairs["bert-crf", "umt"].difference, spread) >= 2
    assert (seen.runs, seen.points) == (4, pytest.approx(detectable_difference(4, spread)))
    json.dumps(as_json(found), allow_nan=False)


def test_every_probe_of_a_data_set_is_adjusted_for_all_of_them(found: dict[str, Any]) -> None:
    views = [view for row in found[POSITIVE].image_sensitivity for view in row.views.values()]
    least = min(views, key=lambda view: view.p_value)
    assert len(views) >= 4
    assert least.holm == pytest.approx(len(views) * least.p_value)
    assert all(view.p_value <= view.holm <= 1 for view in views)


def test_a_statistic_does_not_depend_on_what_else_is_in_the_profile(found: dict[str, Any], tmp_path: Path) -> None:
    alone = _statistics(tmp_path, ("bert-crf", "umt")).datasets[POSITIVE]
    assert alone.cells == tuple(cell for cell in found[POSITIVE].cells if cell.system != "rgcn")
    (pair,) = alone.comparisons
    before = next(row for row in found[POSITIVE].comparisons if row.b == "umt")
    assert replace(pair, holm=before.holm) == before


def test_one_seed_has_no_spread_and_says_so(tmp_path: Path) -> None:
    held = _statistics(tmp_path, ("bert-crf", "umt"), (1,)).datasets[POSITIVE]
    for cell in held.cells:
        assert isinstance(cell.seeds, NotKnown)
        assert isinstance(cell.both, NotKnown)
        assert cell.sample.low < cell.sample.high
    (pair,) = held.comparisons
    assert (pair.source, pair.seeds_deviation) == ("sample", None)
    assert "one run on a side" in pair.seeds_needed.state
    assert "one run on a side" in pair.detectable.state
    assert statistics_tables.pair_cells(pair)[4].plain() == "one pair"
    assert held.image_sensitivity[0].views["none"].source == "sample"


def test_nothing_is_planned_from_fewer_than_four_seeds(tmp_path: Path) -> None:
    held = _statistics(tmp_path, ("bert-crf", "umt"), (1, 2, 3)).datasets[POSITIVE]
    (pair,) = held.comparisons
    assert pair.p_value < 1
    for name in ("seeds_needed", "detectable"):
        assert isinstance(getattr(pair, name), NotKnown)
    needed, detectable = statistics_tables.pair_cells(pair)[5:7]
    assert [cell.plain() for cell in (needed, detectable)] == ["–", "–"]
    assert "fewer than 4 seeds a side" in statistics_tables.PAIR_NOTES[-1]


def _counts(generator: np.random.Generator, share: float, runs: int, sentences: int = 300) -> np.ndarray:
    gold = np.full((runs, sentences), 2)
    correct = generator.binomial(2, share, size=(runs, sentences))
    return np.stack([correct, gold, gold], axis=2)


def test_reliance_interval_covers_what_was_planted() -> None:
    generator, hits = np.random.default_rng(3), 0
    for _ in range(60):
        own, other = _counts(generator, 0.8, 4), _counts(generator, 0.7, 4)
        found = image_sensitivity(own, other, generator, draws=200)
        hits += found.low <= 0.1 <= found.high
    assert hits >= 52


def test_reliance_is_paired_by_run() -> None:
    generator = np.random.default_rng(1)
    own = np.concatenate([_counts(generator, share, 1) for share in (0.5, 0.9)])
    other = own.copy()
    other[:, :10, 0] = 0
    found = image_sensitivity(own, other, generator, draws=200)
    assert found.difference == pytest.approx(float((run_f1(own) - run_f1(other)).mean()))
    assert found.seeds_deviation is not None
    assert found.seeds_deviation < 0.2 * float(run_f1(own).std(ddof=1))
    with pytest.raises(StatisticsError, match="not the same runs"):
        image_sensitivity(own, other[:1], generator)


def test_influence_sums_to_nothing_and_predicts_a_left_out_sentence() -> None:
    counts = _counts(np.random.default_rng(2), 0.7, 2)
    effects = influence(counts)
    assert effects.sum(axis=1) == pytest.approx(np.zeros(2), abs=1e-9)
    without = run_f1(counts[:, 1:])
    assert without - run_f1(counts) == pytest.approx(-effects[:, 0] / 300, abs=1e-4)


def test_one_run_is_tested_alike_between_views_and_between_systems() -> None:
    own, other = (_counts(np.random.default_rng(seed), share, 1) for seed, share in ((1, 0.8), (2, 0.75)))
    reliance = image_sensitivity(own, other, np.random.default_rng(3))
    assert reliance == paired_comparison(own, other, np.random.default_rng(3))
    assert reliance.p_value == pytest.approx(2 * norm.sf(abs(reliance.difference) / reliance.sample_deviation))
