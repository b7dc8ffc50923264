"""Arithmetic of printed tables: rounding is allowed for, averaging leaves a gap below, never above."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.messages import names

from mner.evaluation.paper_audit import audit_rows, gap_of, trend

percent = st.floats(0, 100)


@settings(max_examples=80, deadline=None)
@given(percent, percent)
def test_a_rounded_micro_row_is_always_consistent(precision: float, recall: float) -> None:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    row = ("row", "t15", round(precision, 2), round(recall, 2), round(f1, 2))
    assert audit_rows([row])[0].finding == "consistent"


def test_rows_off_by_more_than_rounding_are_named_with_their_side() -> None:
    rows = [("a", "t15", 70.0, 80.0, 74.67), ("b", "t15", 70.0, 80.0, 74.63), ("c", "t17", 70.0, 80.0, 74.70)]
    audits = audit_rows(rows)
    assert [audit.finding for audit in audits] == ["consistent", "below", "above"]
    assert audits[1].gap == pytest.approx(74.63 - 11200 / 150)
    assert audits[0].lowest < 0 < audits[0].highest


@pytest.mark.parametrize(
    ("f1", "finding"), [(74.65, "below"), (74.66, "consistent"), (74.67, "consistent"), (74.68, "above")]
)
def test_rounding_of_three_numbers_allows_about_a_hundredth_either_way(f1: float, finding: str) -> None:
    (audit,) = audit_rows([("row", "t15", 70.0, 80.0, f1)])
    assert audit.finding == finding
    # F1 grows by 2 R**2 / (P + R)**2 with P and by 2 P**2 / (P + R)**2 with R
    reach = 0.005 * (1 + 2 * (70**2 + 80**2) / 150**2)
    assert (audit.lowest, audit.highest) == (pytest.approx(-reach, abs=1e-5), pytest.approx(reach, abs=1e-5))


def test_all_and_nothing_are_percentages() -> None:
    assert [
        audit.finding for audit in audit_rows([("a", "t15", 100.0, 100.0, 100.0), ("b", "t15", 0.0, 0.0, 0.0)])
    ] == [
        "consistent",
        "consistent",
    ]
    with pytest.raises(ValueError, match=r"P = -0\.1"):
        audit_rows([("a", "t15", -0.1, 50.0, 50.0)])


def test_fractions_mistaken_for_percentages_do_not_slip_through_as_large_numbers() -> None:
    with pytest.raises(ValueError, match=names("t15", "7618.0")):
        audit_rows([("a", "t15", 73.95, 7618.0, 75.0)])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(percent, percent), min_size=1, max_size=20))
def test_averaging_never_raises_f1_above_the_means(batches: list[tuple[float, float]]) -> None:
    rows = np.array([(p, r, 2 * p * r / (p + r) if p + r else 0.0) for p, r in batches])
    assert gap_of(*rows.mean(axis=0)) <= 1e-9


def test_ten_rows_on_one_side_are_a_trend_and_one_is_not() -> None:
    rows = [("w/o gate", "t15", 72.5, 76.89, 74.6 - 0.001 * step) for step in range(10)]
    found = trend(audit_rows(rows))
    assert (found.rows, found.negative, found.positive) == (10, 10, 0)
    assert found.p_value == pytest.approx(2 / 2**10)
    assert found.mean_gap < -0.02
    assert trend(audit_rows(rows[:1])).p_value == 1.0
    even = trend(audit_rows([*rows[:3], ("full", "t15", 50.0, 50.0, 50.0), ("high", "t15", 50.0, 50.0, 51.0)]))
    assert (even.rows, even.negative, even.positive) == (5, 3, 1)
    assert even.p_value == pytest.approx(2 * 5 / 2**4), "the row without a gap has no side"
    assert trend([]).rows == 0
