"""Seeds as dots: each at its value, with its record, beside the printed one, on the scale of its block."""

from __future__ import annotations

import pytest
from support.drawing import Drawing

from mner.evaluation.paper import Figure
from mner.reporting.cells import Cited, Printed, State
from mner.reporting.seed_dots import PAD, WIDTH, Scale, axis, strip

RECORD = "runs/a/1/record.json"
OTHER = "runs/a/2/record.json"


def _cited(value: float) -> Cited:
    return Cited(value, (RECORD,), (value,))


def test_a_strip_sets_seeds_mean_and_printed_value_on_one_scale() -> None:
    ours, paper = Cited(72.0, (RECORD, OTHER), (71.0, 73.0), 1.5), Printed(Figure(75.0, 0.5), "Table <1>")
    scale = Scale.over([ours, paper, State("–")])
    assert (scale.low, scale.high) == pytest.approx((70.84, 75.16))

    def x(value: float) -> float:
        return PAD + (value - scale.low) / (scale.high - scale.low) * (WIDTH - 2 * PAD)

    drawn = Drawing(strip(ours, paper, scale))
    assert drawn.root.attrib["aria-label"] == "paper 75.00 ± 0.50, ours 72.00 ± 1.50"
    seeds = {one["title"]: float(one["cx"]) for one in drawn.shapes("circle", "seed")}
    assert seeds == pytest.approx({f"71.00 · {RECORD}": x(71), f"73.00 · {OTHER}": x(73)}, abs=0.06)
    (mean,), (sd,), (band,) = (drawn.shapes(*one) for one in (("line", "mean"), ("line", "sd"), ("rect", "band")))
    assert (float(mean["x1"]), float(mean["x2"])) == pytest.approx((x(72), x(72)), abs=0.06)
    assert mean["title"] == "mean 72.00 ± 1.50"
    assert (float(sd["x1"]), float(sd["x2"])) == pytest.approx((x(scale.low), x(73.5)), abs=0.06), "cut at the end"
    assert float(band["x"]) == pytest.approx(x(74.5), abs=0.06)
    assert float(band["x"]) + float(band["width"]) == pytest.approx(x(scale.high), abs=0.1)
    (tick,) = drawn.shapes("path", "printed")
    assert tick["d"].startswith(f"M{scale.x(75.0)} ")
    assert tick["title"] == "paper 75.00 ± 0.50"


def test_nothing_in_a_strip_is_taken_for_markup() -> None:
    record = "runs/<a>&b/1/record.json"
    ours = Cited(72.0, (record,), (72.0,), mark="<a>")
    drawn = Drawing(strip(ours, Printed(Figure(75.0, None, "<b>"), "t"), Scale.over([ours])))
    assert drawn.root.attrib["aria-label"] == "paper 75.00<b>, ours 72.00<a>"
    assert [one.text for one in drawn.root.iter("title")] == [
        "paper 75.00<b>",
        f"72.00 · {record}",
        "mean 72.00<a>",
    ]


def test_a_strip_without_numbers_is_a_bare_line_and_one_seed_has_no_spread() -> None:
    nothing = Drawing(strip(State("not run"), State("–"), Scale.over([])))
    assert [one.attrib["class"] for one in nothing.root] == ["base"]
    alone = Drawing(strip(_cited(70.0), Printed(Figure(70.0), "t"), Scale(69.0, 71.0)))
    assert [one.attrib["class"] for one in alone.root] == ["base", "printed", "seed", "mean"]


def test_a_scale_holds_every_value_is_two_points_wide_at_least_and_stays_in_percent() -> None:
    assert Scale.over([]) == Scale(0.0, 100.0)
    assert Scale.over([_cited(70.0)]) == Scale(69.0, 71.0)
    assert Scale.over([_cited(70.0), _cited(71.0)]) == Scale(69.46, 71.54)
    wide = Scale.over([_cited(0.0), Printed(Figure(100.0), "t")])
    assert wide == Scale(0.0, 100.0)
    ends = Drawing(axis(Scale(60.0, 70.0)))
    assert [(one.text, one.attrib["text-anchor"]) for one in ends.root] == [
        ("60.0", "start"),
        ("65.0", "middle"),
        ("70.0", "end"),
    ]
    places = [float(one.attrib["x"]) for one in ends.root]
    assert places == pytest.approx([PAD - 4, WIDTH / 2, WIDTH - PAD + 4])
