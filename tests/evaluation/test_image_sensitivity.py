"""What probes and gains of a row that reads pictures say, and what is said where there is no number."""

from __future__ import annotations

from typing import Any

import pytest
from support.filled_results import filled

from mner.evaluation.score_results import ScoredCell
from mner.evaluation.statistics_results import StatisticsResults
from mner.reporting.cells import Cited, Measured, State, Words
from mner.reporting.text_only import PROBES, ablation_cells, gain_over_text, has_number


def cell(system: str, f1: float = 70.0, visual: str = "none", encoder: str = "minilm", **other: Any) -> ScoredCell:
    summary = {"mean": f1, "sd": None, "values": [f1], "records": [f"runs/{system}/record.json"]}
    fields = {
        "dataset": "toy",
        "system": system,
        "state": "finished",
        "visual_input": visual,
        "encoder": {"name": encoder},
        "views": {"test.own": {"f1": summary}},
        **other,
    }
    return filled(ScoredCell, fields)


def statistics(pairs: list[dict] | None = None, views: dict | None = None) -> StatisticsResults:
    reliance = [{"system": "other", "views": {}}, {"system": "umt", "views": views or {}}]
    held = {"comparisons": pairs or [], "reliance": reliance}
    return filled(StatisticsResults, {"datasets": {"toy": held}})


def interval(difference: float, **other: Any) -> dict:
    found = {"difference": difference, "low": difference - 1, "high": difference + 1, "source": "sample"}
    return {**found, "records": ["runs/umt/record.json"], **other}


class TestProbes:
    def test_each_has_its_own_difference_and_says_how_it_was_paired(self) -> None:
        views = {view: interval(float(place)) for place, view in enumerate(PROBES)}
        found = ablation_cells(cell("umt", visual="captions"), statistics(views=views))
        assert {view: one.value for view, one in found.items()} == {
            "none": 0.0,
            "shuffled": 1.0,
            "neighbours": 2.0,
        }
        assert found["shuffled"].method == "paired by run and sentence, sample"
        assert found["shuffled"].number == "+1.00"

    @pytest.mark.parametrize(
        ("one", "why"),
        [
            (cell("umt", visual="captions"), "this view was not predicted"),
            (cell("umt"), "reads no picture"),
            (cell("umt", state="skipped", reason="no pictures"), "no pictures"),
            (None, "no finished run in this profile"),
        ],
    )
    def test_one_that_is_lacking_says_why(self, one: ScoredCell | None, why: str) -> None:
        assert {found.why for found in ablation_cells(one, statistics()).values()} == {why}


class TestGain:
    def test_it_is_the_row_minus_the_text_only_one_whichever_stands_first(self) -> None:
        ahead = {"estimate": 0.1, "low": 0.0, "high": 0.3}
        pair = interval(-2.0, a="bert", b="umt", run_superiority=ahead)
        found = gain_over_text(cell("umt", visual="captions"), "bert", statistics([pair]))
        assert (found.value, found.low, found.high, found.number) == (2.0, 1.0, 3.0, "+2.00")
        assert found.method == "paired by sentence, sample"

    def test_none_and_one_that_could_not_be_tested_are_told_apart(self) -> None:
        umt, untested = cell("umt", visual="captions"), {"a": "umt", "b": "bert", "state": "no gold tags"}
        none = gain_over_text(umt, "bert", statistics())
        failed = gain_over_text(umt, "bert", statistics([untested]))
        assert isinstance(none, State)
        assert isinstance(failed, State)
        assert (none.text, failed.text) == ("–", "not known")
        assert failed.why == untested["state"]


def test_numbers_of_ours_are_means_and_measures_and_nothing_else() -> None:
    record = ("runs/a/record.json",)
    assert has_number([State("–"), Cited(1.0, record, (1.0,))])
    assert has_number([Measured(1.0, record, "m")])
    assert not has_number([State("–"), Words("one")])
