"""Where the chart of costs puts things: dots, spreads, the line of what nothing beats, its axes."""

from __future__ import annotations

from typing import Any

import pytest
from support.drawing import Drawing

from mner.reporting.cells import Cited
from mner.reporting.cost_tables import LEFT, PLOT, TOP, CostPoint, cost_chart, frontier


def point(label: str, minutes: float, f1: float, sd: float | None = None) -> CostPoint:
    record = (f"runs/{label}/record.json",)
    return CostPoint(label, Cited(minutes, record, (minutes,)), Cited(f1, record, (f1,), sd))


def dots(drawn: Any, style: str = "") -> dict[str, tuple[float, float]]:
    """Places of the dots by label, in the order they are drawn in."""
    circles = [
        one for name in ("series0", "beaten") for one in drawn.shapes("circle", name) if style in ("", name)
    ]
    return {one["title"].partition(":")[0]: (float(one["cx"]), float(one["cy"])) for one in circles}


def minute_ticks(drawn: Any) -> dict[str, float]:
    bottom = max(y for _, _, y in drawn.texts("under"))
    return {text: x for text, x, y in drawn.texts("under") if x > LEFT - 7 and y < bottom}


def f1_ticks(drawn: Any) -> dict[str, float]:
    """Heights of the lines that the labels stand at."""
    return {text: y - 4 for text, x, y in drawn.texts("under") if x == LEFT - 7}


def test_of_equal_f1_the_cheaper_counts_and_of_equal_cost_the_better() -> None:
    points = [
        point("dear", 5.0, 70.0),
        point("worse", 1.0, 69.0),
        point("better", 1.0, 70.0),
        point("top", 6.0, 71.0),
    ]
    assert [one.label for one in frontier(points)] == ["better", "top"]


def test_the_line_goes_level_to_the_next_cost_and_there_up_to_its_f1() -> None:
    drawn = Drawing(cost_chart("t", [point("a", 1.0, 60.0), point("waste", 3.0, 55.0), point("b", 10.0, 80.0)]))
    (ax, ay), (bx, by) = dots(drawn)["a"], dots(drawn)["b"]
    lines = [tuple(float(one[key]) for key in ("x1", "y1", "x2", "y2")) for one in drawn.shapes("line", "level")]
    assert lines == [(ax, ay, bx, ay), (bx, ay, bx, by)]
    assert set(dots(drawn, "beaten")) == {"waste"}


def test_equal_factors_of_cost_are_equal_ways_to_the_right() -> None:
    drawn = Drawing(cost_chart("t", [point("a", 1.0, 60.0), point("b", 10.0, 70.0), point("c", 100.0, 80.0)]))
    a, b, c = (dots(drawn)[name][0] for name in "abc")
    assert b - a == pytest.approx(c - b, abs=0.2)
    ticks = minute_ticks(drawn)
    assert list(ticks) == ["1", "2", "5", "10", "20", "50", "100"], "none outside of the axis"
    assert [ticks["1"], ticks["10"], ticks["100"]] == pytest.approx([a, b, c], abs=0.1)
    upright = [float(one["x1"]) for one in drawn.shapes("line", "tick") if one["x1"] == one["x2"]]
    assert set(ticks.values()) <= set(upright), "each label under its line"
    assert LEFT < a < c < LEFT + PLOT


def test_an_axis_without_a_round_number_names_the_cost_itself() -> None:
    assert list(minute_ticks(Drawing(cost_chart("t", [point("a", 3.5, 60.0)])))) == ["3.5"]


def test_a_spread_is_drawn_to_both_sides_and_has_room() -> None:
    drawn = Drawing(cost_chart("t", [point("a", 1.0, 60.0, 4.0), point("b", 2.0, 70.0)]))
    (interval,) = drawn.shapes("line", "interval")
    ticks = {float(text): y for text, y in f1_ticks(drawn).items()}
    (low, bottom), (high, top) = min(ticks.items()), max(ticks.items())

    def f1_at(y: float) -> float:
        return low + (y - bottom) / (top - bottom) * (high - low)

    assert [f1_at(float(interval[key])) for key in ("y1", "y2")] == pytest.approx([56.0, 64.0], abs=0.1)
    assert float(interval["x1"]) == dots(drawn)["a"][0]
    assert low < 56.0 < 70.0 < high
    assert (top, bottom) == (TOP, TOP + 300)


@pytest.mark.parametrize(("f1", "ends"), [(99.9, ("99.4", "100.0")), (0.2, ("0.0", "1.2"))])
def test_no_axis_passes_what_f1_can_be(f1: float, ends: tuple[str, str]) -> None:
    ticks = list(f1_ticks(Drawing(cost_chart("t", [point("a", 1.0, f1)]))))
    assert (ticks[0], ticks[-1]) == ends


def test_what_nothing_beats_is_drawn_over_the_others() -> None:
    drawn = Drawing(cost_chart("t", [point("best", 1.0, 80.0), point("beaten", 2.0, 70.0)]))
    assert [one.get("class") for one in drawn.root.iter("circle")] == ["beaten", "series0"]
