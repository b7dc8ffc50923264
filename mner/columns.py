"""Text as a terminal shows it best: rows as aligned columns, long lines wrapped."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence

WIDTH = 120


def aligned(rows: Sequence[Sequence[str]], numbers: Collection[int] = (), header: bool = False) -> list[str]:
    """One line a row, two spaces between columns; ``numbers`` are the columns set to the right.

    With ``header`` the first row is underlined.
    """
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]] if header else lines


def wrapped(text: str, indent: str = "") -> list[str]:
    """The text in lines of at most ``WIDTH``, all indented; names with hyphens stay whole."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
