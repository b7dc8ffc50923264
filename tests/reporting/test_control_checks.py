"""The checks on planted truth at their limits, on cells worked by hand: what passes, what fails, what is told."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest
from support.filled_results import filled

from mner.config.controls_settings import NEGATIVE, NEIGHBOURS, POSITIVE
from mner.evaluation.score_results import ScoredCell, ScoreResults
from mner.reporting.control_checks import TEXT_ONLY, ControlCheck, are_controls, control_checks

MARGIN, ALPHA, NEAR_ZERO = 5.0, 0.05, 1.0
TEXT = [69.8, 70.0, 70.2]


def _cell(
    dataset: str, system: str, f1: list[float], reliance: dict[str, list[float] | None], visual: str = "captions"
) -> ScoredCell:
    fields = {
        "dataset": dataset,
        "system": system,
        "state": "finished",
        "visual_input": visual,
        "views": {"test.own": {"f1": {"values": f1}}},
        "reliance": {
            view: None if values is None else {"mean": statistics.fmean(values), "values": values}
            for view, values in reliance.items()
        },
    }
    return filled(ScoredCell, fields)


def _text(dataset: str, f1: list[float], **reliance: list[float] | None) -> ScoredCell:
    return _cell(dataset, TEXT_ONLY, f1, reliance, "none")


def _checks(*cells: ScoredCell, **absence: str) -> list[ControlCheck]:
    return list(control_checks(replace(filled(ScoreResults, {}), cells=cells), MARGIN, ALPHA, NEAR_ZERO, absence))


def _of_umt(dataset: str, f1: list[float], text: list[float], **reliance: list[float] | None) -> list[bool]:
    """Whether the gain and each probe pass."""
    checks = _checks(_text(dataset, text), _cell(dataset, "umt", f1, reliance))
    return [check.passed for check in checks if check.system == "umt"]


@pytest.mark.parametrize(
    ("f1", "text", "passes"),
    [
        ([71.8, 72.0, 72.2], TEXT, False),  # surely a gain, of more than about zero
        ([70.45, 70.5, 70.55], [70.0, 70.01, 69.99], True),  # surely a gain, and one of about zero
        ([71.4, 72.0, 72.6], TEXT, False),  # surely a gain, if perhaps of less than a point
        ([70.3, 72.0, 73.7], TEXT, True),  # perhaps by chance, and surely less than the margin
        ([69.0, 72.0, 75.0], TEXT, False),  # perhaps by chance, perhaps more than the margin
        ([60.0, 60.1, 59.9], TEXT, True),  # a loss is no gain
        ([71.0, 72.0, 73.0], [69.75, 70.0, 70.25], False),  # by chance at 2.5 %, if not at 5 %
        ([70.75, 71.0, 71.25], [69.75, 70.0, 70.25], False),  # surely a gain, of just about zero's limit
        ([65.0, 75.0, 85.0], [69.75, 70.0, 70.25], False),  # perhaps by chance, of just the margin
        ([74.9], [70.0], True),
        ([75.0], [70.0], False),
    ],
)
def test_a_gain_where_pictures_are_random_fails_unless_small_or_by_chance(
    f1: list[float], text: list[float], passes: bool
) -> None:
    assert _of_umt(NEGATIVE, f1, text, none=[0.0], shuffled=[0.0]) == [passes, True, True]


@pytest.mark.parametrize(
    ("values", "passes"),
    [
        ([1.9, 2.0, 2.1], False),
        ([-2.1, -2.0, -1.9], False),
        ([1.4, 2.0, 2.6], False),  # its interval holds 1, and not 0
        ([0.45, 0.5, 0.55], True),
        ([-0.55, -0.5, -0.45], True),
        ([0.5, 2.0, 3.5], True),  # its interval holds 0 and ends below the margin
        ([-0.5, -2.0, -3.5], True),
        ([-1.0, 2.0, 5.0], False),  # its interval reaches the margin
        ([1.0, -2.0, -5.0], False),
        ([0.6, -0.6, 6.0, -6.0], False),  # a mean of nothing that may be anything
        ([4.9], True),
        ([5.0], False),
        ([-5.0], False),
        (None, False),
    ],
)
def test_reliance_where_pictures_are_random_is_about_zero_either_way(
    values: list[float] | None, passes: bool
) -> None:
    assert _of_umt(NEGATIVE, TEXT, TEXT, none=values, shuffled=[0.0]) == [True, passes, True]
    assert _of_umt(NEGATIVE, TEXT, TEXT, none=[0.0], shuffled=values) == [True, True, passes]


def test_the_interval_of_a_gain_is_named_by_its_level() -> None:
    cells = [_text(NEGATIVE, TEXT), _cell(NEGATIVE, "umt", [70.0, 70.4, 70.8], {"none": [0.0], "shuffled": [0.0]})]
    details = [
        control_checks(replace(filled(ScoreResults, {}), cells=cells), MARGIN, alpha, NEAR_ZERO)[1].detail
        for alpha in (0.05, 0.1)
    ]
    assert [detail.split(" interval")[0] for detail in details] == ["gain +0.40, 90 %", "gain +0.40, 80 %"]


def test_where_the_picture_decides_gain_and_reliance_reach_the_margin() -> None:
    assert _of_umt(POSITIVE, [75.0], [70.0], none=[5.0], shuffled=[9.0]) == [True, True, True]
    assert _of_umt(POSITIVE, [74.9], [70.0], none=[4.9], shuffled=None) == [False, False, False]
    assert _of_umt(POSITIVE, [80.0], [70.0], none=[-9.0], shuffled=[9.0]) == [True, False, True]


@pytest.mark.parametrize(("points", "passes"), [(0.9, True), (-0.9, True), (1.0, False), (-1.0, False)])
def test_a_text_only_system_may_not_move(points: float, passes: bool) -> None:
    for dataset in (POSITIVE, NEGATIVE):
        (check,) = _checks(_text(dataset, TEXT, none=[0.0], shuffled=[points]))
        assert (check.passed, check.judged) == (passes, True)
        for absent in ({}, {"none": None}):
            (content,) = _checks(_text(dataset, TEXT, **absent))
            assert (content.passed, content.judged) == (True, False)


def test_where_neighbours_decide_their_readers_gain_by_them_and_others_do_not_gain() -> None:
    text, reads = _text(NEIGHBOURS, [70.0]), "caption-tokens:planted+relations:released"

    def of_rgcn(f1: float, **reliance: list[float] | None) -> list[bool]:
        checks = _checks(text, _cell(NEIGHBOURS, "rgcn", [f1], reliance, reads))
        return [check.passed for check in checks if check.system == "rgcn"]

    assert of_rgcn(75.0, neighbours=[5.0], none=[0.0], shuffled=[-9.0]) == [True, True]
    assert of_rgcn(74.9, neighbours=[4.9], none=[9.0], shuffled=[9.0]) == [False, False]
    assert of_rgcn(75.0, none=[9.0], shuffled=[9.0]) == [True, False]
    umt = _checks(text, _cell(NEIGHBOURS, "umt", [75.0], {"none": [0.0], "shuffled": [5.0]}))
    assert [check.passed for check in umt if check.system == "umt"] == [False, True, False]


def test_without_the_text_only_system_there_is_nothing_to_gain_over() -> None:
    (check,) = _checks(_cell(POSITIVE, "umt", [90.0], {"none": [20.0], "shuffled": [20.0]}))
    assert (check.passed, check.detail) == (False, "bert-crf was not run")
    elsewhere = _text(NEGATIVE, TEXT)
    assert not _checks(_cell(POSITIVE, "umt", [90.0], {}), elsewhere)[0].passed


def test_only_finished_cells_of_controls_are_checked() -> None:
    assert are_controls((POSITIVE, NEGATIVE))
    assert are_controls((NEGATIVE, NEIGHBOURS))
    assert not are_controls((NEGATIVE, "twitter2017"))
    assert _checks(_text("twitter2017", TEXT)) == []
    assert _checks(replace(_text(POSITIVE, TEXT), state="skipped")) == []


def test_a_card_excuses_absence_on_the_negative_control_alone() -> None:
    cells = [_text(name, TEXT) for name in (POSITIVE, NEGATIVE)]
    cells += [_cell(name, "umt", TEXT, {"none": [-9.0], "shuffled": [-9.0]}) for name in (POSITIVE, NEGATIVE)]
    found = [check for check in _checks(*cells, umt="it takes a picture for granted") if check.system == "umt"]
    content = [(check.dataset, check.detail) for check in found if not check.judged]
    assert content == [(NEGATIVE, "own − none -9.00")]
    assert [check.passed for check in found if check.judged] == [False, False, False, True, False]
