"""What may stand in a table, at the edges: signs of nothing, ends of intervals, numbers rounded to add up."""

from __future__ import annotations

import math

import pytest

from mner.evaluation.score_results import ScoredCell
from mner.reporting.cells import NOT_RUN, UNDEFINED, CitationError, Cited, Measured, State, cited, missing
from mner.reporting.results import mean_of

RECORDS = ("a/record.json", "b/record.json", "c/record.json")


def _measured(value: float, low: float | None = None, high: float | None = None, **style: object) -> Measured:
    return Measured(value, RECORDS[:1], "by hand", low, high, **style)


def test_a_mean_over_runs_has_the_deviation_of_one_run() -> None:
    found = mean_of((70.0, 71.0, 73.5), RECORDS)
    assert (found.value, found.runs) == (71.5, 3)
    assert found.sd == pytest.approx(math.sqrt((1.5**2 + 0.5**2 + 2.0**2) / 2))
    assert found.plain() == "71.50 ± 1.80"
    assert mean_of((70.0,), RECORDS[:1]).plain() == "70.00"


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (-0.004, False, "0.00"),
        (-0.004, True, "+0.00"),
        (0.004, True, "+0.00"),
        (-0.006, True, "−0.01"),
        (-0.006, False, "−0.01"),
        (1.25, True, "+1.25"),
    ],
)
def test_nothing_has_no_minus(value: float, signed: bool, text: str) -> None:
    assert _measured(value, signed=signed).number == text
    assert Cited(value, RECORDS[:1], (value,), signed=signed).number == text


def test_an_interval_has_two_finite_ends_as_precise_as_its_number() -> None:
    assert _measured(0.25, -1.0, 1.5, signed=True, digits=1, unit="points").plain() == "+0.2 [−1.0, +1.5] points"
    assert _measured(0.25).plain() == "0.25"
    assert _measured(0.25, 0.0, 0.0).spread == "[0.00, 0.00]"
    for low, high in ((0.0, None), (None, 0.0), (-math.inf, 1.0), (0.0, math.nan)):
        with pytest.raises(CitationError):
            _measured(0.25, low, high)


def test_a_p_value_is_below_its_least_only_where_it_is() -> None:
    assert _measured(0.0009, digits=3, least=0.001).number == "<0.001"
    assert _measured(0.001, digits=3, least=0.001).number == "0.001"


@pytest.mark.parametrize(
    "made", [lambda s: Cited(70.0, RECORDS[:1], (70.0,), shown=s), lambda s: _measured(70.0, shown=s)]
)
def test_what_is_shown_is_off_by_one_of_the_last_digit_at_most(made) -> None:
    assert (made(70.01).number, made(69.99).number) == ("70.01", "69.99")
    for shown in (70.02, 69.98, math.nan):
        with pytest.raises(CitationError, match="more than rounding away"):
            made(shown)


def test_what_is_missing_is_a_state_that_says_why() -> None:
    assert cited(None) == UNDEFINED
    assert missing(None) == missing(ScoredCell("d", "s", "not-run")) == NOT_RUN
    assert missing(ScoredCell("d", "s", "skipped", "no labels")) == State("skipped", "no labels")


def test_a_citation_is_the_mean_of_its_values_and_no_state_holds_a_digit() -> None:
    with pytest.raises(CitationError, match="not the mean"):
        Cited(70.001, RECORDS[:2], (69.0, 71.0))
    with pytest.raises(CitationError, match="in the guise of a state"):
        State("2 seeds")
    with pytest.raises(CitationError, match="does not say how"):
        Measured(70.0, RECORDS, "")
