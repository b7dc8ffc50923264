"""Charts as inline SVG from the cells of tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mner.reporting.cells import Cell, Cited, Measured, State, with_minus

READABLE = 0.75  # of its size, at which a drawing can still be read


def drawing(style: str, width: int, height: int, label: str, parts: Sequence[Markup]) -> Markup:
    """The whole drawing of ``parts``; ``style`` is its class, ``label`` what a screen reader says of it.

    It shrinks with the page as long as its words can be read, then it is scrolled.
    """
    head = Markup('<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}" style="{}">')
    limits = f"width:{width}px;min-width:{round(READABLE * width)}px"
    return head.format(style, width, height, label, limits) + Markup("").join(parts) + Markup("</svg>")


def text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> Markup:
    """Words at a point; ``anchor`` says which end of them stands there."""
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        f"{x:.1f}", f"{y:.1f}", style, anchor, words
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    """A straight line from (x1, y1) to (x2, y2)."""
    numbers = [f"{number:.1f}" for number in (x1, x2, y1, y2)]
    return Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" class="{}"/>').format(*numbers, style)


def dot(x: float, y: float, style: str, title: str) -> Markup:
    """A filled circle; ``title`` is what pointing at it says."""
    shape = '<circle cx="{}" cy="{}" r="4.5" class="{}"><title>{}</title></circle>'
    return Markup(shape).format(f"{x:.1f}", f"{y:.1f}", style, title)


def rect(x: float, y: float, width: float, height: float, style: str, title: str, opacity: float = 1) -> Markup:
    """A box with round corners; ``title`` is what pointing at it says."""
    numbers = [f"{number:.1f}" for number in (x, y, width, height)]
    shape = (
        '<rect x="{}" y="{}" width="{}" height="{}" rx="3" class="{}" fill-opacity="{}"><title>{}</title></rect>'
    )
    return Markup(shape).format(*numbers, style, f"{opacity:.2f}", title)


WHOLE_WIDTH = 1360  # of a drawing that has the page to itself
HALF_WIDTH = 640  # of one that stands next to another
WIDEST_CELL = 170
BARS_LEFT, BARS_PLOT, BARS_RIGHT = 152, 290, 108  # of a waterfall: titles, bars, numbers


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A system: per scorer its F1, its difference to the standard scorer, its rank (a state where not scored).

    ``marks`` hold what the scorer does to the order of systems, in a few characters.
    """

    label: str
    f1: tuple[Cell, ...]
    shift: tuple[Cell, ...]
    rank: tuple[Cell, ...]
    marks: tuple[str, ...]


