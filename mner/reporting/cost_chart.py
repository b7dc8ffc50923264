"""F1 against what a run costs: one drawing a device, as minutes of different hardware share no axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from mner.reporting import svg
from mner.reporting.cells import Cited
from mner.reporting.cost_tables import devices, f1_on, minutes_of
from mner.reporting.results import Results

LEFT, PLOT, RIGHT, TOP, HEIGHT = 56, 568, 16, 14, 300
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
MOST_NAMES = 10  # where there are more systems, only those that nothing cheaper beats are named
LETTER, LINE = 6.6, 13.0  # size of a letter of a name


@dataclass(frozen=True, slots=True)
class CostPoint:
    """A system: minutes a run and test F1, over the same runs."""

    label: str
    minutes: Cited
    f1: Cited

    def hover(self) -> str:
        """What pointing at the dot says."""
        return (
            f"{self.label}: F1 {self.f1.plain()} in {self.minutes.plain()} minutes · {', '.join(self.f1.records)}"
        )


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

    Those and, where there are few, all others are named beside their dots; pointing at a dot names any.

    Raises:
        ValueError: no point at all; say in words that nothing was measured.
    """
    if not points:
        raise ValueError(f"{title}: no run was timed, so there is nothing to draw")
    x, y = _Scale.of_minutes(points), _Scale.of_f1(points)
    best = frontier(points)
    steps = _steps(best, x, y)
    parts = [*_axes(x, y), *(svg.line(*step, "level") for step in steps)]
    for point in sorted(points, key=lambda one: one in best):
        parts += _dot(point, x(point.minutes.value), y(point.f1.value), y, point in best)
    named = [*best, *(point for point in points if point not in best and len(points) <= MOST_NAMES)]
    taken = [_Box.around(x(one.minutes.value), y(one.f1.value)) for one in points]
    taken += [_Box(min(a, c), min(b, d), max(a, c), max(b, d) + 1) for a, b, c, d in steps]
    parts += _names(named, taken, x, y)
    return svg.drawing("forest cost", LEFT + PLOT + RIGHT, TOP + HEIGHT + 40, title, parts)


@dataclass(frozen=True, slots=True)
class _Box:
    """The room that a dot or a name takes in the drawing."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float) -> _Box:
        """The box of a dot."""
        return cls(x - 6, y - 6, x + 6, y + 6)

    def meets(self, other: _Box) -> bool:
        apart = self.right < other.left or other.right < self.left
        return not apart and self.top < other.bottom and other.top < self.bottom

    def inside(self) -> bool:
        return self.left >= LEFT and self.right <= LEFT + PLOT + RIGHT and self.top >= 0


def _names(points: Sequence[CostPoint], covered: Sequence[_Box], x: _Scale, y: _Scale) -> list[Markup]:
    """The name of each near its dot, at the first place where it covers nothing."""
    taken, parts = list(covered), []
    for point in points:
        boxes = list(_places(point, x(point.minutes.value), y(point.f1.value)))
        box = next((b for b in boxes if b.inside() and not any(b.meets(other) for other in taken)), boxes[0])
        taken.append(box)
        parts.append(svg.text(box.left, box.bottom - 2.5, point.label, "label"))
    return parts


def _places(point: CostPoint, at: float, height: float) -> Iterator[_Box]:
    """Where the name of a dot may stand, nearest first."""
    width = LETTER * len(point.label)
    for line in (0, -1, 1, -2, 2, -3, 3):
        for start in (at - 10 - width, at + 10, at - width / 2):
            yield _Box(start, height + LINE * (line - 0.5), start + width, height + LINE * (line + 0.5))


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
        return cls(max(0.0, min(ends) - margin), min(100.0, max(ends) + 2 * margin), TOP + HEIGHT, TOP, False)

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
    parts.append(svg.text(LEFT + PLOT, bottom + 32, "test F1 against minutes a run (logarithmic)", "under", "end"))
    return parts


def _steps(best: Sequence[CostPoint], x: _Scale, y: _Scale) -> list[tuple[float, float, float, float]]:
    """The lines between the best: to the right as far as the next costs, then up to its F1."""
    lines = []
    for one, after in pairwise(best):
        corner = x(after.minutes.value), y(one.f1.value)
        lines.append((x(one.minutes.value), y(one.f1.value), *corner))
        lines.append((*corner, corner[0], y(after.f1.value)))
    return lines


def _dot(point: CostPoint, at: float, height: float, y: _Scale, best: bool) -> list[Markup]:
    """The dot with its s.d., filled where nothing cheaper beats the system."""
    parts = []
    if point.f1.sd is not None:
        ends = [y(point.f1.value + sign * point.f1.sd) for sign in (-1, 1)]
        parts.append(svg.line(at, ends[0], at, ends[1], "interval series0"))
    return [*parts, svg.dot(at, height, "series0" if best else "beaten", point.hover())]
