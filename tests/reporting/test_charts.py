"""Charts: what is drawn stands where its number says, names its records, and no name is taken for markup."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.drawing import Drawing

from mner.reporting.cells import Cited, Measured, State
from mner.reporting.charts import ForestRow, HeatRow, forest, heat_map, reach_of, stacked

RECORD = "runs/a/1/record.json"
OTHER = "runs/a/2/record.json"


def _cited(value: float, **style: Any) -> Cited:
    return Cited(value, (RECORD,), (value,), **style)


def _rank(place: int) -> Measured:
    return Measured(float(place), (RECORD,), "rank", digits=0)


def _heat() -> Drawing:
    nothing = State("does not apply", "no <pieces>")
    rows = [
        HeatRow("<a>", (_cited(70.0), _cited(74.0)), (_cited(0.0), _cited(4.0)), (_rank(2), _rank(1)), ("", "▲1")),
        HeatRow("b", (_cited(72.0), nothing), (_cited(-2.0), nothing), (_rank(1), nothing), ("", "")),
    ]
    return Drawing(heat_map("F1 by <lens>", ["one", "two & three"], rows))


def test_the_heat_map_sets_systems_beside_their_numbers_and_lenses_above_them() -> None:
    drawn = _heat()
    assert drawn.root.attrib["aria-label"] == "F1 by <lens>"
    columns = {name: x for name, x, _ in drawn.texts("head")}
    lines = {name: y for name, _, y in drawn.texts("label")}
    assert (list(columns), list(lines)) == (["one", "two & three"], ["<a>", "b"])
    values = {text: (x, y) for text, x, y in drawn.texts("value")}
    assert set(values) == {"70.00", "74.00", "72.00"}
    assert {text: x for text, (x, _) in values.items()} == pytest.approx(
        {"70.00": columns["one"], "74.00": columns["two & three"], "72.00": columns["one"]}, abs=2
    )
    assert abs(values["72.00"][1] - lines["b"]) < 15
    assert abs(values["70.00"][1] - lines["<a>"]) < 15
    width, height = drawn.size()
    assert all(x < width and y < height for x, y in values.values())


def test_a_drawing_shrinks_to_three_quarters_and_no_further() -> None:
    drawn = _heat()
    width, _ = drawn.size()
    assert drawn.root.attrib["style"] == f"width:{width:.0f}px;min-width:{round(0.75 * width)}px"


def test_a_cell_of_the_heat_map_tells_its_shift_rank_mark_and_records() -> None:
    drawn = _heat()
    assert [text for text, *_ in drawn.texts("under")] == ["±0 · #2", "−2.00 · #1"]
    assert [text for text, *_ in drawn.texts("moved")] == ["4.00 · #1 ▲1"]
    (up,) = drawn.shapes("rect", "up")
    assert up["title"] == f"74.00 (4.00 against the standard) · {RECORD}"
    shades = {one["title"][:5]: float(one["fill-opacity"]) for one in drawn.shapes("rect", "down")}
    assert shades == {"70.00": 0.0, "72.00": 0.21}, "nothing is not tinted; half the largest shift half as much"
    assert float(up["fill-opacity"]) == 0.36
    (void,) = drawn.shapes("rect", "void")
    assert (void["title"], [text for text, *_ in drawn.texts("state")]) == ("no <pieces>", ["does not apply"])


def test_a_cell_without_a_standard_to_hold_it_against_is_not_tinted() -> None:
    row = HeatRow("a", (_cited(70.0),), (State("does not apply"),), (_rank(1),), ("",))
    drawn = Drawing(heat_map("t", ["one"], [row]))
    assert [one["title"] for one in drawn.shapes("rect", "void")] == [""]
    assert [text for text, *_ in drawn.texts("state")] == ["70.00"]


def test_a_heat_map_of_many_lenses_keeps_within_the_page() -> None:
    row = HeatRow("a", (_cited(70.0),) * 20, (_cited(0.0),) * 20, (_rank(1),) * 20, ("",) * 20)
    width, _ = Drawing(heat_map("t", ["lens"] * 20, [row])).size()
    assert width <= 1360


def test_a_forests_dots_and_intervals_lie_where_its_axis_says() -> None:
    one = Measured(1.0, (RECORD,), "<m>", -1.0, 4.0, signed=True)
    two = Measured(-3.0, (OTHER,), "m", -4.0, -2.0, signed=True)
    rows = [ForestRow("a & b", (one, two)), ForestRow("c", (State("not predicted"), two))]
    drawn = Drawing(forest("t", ["first", "second"], rows, reach_of(rows)))
    places = {float(text.replace("−", "-")): x for text, x, _ in drawn.texts("under") if text != "F1 points"}
    scale = (places[4.0] - places[-4.0]) / 8 if 4.0 in places else (places[2.0] - places[-2.0]) / 4
    dots = {
        (float(dot["cx"]) - places[0.0]) / scale: dot["title"]
        for number in (0, 1)
        for dot in drawn.shapes("circle", f"series{number}")
        if dot["title"]
    }
    assert sorted(dots) == pytest.approx([-3.0, 1.0], abs=0.02)
    assert [title for _, title in sorted(dots.items())] == [
        f"−3.00 [−4.00, −2.00] · m · {OTHER}",
        f"+1.00 [−1.00, +4.00] · <m> · {RECORD}",
    ]
    ends = [
        ((float(line["x1"]) - places[0.0]) / scale, (float(line["x2"]) - places[0.0]) / scale, line["class"])
        for line in drawn.shapes("line", "interval")
    ]
    assert [style for *_, style in ends] == ["interval series0", "interval series1", "interval series1"]
    assert [end for *pair, _ in ends for end in pair] == pytest.approx([-1, 4, -4, -2, -4, -2], abs=0.02)
    (_, _, above), (_, _, below) = drawn.texts("label")
    assert above < float(drawn.shapes("line", "series1")[1]["y1"]) - 20 < below, "each row has room of its own"
    assert [text for text, *_ in drawn.texts("label")] == ["a & b", "c"]
    assert "F1 points" in [text for text, *_ in drawn.texts("under")]
    (first, at, _), (second, then, _) = drawn.texts("head")
    assert (first, second) == ("first", "second")
    swatches = [
        float(one["cx"]) for i in (0, 1) for one in drawn.shapes("circle", f"series{i}") if not one["title"]
    ]
    assert swatches[0] < at < at + 6 * len(first) < swatches[1] < then, "each colour before its own name"
    assert reach_of(rows) == pytest.approx(4.16)


def test_the_longest_name_of_a_forest_fits_before_its_plot() -> None:
    rows = [ForestRow("x", (State("–"),)), ForestRow("a-system-of-a-long-name − another", (State("–"),))]
    (_, _, _), (name, end, _) = Drawing(forest("t", ["one"], rows, 1.0)).texts("label")
    assert end >= 6.5 * len(name)


def test_the_longest_number_of_a_forest_fits_behind_its_plot() -> None:
    wide = Measured(31.45, (RECORD,), "m", 27.02, 35.88, signed=True)
    for cell in (wide, Measured(-131.45, (RECORD,), "m", -135.0, -127.0, signed=True)):
        rows = [ForestRow("rgcn", (cell,))]
        drawn = Drawing(forest("t", ["one"], rows, reach_of(rows)))
        (text, start, _) = next(one for one in drawn.texts("value"))
        assert text == cell.plain()
        assert start + 6.6 * len(text) <= drawn.size()[0]


@pytest.mark.parametrize("reach", [0.03, 0.7, 1.0, 1.9, 4.9, 5.0, 9.99, 47.0])
def test_an_axis_has_round_marks_on_both_sides_of_zero_and_inside(reach: float) -> None:
    drawn = Drawing(forest("t", ["one"], [], reach))
    marks = sorted(float(text.replace("−", "-")) for text, *_ in drawn.texts("under") if text != "F1 points")
    above = [mark for mark in marks if mark > 0]
    assert marks == pytest.approx([*(-mark for mark in reversed(above)), 0, *above])
    assert 2 <= len(above) <= 3
    assert max(above) <= reach
    assert re.fullmatch(r"[1255]0*|0\.0*[125]|[125]", f"{above[0]:g}")
    assert drawn.texts("head") == [], "one series needs no name"


def test_stacked_bars_share_one_length_and_each_part_names_its_kind_and_records() -> None:
    rows = [("<a>", [_cited(30.0), _cited(10.0)]), ("b", [_cited(5.0), _cited(0.0)])]
    drawn = Drawing(stacked("t", ["missed", "type & more"], rows))
    parts = [one for one in drawn.root.iter("rect") if "·" in (one.findtext("title") or "")]
    assert [one.findtext("title") for one in parts] == [
        f"missed: 30.00 · {RECORD}",
        f"type & more: 10.00 · {RECORD}",
        f"missed: 5.00 · {RECORD}",
        f"type & more: 0.00 · {RECORD}",
    ]
    assert [one.attrib["class"] for one in parts] == ["kind0", "kind1", "kind0", "kind1"]
    widths = [float(one.attrib["width"]) + 1.5 for one in parts]
    assert widths[0] == pytest.approx(3 * widths[1], abs=0.3)
    assert widths[0] == pytest.approx(6 * widths[2], abs=0.3)
    starts = [float(one.attrib["x"]) for one in parts]
    assert starts[1] == pytest.approx(starts[0] + widths[0], abs=0.2)
    assert starts[2] == starts[0]
    width, _ = drawn.size()
    assert width - 20 < starts[1] + widths[1] <= width, "the longest row fills the drawing"
    (_, upper, _), (_, lower, _) = ((one, y, x) for one, x, y in drawn.texts("label"))
    assert lower > upper + 25
    (first, at, _), (second, then, _) = drawn.texts("head")
    assert (first, second) == ("missed", "type & more")
    swatches = [
        float(one.attrib["x"]) for one in drawn.root.iter("rect") if one.findtext("title") in (first, second)
    ]
    assert swatches[0] < at < at + 6 * len(first) < swatches[1] < then, "each colour before its own name"
    assert [text for text, *_ in drawn.texts("inside")] == ["30.00", "10.00", "5.00"], "no number where none fits"
