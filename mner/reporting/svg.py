"""Shapes of inline SVG, escaped; lengths are units of the drawing, colours come from the style sheet by class."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

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
