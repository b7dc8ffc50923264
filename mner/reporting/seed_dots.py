"""Seeds as dots next to the printed value, drawn as inline SVG; colours come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from mner.reporting.cells import Cell, Cited, Printed

WIDTH = 108
HEIGHT = 22
PAD = 7


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of F1 in percent, shared by all rows of a block so that rows can be compared by eye."""

    low: float
    high: float

    @classmethod
    def over(cls, cells: Iterable[Cell]) -> Scale:
        """The range of all printed values and all seeds, widened to at least two points."""
        values: list[float] = []
        for cell in cells:
            if isinstance(cell, Cited):
                values += cell.values
            elif isinstance(cell, Printed):
                values.append(cell.figure.value)
        if not values:
            return cls(0.0, 100.0)
        low, high = min(values), max(values)
        extra = max(0.0, 2.0 - (high - low)) / 2 + 0.04 * (high - low)
        return cls(max(0.0, low - extra), min(100.0, high + extra))

    def x(self, value: float) -> str:
        """Horizontal position in the drawing, as SVG text."""
        share = (value - self.low) / (self.high - self.low)
        return f"{PAD + share * (WIDTH - 2 * PAD):.1f}"


def strip(ours: Cell, paper: Cell, scale: Scale) -> Markup:
    """One row: the printed value as a tick with its ±, each seed as a dot with its record, the mean as a bar."""
    middle = str(HEIGHT // 2)
    parts = [
        Markup('<line class="base" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(PAD, WIDTH - PAD, middle, middle)
    ]
    if isinstance(paper, Printed):
        parts.append(_printed(paper, scale))
    if isinstance(ours, Cited):
        if ours.sd is not None:
            ends = [scale.x(min(max(ours.value + sign * ours.sd, scale.low), scale.high)) for sign in (-1, 1)]
            parts.append(
                Markup('<line class="sd" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(*ends, middle, middle)
            )
        for value, record in zip(ours.values, ours.records, strict=True):
            title = f"{value:.2f} · {record}"
            dot = '<circle class="seed" cx="{}" cy="{}" r="3.4"><title>{}</title></circle>'
            parts.append(Markup(dot).format(scale.x(value), middle, title))
        bar = '<line class="mean" x1="{0}" x2="{0}" y1="3" y2="{1}"><title>mean {2}</title></line>'
        parts.append(Markup(bar).format(scale.x(ours.value), HEIGHT - 3, ours.plain()))
    label = f"paper {paper.plain()}, ours {ours.plain()}"
    head = Markup('<svg class="dots" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">')
    return head.format(WIDTH, HEIGHT, WIDTH, HEIGHT, label) + Markup("").join(parts) + Markup("</svg>")


def _printed(paper: Printed, scale: Scale) -> Markup:
    value, spread = paper.figure.value, paper.figure.spread or 0.0
    band = Markup("")
    if spread:
        ends = [min(max(value + sign * spread, scale.low), scale.high) for sign in (-1, 1)]
        width = f"{float(scale.x(ends[1])) - float(scale.x(ends[0])):.1f}"
        band = Markup('<rect class="band" x="{}" y="5" width="{}" height="{}"/>').format(
            scale.x(ends[0]), width, HEIGHT - 10
        )
    tick = Markup('<path class="printed" d="M{0} 4V{1}"><title>paper {2}</title></path>')
    return band + tick.format(scale.x(value), HEIGHT - 4, paper.plain())


def axis(scale: Scale) -> Markup:
    """The ends and the middle of the scale, for the column head."""
    anchors = ((scale.low, "start"), ((scale.low + scale.high) / 2, "middle"), (scale.high, "end"))
    text = Markup('<text x="{}" y="10" text-anchor="{}">{}</text>')
    places = {"start": str(PAD - 4), "end": str(WIDTH - PAD + 4)}
    labels = [text.format(places.get(a, scale.x(v)), a, f"{v:.1f}") for v, a in anchors]
    head = Markup('<svg class="axis" viewBox="0 0 {0} 13" width="{0}" height="13" aria-hidden="true">')
    return head.format(WIDTH) + Markup("").join(labels) + Markup("</svg>")