def heat_map(title: str, scorers: Sequence[str], rows: Sequence[HeatRow]) -> Markup:
    """Scorers across, systems down: F1, rank and mark; the tint is the difference to the standard scorer."""
    left, height, top = 150, 44, 34
    cell = min(WIDEST_CELL, (WHOLE_WIDTH - left) // len(scorers))
    largest = max((abs(c.value) for row in rows for c in row.shift if isinstance(c, Cited)), default=0.0) or 1.0
    parts = [text(left + (i + 0.5) * cell, top - 14, name, "head", "middle") for i, name in enumerate(scorers)]
    for j, row in enumerate(rows):
        y = top + j * (height + 3)
        parts.append(text(left - 12, y + height / 2 + 4, row.label, "label", "end"))
        for i, (f1, shift, rank, mark) in enumerate(zip(row.f1, row.shift, row.rank, row.marks, strict=True)):
            x = left + i * cell
            parts += _heat_cell(x, y, cell - 3, height, f1, shift, rank, mark, largest)
    return drawing("heat", left + len(scorers) * cell, top + len(rows) * (height + 3), title, parts)


def _heat_cell(
    x: float,
    y: float,
    width: float,
    height: float,
    f1: Cell,
    shift: Cell,
    rank: Cell,
    mark: str,
    largest: float,
) -> list[Markup]:
    if not isinstance(f1, Cited) or not isinstance(shift, Cited):
        why = f1.why if isinstance(f1, State) else ""
        box = rect(x, y, width, height, "void", why)
        return [box, text(x + width / 2, y + height / 2 + 4, f1.plain(), "state", "middle")]
    style = "up" if shift.value > 0 else "down"
    opacity = 0.06 + 0.3 * abs(shift.value) / largest if abs(shift.value) > 5e-3 else 0.0
    hover = f"{f1.plain()} ({shift.plain()} against the standard) · {', '.join(f1.records)}"
    below = f"{shift.number if abs(shift.value) > 5e-3 else '±0'} · #{rank.plain()}{f' {mark}' if mark else ''}"
    return [
        rect(x, y, width, height, "cell", hover),
        rect(x, y, width, height, style, hover, opacity),
        text(x + width / 2, y + 19, f1.number, "value", "middle"),
        text(x + width / 2, y + 34, below, "moved" if mark else "under", "middle"),
    ]


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A label and one estimate with its interval for each series (a state where there is none)."""

    label: str
    cells: tuple[Cell, ...]


def reach_of(rows: Sequence[ForestRow]) -> float:
    """How far an axis around zero must go for every estimate and interval of these rows."""
    found = [cell for row in rows for cell in row.cells if isinstance(cell, Measured)]
    ends = [end for cell in found for end in (cell.value, cell.low, cell.high) if end is not None]
    return 1.04 * max(map(abs, ends), default=0.0) or 1.0


def forest(
    title: str, series: Sequence[str], rows: Sequence[ForestRow], reach: float, unit: str = "F1 points"
) -> Markup:
    """Estimates as dots with their intervals around a line at zero, one colour a series, numbers at the right.

    ``reach`` is the end of the axis; drawings that share it can be compared by eye. A series of which a row has no
    estimate takes no room there; a row that has none of any says why.
    """
    shown = [_shown(row) for row in rows]
    left = 28 + round(6.8 * max((len(row.label) for row in rows), default=0))
    digits = len(f"+{reach:.2f}")  # the room of numbers follows the axis alone, so that its length is shared too
    right, top = max(150, 16 + 7 * len("x [x, x]".replace("x", "0" * digits))), 26
    plot = max(240, HALF_WIDTH - left - right)
    height = top + sum(map(_height, shown)) + 26

    def x(value: float) -> float:
        return left + plot / 2 * (1 + value / reach)

    parts = [line(x(0), top - 8, x(0), height - 22, "zero")]
    for at in _ticks(reach):
        parts.append(line(x(at), top - 8, x(at), height - 22, "tick"))
        parts.append(text(x(at), height - 6, with_minus(f"{at:+g}"), "under", "middle"))
    parts.append(text(x(0), height - 6, "0", "under", "middle"))
    parts.append(text(left + plot + right, height - 6, unit, "under", "end"))
    if len(series) > 1:
        parts += _series(series)
    above = top
    for row, cells in zip(rows, shown, strict=True):
        parts.append(text(left - 14, above + _height(cells) / 2 + 4, row.label, "label", "end"))
        for place, (i, cell) in enumerate(cells.items()):
            parts += _estimate(cell, i, above + 17 + place * 20, x, left + plot + 12)
        above += _height(cells)
    return drawing("forest", left + plot + right, height, title, parts)


def _shown(row: ForestRow) -> dict[int, Cell]:
    """The estimates of a row by series; its first state where there is none."""
    found: dict[int, Cell] = {i: cell for i, cell in enumerate(row.cells) if isinstance(cell, Measured)}
    return found or {0: row.cells[0]}


def _height(cells: Mapping[int, Cell]) -> int:
    return 20 * len(cells) + 14


def _series(names: Sequence[str]) -> list[Markup]:
    parts: list[Markup] = []
    place = 8.0
    for i, name in enumerate(names):
        parts.append(Markup('<circle cx="{}" cy="9" r="4" class="series{}"/>').format(f"{place:.0f}", str(i)))
        parts.append(text(place + 9, 13, name, "head"))
        place += 40 + 6.4 * len(name)
    return parts


def _ticks(reach: float) -> list[float]:
    """Round numbers either side of zero, two or three a side, inside ``reach``."""
    unit = 10.0 ** math.floor(math.log10(reach))
    step = next(size * unit for size in (5, 2, 1, 0.5, 0.2) if 2 * size * unit <= reach)
    count = min(3, math.floor(reach / step))
    return [sign * number * step for number in range(1, count + 1) for sign in (-1, 1)]


def _estimate(cell: Cell, i: int, y: float, x: Callable[[float], float], words: float) -> list[Markup]:
    """Interval and dot of one estimate; its number starts at ``words``."""
    if not isinstance(cell, Measured) or cell.low is None or cell.high is None:
        return [text(words, y + 4, cell.plain(), "state")]
    style = f"series{i}"
    hover = f"{cell.plain()} · {cell.method} · {', '.join(cell.records)}"
    return [
        line(x(cell.low), y, x(cell.high), y, f"interval {style}"),
        dot(x(cell.value), y, style, hover),
        text(words, y + 4, cell.plain(), f"value {style}"),
    ]


def stacked(title: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[Cited]]]) -> Markup:
    """One bar a row, split by kind; the whole length is shared, so that rows can be compared by eye."""
    left, right, top = 140, 10, 28
    plot = HALF_WIDTH - left - right
    longest = max((sum(cell.value for cell in cells) for _, cells in rows), default=1.0) or 1.0
    parts: list[Markup] = []
    place = 0.0
    for i, name in enumerate(names):
        parts.append(rect(place, 4, 11, 11, f"kind{i}", name))
        parts.append(text(place + 16, 14, name, "head"))
        place += 34 + 6.4 * len(name)
    for j, (label, cells) in enumerate(rows):
        y, x = top + j * 34, float(left)
        parts.append(text(left - 12, y + 17, label, "label", "end"))
        for i, cell in enumerate(cells):
            width = plot * cell.value / longest
            hover = f"{names[i]}: {cell.plain()} · {', '.join(cell.records)}"
            parts.append(rect(x, y, max(width - 1.5, 0.5), 25, f"kind{i}", hover))
            if width > 7.5 * len(cell.number):
                parts.append(text(x + width / 2, y + 17, cell.number, "inside", "middle"))
            x += width
    return drawing("stacked", left + plot + right, top + len(rows) * 34 + 4, title, parts)
