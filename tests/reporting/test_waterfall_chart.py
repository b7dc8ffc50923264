"""A drawn waterfall: bars stand where their numbers say, on an axis that the figures of a data set share."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from support.drawing import Drawing

from mner.evaluation.paper import Figure
from mner.evaluation.waterfall import MEASURED, REST, SUPPOSED, Step
from mner.reporting.cells import Cited, Printed, State
from mner.reporting.waterfall_chart import MOST_TICKS, Axis, waterfall_chart
from mner.reporting.waterfall_tables import Bar

RECORD = "runs/a/1/record.json"


def _cited(value: float, **style: Any) -> Cited:
    return Cited(value, (RECORD,), (value,), **style)


def _step(kind: str, points: float) -> Step:
    return Step("lens", "Scorer", kind, (points,), "because <so>", records=(RECORD,))


def _bars() -> list[Bar]:
    unknown = Step("copy", "Copy", MEASURED, None, "not at <hand>", state="not measured")
    return [
        Bar(None, "Paper <p>", Printed(Figure(80.0), "Table 1"), 0.0, 80.0),
        Bar(_step(REST, -4.0), "Residual", _cited(-4.0, signed=True), 76.0, 80.0),
        Bar(_step(SUPPOSED, 1.0), "Best seed", _cited(1.0, signed=True), 76.0, 77.0),
        Bar(unknown, "Copy", State("not measured", "not at <hand>"), 77.0, 77.0),
        Bar(_step(MEASURED, -2.0), "Scorer", _cited(-2.0, signed=True), 75.0, 77.0),
        Bar(_step(MEASURED, 0.0), "Training", _cited(0.0, signed=True), 75.0, 75.0),
        Bar(None, "Ours", _cited(75.0), 0.0, 75.0),
    ]


def _drawn(bars: list[Bar], axis: Axis | None = None) -> Drawing:
    return Drawing(waterfall_chart("<t>", bars, axis or Axis.over([bars])))


def _value(drawn: Drawing, x: float) -> float:
    """The F1 that stands at a place of the drawing, by its own marks."""
    ticks = sorted((at, float(text)) for text, at, _ in drawn.texts("under"))
    (first, low), (last, high) = ticks[0], ticks[-1]
    return low + (x - first) / (last - first) * (high - low)


def test_a_waterfalls_bars_hang_between_their_values_and_are_drawn_by_what_they_are() -> None:
    drawn = _drawn(_bars())
    names = [(text, y) for text, _, y in drawn.texts("label")]
    assert [text for text, _ in names] == [bar.title for bar in _bars()]
    for style, ends in (("loss rest", (76.0, 80.0)), ("gain supposed", (76.0, 77.0)), ("loss", (75.0, 77.0))):
        box = next(one for one in drawn.root.iter("rect") if one.attrib["class"] == style)
        left = float(box.attrib["x"])
        found = _value(drawn, left), _value(drawn, left + float(box.attrib["width"]))
        assert found == pytest.approx(ends, abs=0.02), style
    heights = [y for _, y in names]
    assert heights == sorted(heights)


def test_paper_and_ours_are_marks_and_no_bars_from_a_cut_axis() -> None:
    drawn = _drawn(_bars())
    (paper,), (ours,) = drawn.shapes("rect", "printed"), drawn.shapes("rect", "own")
    for mark, value in ((paper, 80.0), (ours, 75.0)):
        assert float(mark["width"]) < 6
        assert _value(drawn, float(mark["x"]) + float(mark["width"]) / 2) == pytest.approx(value, abs=0.02)


def test_a_waterfall_prints_every_number_at_its_bar_and_says_why_where_there_is_none() -> None:
    drawn = _drawn(_bars())
    rows = {text: y for text, _, y in drawn.texts("label")}
    printed = {text: y for text, _, y in drawn.texts("value")} | {text: y for text, _, y in drawn.texts("state")}
    wanted = {
        **{"80.00": "Paper <p>", "−4.00": "Residual", "+1.00": "Best seed", "not measured": "Copy"},
        **{"−2.00": "Scorer", "+0.00": "Training", "75.00": "Ours"},
    }
    assert {text: rows[name] for text, name in wanted.items()} == printed
    titles = [one.text for one in drawn.root.iter("title")]
    assert f"−2.00: because <so> · {RECORD}" in titles
    assert "not at <hand>" in titles


def test_levels_join_the_end_of_a_bar_to_the_next_one() -> None:
    drawn = _drawn(_bars())
    values = [_value(drawn, float(one["x1"])) for one in drawn.shapes("line", "level")]
    assert values == pytest.approx([80.0, 76.0, 77.0, 77.0, 77.0, 75.0, 75.0, 75.0], abs=0.02)


def _beyond() -> list[Bar]:
    """A step that goes beyond both ends."""
    ends = [Bar(None, name, _cited(value), 0.0, value) for name, value in (("Paper", 80.0), ("Ours", 79.0))]
    steps = [
        Bar(_step(REST, 9.0), "Residual", _cited(9.0, signed=True), 80.0, 89.0),
        Bar(_step(MEASURED, -10.0), "Scorer", _cited(-10.0, signed=True), 79.0, 89.0),
    ]
    return [ends[0], *steps, ends[1]]


def test_a_step_beyond_both_ends_stays_in_the_drawing() -> None:
    drawn = _drawn(_beyond())
    (up,) = drawn.shapes("rect", "rest")
    assert float(up["x"]) + float(up["width"]) < drawn.size()[0]
    assert [text for text, *_ in drawn.texts("strong")] == ["Paper", "Ours"]


def test_points_have_one_length_in_all_waterfalls_that_share_an_axis() -> None:
    axis = Axis.over([_bars(), _beyond()])
    assert axis.low <= 75 < 89 <= axis.high
    one, other = _drawn(_bars(), axis), _drawn(_beyond(), axis)
    lengths = [float(drawn.shapes("rect", "rest")[0]["width"]) for drawn in (one, other)]
    assert lengths[0] / 4 == pytest.approx(lengths[1] / 9, abs=0.05)
    assert one.texts("under")
    assert [text for text, *_ in one.texts("under")] == [text for text, *_ in other.texts("under")]


@pytest.mark.parametrize(("low", "high"), [(75.2, 80.0), (58.4, 78.1), (0.1, 2.0), (1.0, 97.0)])
def test_marks_of_the_axis_are_whole_numbers_and_few(low: float, high: float) -> None:
    bars = [Bar(None, "Paper", Printed(Figure(high), "t"), 0.0, high), Bar(None, "Ours", _cited(low), 0.0, low)]
    axis = Axis.over([bars])
    assert 0 <= axis.low <= low < high <= axis.high
    marks = axis.ticks()
    assert 2 <= len(marks) <= MOST_TICKS + 1
    assert {after - before for before, after in pairwise(marks)} == {marks[1] - marks[0]}


def test_without_any_waterfall_the_axis_is_that_of_percentages() -> None:
    assert Axis.over([]) == Axis(0, 100)
