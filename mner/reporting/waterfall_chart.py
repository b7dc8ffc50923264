"""A waterfall as a drawing; those of a data set share one axis, so that their bars can be compared by eye."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mner.evaluation.waterfall import REST
from mner.reporting import charts as svg
from mner.reporting.cells import Cited, Measured, State
from mner.reporting.waterfall_tables import Bar, is_supposed

NUMBERS, LEFT, PLOT, RIGHT, TOP = 152, 264, 366, 10, 6  # numbers stand where a narrow screen shows them
ROW, BAND = 30, 22
STEPS_OF_AXIS = (1, 2, 5, 10, 20, 50)
MOST_TICKS = 7


@dataclass(frozen=True, slots=True)
class Axis:
    """F1 in percent from ``low`` to ``high``, from left to right."""

    low: float
    high: float

    @classmethod
    def over(cls, drawn: Sequence[Sequence[Bar]]) -> Axis:
        """Room for every level of these waterfalls, in whole points; all of 0 to 100 where there is none."""
        levels = [bar.high for bars in drawn for bar in bars]
        levels += [bar.low for bars in drawn for bar in bars if bar.step is not None]
        if not levels:
            return cls(0, 100)
        return cls(max(0, math.floor(min(levels) - 0.5)), math.ceil(max(levels) + 0.5))

    def x(self, value: float) -> float:
        """Where a value stands in the drawing."""
        return LEFT + PLOT * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[int]:
        """Whole numbers, evenly spaced."""
        reach = self.high - self.low
        step = next((step for step in STEPS_OF_AXIS if reach / step <= MOST_TICKS), STEPS_OF_AXIS[-1])
        first = math.ceil(self.low / step) * step
        return list(range(first, math.floor(self.high) + 1, step))


def waterfall_chart(title: str, bars: Sequence[Bar], axis: Axis) -> Markup:
    """Paper at the top, ours at the bottom, a floating bar a step between; supposed choices are hatched."""
    bottom = TOP + len(bars) * ROW
    parts = _grid(axis, bottom)
    level = bars[0].high
    for place, bar in enumerate(bars):
        y = float(TOP + place * ROW)
        style = "label strong" if bar.step is None else "label"
        parts.append(svg.text(NUMBERS - 12, y + BAND / 2 + 4, bar.title, style, "end"))
        parts += _end(bar, y, axis, place == 0) if bar.step is None else _step(bar, y, axis, level)
        if bar.step is None:
            level = bar.high
        elif isinstance(bar.cell, Cited | Measured):
            level += bar.cell.value
        if place + 1 < len(bars):
            parts.append(svg.line(axis.x(level), y + BAND, axis.x(level), y + ROW, "level"))
    return svg.drawing("waterfall", LEFT + PLOT + RIGHT, bottom + 18, title, parts)


def _grid(axis: Axis, bottom: float) -> list[Markup]:
    parts = [svg.line(LEFT, bottom, LEFT + PLOT, bottom, "tick")]
    for value in axis.ticks():
        parts.append(svg.line(axis.x(value), TOP - 4, axis.x(value), bottom, "tick"))
        parts.append(svg.text(axis.x(value), bottom + 14, f"{value}", "under", "middle"))
    return parts


def _end(bar: Bar, y: float, axis: Axis, printed: bool) -> list[Markup]:
    """A mark where the number stands: a bar from the start of a cut axis would show a wrong proportion."""
    style = "printed" if printed else "own"
    return [
        svg.rect(axis.x(bar.high) - 2.5, y, 5, BAND, style, bar.cell.plain()),
        svg.text(NUMBERS, y + BAND / 2 + 4, bar.cell.plain(), f"value {style}"),
    ]


def _step(bar: Bar, y: float, axis: Axis, level: float) -> list[Markup]:
    at = NUMBERS, y + BAND / 2 + 4
    flat = svg.line(axis.x(level), y - 2, axis.x(level), y + BAND + 2, "level")
    if isinstance(bar.cell, State):
        return [flat, _titled(svg.text(*at, bar.cell.plain(), "state"), bar.cell.why)]
    if bar.step is None or not isinstance(bar.cell, Cited | Measured):
        return [flat]
    hover = f"{bar.cell.plain()}: {bar.step.why} · {', '.join(bar.step.records)}"
    said = bar.cell.plain() if isinstance(bar.cell, Measured) else bar.cell.number
    number = _titled(svg.text(*at, said, "value"), hover)
    if not bar.cell.number.strip("+−0."):
        return [flat, number]
    style = ("gain" if bar.cell.value > 0 else "loss") + (" supposed" if is_supposed(bar) else "")
    style += " rest" if bar.step.kind == REST else ""
    width = max(1.5, axis.x(bar.high) - axis.x(bar.low))
    return [svg.rect(axis.x(bar.low), y, width, BAND, style, hover), number]


def _titled(text: Markup, title: str) -> Markup:
    return Markup("<g>{}<title>{}</title></g>").format(text, title)
