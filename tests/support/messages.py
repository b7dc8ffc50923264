"""Patterns for what a message must name: values, paths and commands, in any order and between any words."""

from __future__ import annotations

import re


def names(*values: object) -> str:
    """A pattern for ``match=`` that holds where every value stands in the message, whatever else it says."""
    return "(?s)" + "".join(
        rf"(?=.*(?<!\w){re.escape(str(value))}(?!\w))" if _is_word(value) else rf"(?=.*{re.escape(str(value))})"
        for value in values
    )


def _is_word(value: object) -> bool:
    return re.fullmatch(r"\w+", str(value)) is not None
