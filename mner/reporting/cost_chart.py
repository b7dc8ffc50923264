"""F1 against what a run costs: one drawing a device, as minutes of different hardware share no axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from mner.reporting import svg
from mner.reporting.cells import Cited
from mner.reporting.cost_tables import devices, f1_on, minutes_of
from mner.reporting.results import Results

LEFT, PLOT, RIGHT, TOP, HEIGHT = 56, 520, 130, 14, 250
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
LABEL_HEIGHT = 13.0


@dataclass(frozen=True, slots=True)
class CostPoint:
    """A system: minutes a run and test F1, over the same runs."""

    label: str
    minutes: Cited
    f1: Cited

    def hover(self) -> str:
        """What pointing at the dot says."""
        return f"{self.label}: F1 {self.f1.plain()} in {self.minutes.plain()} · {', '.join(self.f1.records)}"


def cost_points(results: Results, dataset: str) -> dict[str, list[CostPoint]]:
    """By device, every system that was measured on it; empty where nothing was."""
    return {
        device: [
            CostPoint(cell["system"], minutes_of(results, cell, device), f1_on(results, cell, device))
            for cell in results.scores["cells"]
            if cell["dataset"] == dataset and device in (cell.get("throughput") or {})
        ]
        for device in devices(results, dataset)
    }


def frontier(points: Sequence[CostPoint]) -> list[CostPoint]:
    """The systems that no other beats in F1 at the same cost or less, cheapest first."""
    best: list[CostPoint] = []
    for point in sorted(points, key=lambda one: (one.minutes.value, -one.f1.value)):
        if not best or point.f1.value > best[-1].f1.value:
            best.append(point)
    return best


def cost_chart(title: str, points: Sequence[CostPoint]) -> Markup:
    """Minutes a run to the right (logarithmic), F1 upwards with its s.d.; a line joins those nothing beats.

    Raises:
        ValueError: no point at all; say in words that nothing was measured.
    """
    if not points:
        raise ValueError(f"{title}: no run was timed, so there is nothing to draw")
    x, y = _Scale.of_minutes(points), _Scale.of_f1(points)
    parts = [*_axes(x, y), *_steps(frontier(points), x, y)]
    free: list[float] = []
    for point in sorted(points, key=lambda one: -one.f1.value):
        parts += _dot(point, x(point.minutes.value), y(point.f1.value), y, free)
    return svg.drawing("forest cost", LEFT + PLOT + RIGHT, TOP + HEIGHT + 40, title, parts)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places in the drawing; logarithmic for minutes."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    @classmethod
    def of_minutes(cls, points: Sequence[CostPoint]) -> _Scale:
        values = [point.minutes.value for point in points]
        return cls(min(values) / 1.3, max(values) * 1.3, LEFT, LEFT + PLOT, True)

    @classmethod
    def of_f1(cls, points: Sequence[CostPoint]) -> _Scale:
        ends = [point.f1.value + sign * (point.f1.sd or 0.0) for point in points for sign in (-1, 1)]
        margin = max(0.5, 0.08 * (max(ends) - min(ends)))
        return cls(max(0.0, min(ends) - margin), min(100.0, max(ends) + margin), TOP + HEIGHT, TOP, False)

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            return [tick for tick in TICKS if self.low <= tick <= self.high] or [self.low * 1.3]
        return [self.low + share * (self.high - self.low) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]


def _axes(x: _Scale, y: _Scale) -> list[Markup]:
    bottom = TOP + HEIGHT
    parts = [svg.line(LEFT, bottom, LEFT + PLOT, bottom, "tick"), svg.line(LEFT, TOP, LEFT, bottom, "tick")]
    for tick in x.ticks():
        parts += [svg.line(x(tick), TOP, x(tick), bottom, "tick")]
        parts += [svg.text(x(tick), bottom + 15, f"{tick:g}", "under", "middle")]
    for tick in y.ticks():
        parts += [svg.text(LEFT - 7, y(tick) + 4, f"{tick:.1f}", "under", "end")]
    parts.append(svg.text(LEFT + PLOT, bottom + 32, "minutes a run, logarithmic", "under", "end"))
    parts.append(svg.text(LEFT + 6, TOP + 8, "test F1", "under"))
    return parts


def _steps(best: Sequence[CostPoint], x: _Scale, y: _Scale) -> list[Markup]:
    parts = []
    for one, after in pairwise(best):
        corner = x(after.minutes.value), y(one.f1.value)
        parts.append(svg.line(x(one.minutes.value), y(one.f1.value), *corner, "level"))
        parts.append(svg.line(*corner, corner[0], y(after.f1.value), "level"))
    return parts


def _dot(point: CostPoint, at: float, height: float, y: _Scale, free: list[float]) -> list[Markup]:
    """The dot with its s.d.; its name stands at the right margin, pushed down where another already stands."""
    parts = []
    if point.f1.sd is not None:
        ends = [y(point.f1.value + sign * point.f1.sd) for sign in (-1, 1)]
        parts.append(svg.line(at, ends[0], at, ends[1], "interval series0"))
    dot = '<circle cx="{}" cy="{}" r="4.5" class="series0"><title>{}</title></circle>'
    parts.append(Markup(dot).format(f"{at:.1f}", f"{height:.1f}", point.hover()))
    place = max(height + 4, free[-1] + LABEL_HEIGHT) if free else height + 4
    free.append(place)
    parts.append(svg.line(at + 6, height, LEFT + PLOT + 4, place - 4, "lead"))
    parts.append(svg.text(LEFT + PLOT + 8, place, point.label, "label"))
    return parts
