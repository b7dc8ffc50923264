"""Types of entities and the labels made of them: those of the public data sets, and those found in data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

TYPES: tuple[str, ...] = ("PER", "LOC", "ORG", "MISC")
"""The types of the public data sets and of the controls, in the order that models number them."""

TYPE_ALIASES: dict[str, str] = {"OTHER": "MISC"}
"""Twitter-2015's fourth type is read as ``MISC``, as the papers' tables print it."""

OUTSIDE = "O"
_TAG = re.compile(r"O|[BI]-\S+")


def labels_of(types: Sequence[str]) -> tuple[str, ...]:
    """List the labels over ``types``: O, then B- and I- of each type."""
    return (OUTSIDE, *(f"{prefix}-{kind}" for kind in types for prefix in ("B", "I")))


LABELS: tuple[str, ...] = labels_of(TYPES)


def is_tag(tag: object) -> bool:
    """Tell whether ``tag`` is O, or B- or I- and a type."""
    return isinstance(tag, str) and _is_tag(tag)


@lru_cache(maxsize=1024)  # a corpus asks for each of its few tags once a word
def _is_tag(tag: str) -> bool:
    return _TAG.fullmatch(tag) is not None


def types_in(rows: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Find the types of a data set in its tags.

    Args:
        rows: The tags of every sentence.

    Returns:
        :data:`TYPES` where there is no other type; else the types found, those of :data:`TYPES` first.
    """
    found = {tag[2:] for tag in set().union(*rows) if tag != OUTSIDE}
    own = sorted(found - set(TYPES))
    return (*(kind for kind in TYPES if kind in found), *own) if own else TYPES
