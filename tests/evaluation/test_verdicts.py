"""Verdicts: equivalence is shown, not assumed; incomparable has its reasons; a regression is defined exactly."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from support.filled_results import filled

from mner.evaluation.gaps import gap_between, gap_to_fixed
from mner.evaluation.paper import Requirements, load_paper
from mner.evaluation.reasons import INFERRED, Reason, ReasonKind, visual_input
from mner.evaluation.score_results import ScoredCell
from mner.evaluation.verdicts import (
    ABOVE,
    BELOW,
    CHANGED,
    CONSISTENT,
    IMPROVED,
    NOT_COMPARABLE,
    NOT_RUN,
    REGRESSED,
    REPRODUCED,
    SAME,
    SKIPPED,
    UNDECIDED,
    Sample,
    compare_with_reference,
    judge,
    seeds_needed,
)

RECIPE = {"epochs": 3, "precision": "float32"}
PAPER = load_paper(Path(__file__).resolve().parents[2] / "reports" / "paper.yaml").requiring(
    {name: Requirements(RECIPE) for name in ("bert-crf", "rgcn", "ocsga", "vg", "acoa")}
)
TABLE1 = {row.id: row for row in PAPER.tables[0].rows}
BERT_CRF = TABLE1["bert-crf"]
TARGET = 83.44
MARGIN, ALPHA = 0.5, 0.05
F1 = st.lists(st.floats(60, 90), min_size=2, max_size=8)


def _cell(values: list[float], **changes: Any) -> ScoredCell:
    """A finished cell on Twitter-2017 under the conditions of the printed BERT-CRF row."""
    cell = {
        "dataset": "twitter2017",
        "system": "bert-crf",
        "state": "finished",
        "reason": None,
        "encoder": {"name": "bert-base-cased", "sha256": PAPER.weights["bert-base-cased"].sha256},
        "visual_input": "none",
        "data_copy": "umt",
        "recipe": {"epochs": 3, "train_sentences": None, "frozen_layers": 0},
        "precision": "float32",
        "views": {"test.own": {"f1": {"values": values, "records": _records(values)}}},
    }
    return filled(ScoredCell, cell | changes)


def _records(values: list[float]) -> list[str]:
    return [f"runs/x/twitter2017/bert-crf/{seed}/record.json" for seed in range(len(values))]


def _judge(values: list[float], row=BERT_CRF, **changes: Any):
    return judge(_cell(values, **changes), row, PAPER, MARGIN, ALPHA)


@pytest.mark.parametrize(
    ("offsets", "name"),
    [
        ([-0.05, 0.0, 0.05, 0.02], REPRODUCED),
        ([-2.0, -2.1, -1.9], BELOW),
        ([2.0, 2.1, 1.9], ABOVE),
        ([-1.0, 1.0, 0.1], CONSISTENT),
        ([-3.0, 1.5, -1.0], CONSISTENT),
        ([0.4, 0.6, 0.5, 0.55, 0.45], UNDECIDED),
        ([0.0], UNDECIDED),
        ([0.1, 0.1, 0.1], REPRODUCED),
        ([0.9, 0.9, 0.9], ABOVE),
    ],
)
def test_names(offsets: list[float], name: str) -> None:
    verdict = _judge([TARGET + offset for offset in offsets])
    assert verdict.name == name
    assert verdict.difference == pytest.approx(np.mean(offsets))


@pytest.mark.parametrize("true_gap", [-0.49, 0.49])
def test_beyond_the_margin_is_claimed_at_its_level_only(true_gap: float) -> None:
    rng = np.random.default_rng(1)
    trials = rng.normal(TARGET + true_gap, 0.3, (600, 5))
    names = [_judge(list(trial)).name for trial in trials]
    assert sum(name in (BELOW, ABOVE) for name in names) / len(names) < ALPHA + 3 * (ALPHA / len(names)) ** 0.5


def test_one_seed_is_never_agreement() -> None:
    verdict = _judge([TARGET])
    assert (verdict.name, verdict.seeds_needed) == (UNDECIDED, None)
    assert not verdict.reasons


def test_what_is_only_inferred_is_a_caveat_not_a_reason() -> None:
    verdict = _judge([TARGET - 0.01, TARGET, TARGET + 0.01])
    assert verdict.name == REPRODUCED
    assert Reason(ReasonKind.ENCODER, theirs=INFERRED) in verdict.caveats


@pytest.mark.parametrize(
    ("changes", "kind", "ours", "theirs"),
    [
        ({"encoder": {"name": "minilm"}}, ReasonKind.ENCODER, "minilm", "bert-base-cased"),
        ({"visual_input": "captions:blip2"}, ReasonKind.VISUAL, "captions:blip2", "none"),
        ({"data_copy": "rgcn"}, ReasonKind.DATASET_VERSION, "rgcn", "umt"),
        (
            {"recipe": {"epochs": 3, "train_sentences": 500}},
            ReasonKind.TRAINING_DATA,
            "a subset of 500 sentences",
            "all",
        ),
        ({"recipe": {"epochs": 3, "frozen_layers": 4}}, ReasonKind.TRAINED, "with 4 encoder layers frozen", ""),
        ({"recipe": {"epochs": 1}}, ReasonKind.RECIPE, "1", "3"),
        ({"precision": "bfloat16"}, ReasonKind.RECIPE, "bfloat16", "float32"),
        ({"precision": None}, ReasonKind.RECIPE, "not recorded", "float32"),
    ],
)
def test_not_comparable_says_why(changes: dict[str, Any], kind: ReasonKind, ours: str, theirs: str) -> None:
    verdict = _judge([TARGET, TARGET], **changes)
    assert verdict.name == NOT_COMPARABLE
    (reason,) = verdict.reasons
    assert (reason.kind, reason.ours, reason.theirs) == (kind, ours, theirs)
    assert ours in str(reason)


def test_a_scorer_may_agree_on_one_data_set_only() -> None:
    ocsga = TABLE1["ocsga"]
    verdict = _judge([72.9, 72.9], row=ocsga, dataset="twitter2015")
    scorer = next(reason for reason in verdict.reasons if reason.kind is ReasonKind.SCORER)
    assert (scorer.ours, scorer.theirs) == ("conlleval", "ncrfpp")
    assert _judge([72.9], row=ocsga, dataset="twitter2017") is None


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("grid:resnet152+relations:released", "grid:resnet+relations:released", True),
        ("relations:released+grid:resnet", "grid:resnet+relations:released", True),
        ("ocr:tesseract+captions:vinvl", "captions:vinvl+ocr:tesseract", True),
        ("captions:vinvl+ocr:tesseract", "ocr:tesseract+captions:vinvl", True),
        ("grid:resnet", "grid:resnet152", False),
        ("grid:resnet101", "grid:resnet152", False),
        ("grid:resnet152+relations:released+other_tweet", "grid:resnet+relations:released", False),
        ("grid:resnet152+relations:rebuilt", "grid:resnet+relations:released", False),
        ("grid:resnetx", "grid:resnet", False),
        ("none", "grid:resnet", False),
    ],
)
def test_a_picture_is_the_same_if_ours_is_at_least_as_exact(ours: str, theirs: str, same: bool) -> None:
    assert visual_input(ours).fits(visual_input(theirs)) == same


def test_states_without_numbers() -> None:
    assert _judge([], state="not-run").name == NOT_RUN
    skipped = _judge([], state="skipped", reason="no object labels")
    assert (skipped.name, skipped.findings) == (SKIPPED, ("no object labels",))


@settings(max_examples=40, deadline=None)
@given(F1, st.floats(0.1, 5), st.floats(-5, 5))
def test_names_exclude_each_other(values: list[float], margin: float, offset: float) -> None:
    gap = gap_to_fixed(values, float(np.mean(values)) + offset)
    assert sum((gap.equivalent(margin, ALPHA), gap.below(margin, ALPHA), gap.above(margin, ALPHA))) <= 1
    mirrored = gap_to_fixed([-value for value in values], -(float(np.mean(values)) + offset))
    assert gap.below(margin, ALPHA) == mirrored.above(margin, ALPHA)


@settings(max_examples=40, deadline=None)
@given(F1, st.floats(60, 90))
def test_equivalence_is_two_one_sided_t_tests(values: list[float], target: float) -> None:
    if np.std(values) < 1e-6:
        return
    lower = stats.ttest_1samp(values, target - 2.0, alternative="greater").pvalue
    upper = stats.ttest_1samp(values, target + 2.0, alternative="less").pvalue
    if abs(max(lower, upper) - ALPHA) > 1e-9:
        assert gap_to_fixed(values, target).equivalent(2.0, ALPHA) == (max(lower, upper) < ALPHA)


@settings(max_examples=40, deadline=None)
@given(F1, F1)
def test_welch_agrees_with_scipy(ours: list[float], theirs: list[float]) -> None:
    if np.std(ours) < 1e-6 or np.std(theirs) < 1e-6:
        return
    gap = gap_between(ours, theirs)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.9)
    assert gap is not None
    assert gap.interval(0.1) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


def test_seeds_needed_keeps_its_promise() -> None:
    rng = np.random.default_rng(0)
    values = [83.1, 83.9, 83.4, 83.5]
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    count = seeds_needed(values, mean, MARGIN, ALPHA)
    assert count is not None
    trials = rng.normal(mean, spread, (2000, count))
    settled = np.mean([gap_to_fixed(list(trial), mean).equivalent(MARGIN, ALPHA) for trial in trials])
    assert 0.72 < settled < 0.92
    assert seeds_needed([83.0, 84.0], 83.5 - MARGIN, MARGIN, ALPHA) is None
    assert seeds_needed([83.5], 83.5, MARGIN, ALPHA) is None
    settled_long_ago = [83.44, 83.45, 83.43, 83.44, 83.44]
    assert seeds_needed(settled_long_ago, TARGET, MARGIN, ALPHA) == 6, "more than there are"
    open_case = [83.0, 84.1, 83.4]
    verdict = _judge(open_case)
    assert verdict.name == CONSISTENT
    assert verdict.seeds_needed == seeds_needed(open_case, TARGET, MARGIN, ALPHA)


@pytest.mark.parametrize(
    ("ours", "reference", "name"),
    [
        ([80.0, 80.1, 79.9], [80.0, 80.1, 79.9], SAME),
        ([77.0, 77.1, 76.9], [80.0, 80.1, 79.9], REGRESSED),
        ([83.0, 83.1, 82.9], [80.0, 80.1, 79.9], IMPROVED),
        ([78.5, 80.5, 76.0], [80.0, 82.0, 77.5], UNDECIDED),
        ([79.5, 79.6, 79.4], [80.0, 80.1, 79.9], SAME),
        ([78.0], [80.0], REGRESSED),
        ([79.5], [80.0], SAME),
        ([79.0], [80.0], SAME),
        ([81.0], [80.0], SAME),
        ([81.5], [80.0], IMPROVED),
        ([79.0], [80.0, 82.0, 78.0], UNDECIDED),
        ([60.0], [80.0, 82.0, 78.0], REGRESSED),
        ([78.0, 78.0], [80.0, 80.0], REGRESSED),
    ],
)
def test_reference(ours: list[float], reference: list[float], name: str) -> None:
    assert compare_with_reference(Sample(tuple(ours)), Sample(tuple(reference)), 1.0, ALPHA).name == name


def test_same_keys_must_give_the_same_result() -> None:
    keys = ("a", "b", "c")
    before = Sample((80.0, 84.0, 76.0), keys)
    assert compare_with_reference(before, before, 1.0, ALPHA).name == SAME
    after = Sample((78.5, 82.5, 74.5), keys)
    verdict = compare_with_reference(after, before, 1.0, ALPHA)
    assert verdict.name == REGRESSED
    assert "the same run keys" in verdict.findings[0]
    fresh = Sample(after.values, ("d", "e", "f"))
    assert compare_with_reference(fresh, before, 1.0, ALPHA).name == UNDECIDED


@pytest.mark.parametrize("points", [0.01, 0.9, 5.0])
def test_any_other_number_at_equal_keys_on_one_machine_fails(points: float) -> None:
    keys = ("a", "b", "c")
    before = Sample((80.0, 84.0, 76.0), keys)
    verdict = compare_with_reference(Sample((80.0, 84.0 + points, 76.0), keys), before, 1.0, ALPHA)
    assert verdict.name == CHANGED
    assert verdict.difference == pytest.approx(points)


def test_a_run_that_rose_does_not_hide_one_that_fell() -> None:
    before = Sample((80.0, 86.0), ("a", "b"))
    verdict = compare_with_reference(Sample((86.0, 80.0), ("b", "a")), before, 1.0, ALPHA)
    assert (verdict.name, verdict.difference) == (SAME, 0.0)
    crossed = compare_with_reference(Sample((86.0, 80.0), ("a", "b")), before, 1.0, ALPHA)
    assert (crossed.name, crossed.difference) == (REGRESSED, -6.0)


@pytest.mark.parametrize(
    ("after", "name"),
    [
        ((80.1, 84.1, 76.0), SAME),
        ((78.5, 82.4, 74.5), REGRESSED),
        ((81.5, 85.6, 77.5), IMPROVED),
        ((85.5, 89.6, 81.5), CHANGED),
        ((80.1, 80.0, 76.0), UNDECIDED),
    ],
)
def test_the_same_runs_on_another_machine_are_paired(after: tuple[float, ...], name: str) -> None:
    """Seeds 4 points apart would hide any of this from Welch's test."""
    keys = ("a", "b", "c")
    before = Sample((76.0, 80.0, 84.0), ("c", "a", "b"))
    verdict = compare_with_reference(Sample(after, keys), before, 1.0, ALPHA, same_machine=False)
    assert verdict.name == name
    assert "paired" in verdict.findings[0]
    assert verdict.difference == pytest.approx(statistics.fmean(after) - 80.0)
    assert compare_with_reference(Sample(after), before, 1.0, ALPHA, same_machine=False).name == UNDECIDED


def test_one_run_on_another_machine_has_no_spread_and_the_margin_decides() -> None:
    before = Sample((80.0,), ("a",))
    for value, name in ((79.5, SAME), (78.5, REGRESSED)):
        verdict = compare_with_reference(Sample((value,), ("a",)), before, 1.0, ALPHA, same_machine=False)
        assert (verdict.name, "the margin decides" in verdict.findings[0]) == (name, True)


def test_the_very_same_numbers_are_the_same_however_they_spread() -> None:
    wide = (70.0, 80.0)
    assert compare_with_reference(Sample(wide, ("a", "b")), Sample(wide, ("c", "d")), 1.0, ALPHA).name == SAME
    near = (70.0, 80.1)
    assert compare_with_reference(Sample(near), Sample(wide), 1.0, ALPHA).name == UNDECIDED
