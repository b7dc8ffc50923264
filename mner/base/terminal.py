"""Text as a terminal shows it best: rows as aligned columns, as Markdown too; long lines wrapped."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Collection, Sequence

from mner.base.escaping import terminal

WIDTH = 120


def aligned(rows: Sequence[Sequence[str]], numbers: Collection[int] = (), header: bool = False) -> list[str]:
    """One line a row, two spaces between columns; ``numbers`` are the columns set to the right.

    With ``header`` the first row is underlined.
    """
    if not rows:
        return []
    rows = [[terminal(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]] if header else lines


def indented(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as :func:`aligned` sets them, four spaces in, as they stand below a line that names them."""
    return [f"    {line}".rstrip() for line in aligned(rows)]


def aligned_with_notes(rows: Sequence[Sequence[str]], indent: str) -> list[str]:
    """Rows as :func:`aligned` sets them, indented; a last cell too long for the line goes on below itself."""
    starts = aligned([row[:-1] for row in rows])
    widest = max(map(len, starts), default=0)
    lines = []
    for start, row in zip(starts, rows, strict=True):
        begun = f"{indent}{start.ljust(widest)}  "
        lines += wrapped(row[-1], begun, " " * len(begun)) or [begun.rstrip()]
    return lines


def markdown_table(
    header: Sequence[str], body: Sequence[Sequence[str]], numbers: Collection[int] = ()
) -> list[str]:
    """The lines of a GitHub table whose columns are aligned in the source; ``numbers`` are set to the right."""
    widths = [max(3, *map(_width, column)) for column in zip(header, *body, strict=True)]
    rule = ["-" * (width - 1) + (":" if place in numbers else "-") for place, width in enumerate(widths)]
    lines = []
    for row in (header, rule, *body):
        spaces = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        padded = [
            space + cell if place in numbers else cell + space
            for place, (cell, space) in enumerate(zip(row, spaces, strict=True))
        ]
        lines.append("| " + " | ".join(padded) + " |")
    return lines


def with_notes_wrapped(markdown: str) -> str:
    """Markdown for a terminal: everything but tables wrapped to its width, bullets hanging."""
    lines = []
    for line in markdown.splitlines():
        if line.startswith("|") or len(line) <= WIDTH:
            lines.append(line)
        else:
            lines += wrapped(line, "", "  " if line.startswith("- ") else "")
    return "\n".join(lines)


def _width(text: str) -> int:
    """Columns a terminal gives the text: combining marks none, wide characters two."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def wrapped(text: str, indent: str = "", hanging: str | None = None) -> list[str]:
    """The text in lines of at most ``WIDTH``, indented, all but the first by ``hanging``; no break at hyphens."""
    later = indent if hanging is None else hanging
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=later, break_on_hyphens=False)
