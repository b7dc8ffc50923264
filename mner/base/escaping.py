"""The one border for text that leaves: words, ids and names of devices come from outside and are not trusted.

What ends a line, moves a cursor or turns the direction of writing is shown as its code. Beyond that each target
has its own rule: HTML, LaTeX, a terminal, a shell, CSV.
"""

from __future__ import annotations

import re
import shlex
import sys
import unicodedata
from typing import Any

import markupsafe

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_FORMULA = re.compile(r"\s*(?:[=@\t\r]|[+\-](?=.*(?:[A-Za-z]\w*\(|[|!])))", re.DOTALL)
_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "†": r"$^\dagger$",
    "♣": r"$^\clubsuit$",
    "−": "$-$",
    "Δ": r"$\Delta$",
    "<": "$<$",
    ">": "$>$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
}


def terminal(text: str, keep: str = "") -> str:
    """Text that can do nothing to a terminal, on one line; the characters of ``keep`` stay as they are."""
    if text.isprintable():  # so are all its characters
        return text
    unsafe = {one for one in set(text) if not one.isprintable() and one not in keep and _is_unsafe(one)}
    return "".join(_code(one) if one in unsafe else one for one in text) if unsafe else text


def html(text: str) -> markupsafe.Markup:
    """Text as the content of an HTML element or of a quoted attribute; markup that was made as such stays."""
    if isinstance(text, markupsafe.Markup):
        return text
    return markupsafe.escape(terminal(text, keep="\n\t"))


def latex(text: str) -> str:
    """Text for LaTeX, on one line; the symbols that tables use become math."""
    return "".join(_TEX.get(character, character) for character in terminal(text))


def latex_comment(text: str) -> str:
    """Text behind a ``%``: nothing in it counts but the end of the line, which it cannot have."""
    return terminal(text)


def shell(text: str) -> str:
    """One word of a POSIX shell's command line."""
    return shlex.quote(terminal(text))


def csv(text: str) -> str:
    """Text of a CSV cell; what a spreadsheet would run as a formula gets an apostrophe in front."""
    shown = terminal(text, keep="\n\t\r")
    return f"'{shown}" if _FORMULA.match(shown) else shown


def show(text: str = "", *, end: str = "\n", **how: Any) -> None:
    """Print lines that may hold text from outside; what the terminal's encoding lacks is shown as its code."""
    encoding = getattr(how.get("file") or sys.stdout, "encoding", None) or "utf-8"
    shown = terminal(text, keep="\n\t").encode(encoding, "backslashreplace").decode(encoding)
    print(shown, end=end, **how)


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE or character in _BIDI


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
