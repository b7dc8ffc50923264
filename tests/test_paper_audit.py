"""Arithmetic of printed tables: rounding is allowed for, averaging leaves a gap below, never above."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mner.evaluation.paper_audit import audit_rows, averaging_gap, expected_averaging_gap, trend

percent = st.floats(0, 100)


@settings(max_examples=80, deadline=None)
@given(percent, percent)
def test_a_rounded_micro_row_is_always_consistent(precision: float, recall: float) -> None:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    row = ("row", "t15", round(precision, 2), round(recall, 2), round(f1, 2))
    assert audit_rows([row])[0].finding == "consistent"


def test_rows_off_by_more_than_rounding_are_named_with_their_side() -> None:
    rows = [("a", "t15", 70.0, 80.0, 74.67), ("b", "t15", 70.0, 80.0, 74.63), ("c", "t17", 70.0, 80.0, 74.70)]
    audits = audit_rows(rows, {"t15": -0.04})
    assert [audit.finding for audit in audits] == ["consistent", "below", "above"]
    assert audits[1].gap == pytest.approx(74.63 - 11200 / 150)
    assert audits[0].lowest < 0 < audits[0].highest
    assert [audit.predicted for audit in audits] == [-0.04, -0.04, None]


def test_digits_set_how_much_rounding_explains() -> None:
    row = ("a", "t15", 70.0, 80.0, 74.7)
    assert audit_rows([row], digits=1)[0].finding == "consistent"
    assert audit_rows([row], digits=2)[0].finding == "above"


def test_fractions_mistaken_for_percentages_do_not_slip_through_as_large_numbers() -> None:
    with pytest.raises(ValueError, match=r"a, t15: R = 7618\.0, expected a percentage"):
        audit_rows([("a", "t15", 73.95, 7618.0, 75.0)])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(percent, percent), min_size=1, max_size=20))
def test_averaging_never_raises_f1_above_the_means(batches: list[tuple[float, float]]) -> None:
    rows = np.array([(p, r, 2 * p * r / (p + r) if p + r else 0.0) for p, r in batches])
    assert averaging_gap(rows) <= 1e-9


def test_second_order_gap_agrees_with_simulated_batches() -> None:
    generator = np.random.default_rng(0)
    common = generator.normal(0, 3, 20000)
    precision = 74 + common + generator.normal(0, 3, 20000)
    recall = 76 + common + generator.normal(0, 3, 20000)
    rows = np.stack([precision, recall, 2 * precision * recall / (precision + recall)], axis=1)
    expected = expected_averaging_gap(74, 76, np.sqrt(18), np.sqrt(18), 0.5)
    assert averaging_gap(rows) == pytest.approx(expected, rel=0.05)
    assert expected < -0.05


def test_precision_and_recall_that_move_together_leave_no_gap() -> None:
    assert expected_averaging_gap(75, 75, 4, 4, 1.0) == pytest.approx(0.0)


def test_ten_rows_on_one_side_are_a_trend_and_one_is_not() -> None:
    rows = [("w/o gate", "t15", 72.5, 76.89, 74.6 - 0.001 * step) for step in range(10)]
    found = trend(audit_rows(rows))
    assert (found.rows, found.negative, found.positive) == (10, 10, 0)
    assert found.p_value == pytest.approx(2 / 2**10)
    assert found.mean_gap < -0.02
    assert trend(audit_rows(rows[:1])).p_value == 1.0
    assert trend([]).rows == 0
