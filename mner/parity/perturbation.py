"""Seeded errors in gold tags, by the rule of ``golden/README.md 5``: predictions without storing labels."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from mner.data.spans import Entity, entities

CYCLE = ("PER", "LOC", "ORG", "MISC")
SPURIOUS_RATE = 0.02
_OPERATIONS = ((0.70, "exact"), (0.78, "missed"), (0.86, "type"), (0.92, "extend"), (0.96, "shrink"))


def canonical(tags: Sequence[Sequence[str]]) -> list[list[str]]:
    """The same entities, each opened by B- and continued by I-."""
    rows = []
    for words, found in zip(tags, entities(tags), strict=True):
        row = ["O"] * len(words)
        for entity in found:
            _write(row, entity)
        rows.append(row)
    return rows


def perturb(tags: Sequence[Sequence[str]], seed: int, orphans: bool) -> tuple[list[list[str]], Counter[str]]:
    """Predictions made from gold tags, and how often each operation was drawn.

    With ``orphans`` some entities are copied with I- on every word. Everything is a function of ``seed`` and of
    positions through SHA-256, so that any implementation gets the same tags.
    """
    counts: Counter[str] = Counter()
    rows = []
    for sentence, (words, found) in enumerate(zip(tags, entities(tags), strict=True)):
        row = ["O"] * len(words)
        for entity in found:
            draw = _uniform(f"{seed}:{sentence}:{entity.first}:{entity.last + 1}")
            operation = next(
                (name for limit, name in _OPERATIONS if draw < limit), "all-I" if orphans else "exact"
            )
            _copy(row, words, entity, operation)
            counts[operation] += 1
        for position, gold in enumerate(words):
            draw = _uniform(f"{seed}:{sentence}:o:{position}")
            if gold == "O" and row[position] == "O" and draw < SPURIOUS_RATE:
                row[position] = f"B-{CYCLE[int(draw / (SPURIOUS_RATE / len(CYCLE)))]}"
                counts["spurious"] += 1
        rows.append(row)
    return rows, counts


def _copy(row: list[str], gold: Sequence[str], entity: Entity, operation: str) -> None:
    """Write one entity with its error; what cannot be extended or shrunk is copied as it is."""
    kind, first, last = entity
    if operation == "missed":
        return
    if operation == "type":
        kind = CYCLE[(CYCLE.index(kind) + 1) % len(CYCLE)]
    elif operation == "extend" and last + 1 < len(gold) and gold[last + 1] == "O":
        last += 1
    elif operation == "shrink" and first < last:
        last -= 1
    _write(row, Entity(kind, first, last))
    if operation == "all-I":
        row[first] = f"I-{kind}"


def _write(row: list[str], entity: Entity) -> None:
    row[entity.first] = f"B-{entity.kind}"
    for position in range(entity.first + 1, entity.last + 1):
        row[position] = f"I-{entity.kind}"


def _uniform(key: str) -> float:
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32
