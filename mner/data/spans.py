"""Tags to entities: the chunk rules of the released scorers, over integer arrays.

Tags are encoded once (:func:`mner.data.tag_codes.encode`). A rule then finds all entities of a whole test set with
a handful of array operations. Rules are described in ``golden/README.md 5`` and ``golden/R_GCN.md 6``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from mner.data.tag_codes import (
    CONTINUATION_CODE,
    NO_KIND,
    OUTSIDE_CODE,
    EncodedTags,
    Tags,
    begins,
    check_aligned,
    encode,
    is_special,
    kind_names,
    kinds_of,
)


@dataclass(frozen=True, slots=True)
class Spans:
    """Entities in reading order: number of the kind (:func:`kind_names`), first and last position, inclusive."""

    kinds: Int[np.ndarray, " spans"]
    first: Int[np.ndarray, " spans"]
    last: Int[np.ndarray, " spans"]

    def select(self, keep: Bool[np.ndarray, " spans"]) -> Spans:
        return Spans(self.kinds[keep], self.first[keep], self.last[keep])


class Entity(NamedTuple):
    """One entity of one sentence: words ``first`` to ``last`` inclusive."""

    kind: str
    first: int
    last: int


def _shifted(values: np.ndarray, fill: int) -> np.ndarray:
    return np.concatenate([np.array([fill], dtype=values.dtype), values[:-1]])


def _openings(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At every position: what kind of entity it is in, and whether the lenient rule opens one there."""
    kinds = kinds_of(codes)
    changed = kinds != _shifted(kinds, NO_KIND)
    return kinds, (kinds != NO_KIND) & (begins(codes) | changed)


def _spans(kinds: np.ndarray, starts: np.ndarray) -> Spans:
    """Entities that run from each start until the position before the next start or O."""
    inside = kinds != NO_KIND
    continued = np.append((inside & ~starts)[1:], False)
    first = np.flatnonzero(starts)
    return Spans(kinds[first], first, np.flatnonzero(inside & ~continued))


def lenient_spans(codes: Int[np.ndarray, " positions"]) -> Spans:
    """CoNLL-2000 reading: an I- that continues nothing of its type opens an entity, as B- does.

    A special tag is a type of its own here; neighbours of equal special tags form one entity.
    """
    return _spans(*_openings(codes))


def strict_spans(codes: Int[np.ndarray, " positions"]) -> Spans:
    """IOB2 reading: only B- opens an entity; a run of I- without its B- is nothing, special tags are O."""
    spans = lenient_spans(codes)
    return spans.select(begins(codes[spans.first]))


def seqeval_spans(codes: Int[np.ndarray, " positions"]) -> Spans:
    """seqeval 1.2.2's default reading, exact on special tags too.

    On ``corpus.LABELS`` it equals :func:`lenient_spans`. A bare ``X`` carries the same empty type as ``O``
    there, so that it opens no entity after an O and closes none before one; when a type finally differs, the
    entity that closes reaches back to the latest opening, however old.
    """
    untyped = kinds_of(np.array(CONTINUATION_CODE))
    outside = codes == OUTSIDE_CODE
    kinds = np.where(outside, untyped, kinds_of(codes))
    previous_kinds = _shifted(kinds, int(untyped))
    borders = begins(codes) | (kinds != previous_kinds)
    latest_start = np.maximum.accumulate(np.where(borders & ~outside, np.arange(len(codes)), 0))
    closing = np.flatnonzero(borders & ~_shifted(outside, True))
    return Spans(previous_kinds[closing], latest_start[closing - 1], closing - 1)


def rgcn_spans(codes: Int[np.ndarray, " positions"], last_positions: Int[np.ndarray, " batches"]) -> Spans:
    """R-GCN's reading of word pieces, over batches that were laid out one after another.

    ``codes`` holds an O between batches; ``last_positions`` are the last true positions of each. X is
    outside like O and so closes an entity. At a batch's last position a tag of the open entity's type, even
    a B-, extends that entity, and an entity that would open there is lost (``golden/R_GCN.md 6``).
    """
    kinds, starts = _openings(np.where(is_special(codes), OUTSIDE_CODE, codes))
    at_end = np.zeros(len(codes), dtype=bool)
    at_end[last_positions] = True
    starts &= ~(at_end & (kinds == _shifted(kinds, NO_KIND)))
    spans = _spans(kinds, starts)
    return spans.select(~at_end[spans.first])


def matches(gold: Spans, predicted: Spans, positions: int) -> Bool[np.ndarray, " predicted_spans"]:
    """Which predicted spans are gold spans (same kind, first and last); spans of one set do not share an end."""
    first = np.full(positions, -1, dtype=np.int64)
    kind = np.full(positions, NO_KIND, dtype=np.int8)
    first[gold.last], kind[gold.last] = gold.first, gold.kinds
    return (first[predicted.last] == predicted.first) & (kind[predicted.last] == predicted.kinds)


def sentence_counts(gold: Tags, predicted: Tags) -> Int[np.ndarray, "sentences 3"]:
    """Per sentence: correct, predicted and gold entities under the standard (conlleval) rule.

    This is what every resampling statistic starts from: micro F1 of any selection is a sum over its rows.
    """
    gold, predicted = encode(gold).without_special_tags(), encode(predicted).without_special_tags()
    check_aligned(gold, predicted)
    sentence_of = np.repeat(np.arange(len(gold.lengths)), gold.lengths + 1)
    gold_spans, predicted_spans = lenient_spans(gold.bordered()), lenient_spans(predicted.bordered())
    correct = predicted_spans.select(matches(gold_spans, predicted_spans, len(sentence_of)))
    return np.stack(
        [
            np.bincount(sentence_of[spans.first], minlength=len(gold.lengths))
            for spans in (correct, predicted_spans, gold_spans)
        ],
        axis=1,
    )


def orphans(tags: Tags) -> Int[np.ndarray, "orphans 2"]:
    """Sentence and first word of each entity that an I- opens (standard rule); a strict reading lacks these."""
    encoded = encode(tags).without_special_tags()
    codes = encoded.bordered()
    first = lenient_spans(codes).first
    first = first[~begins(codes[first])]
    offsets = np.concatenate([[0], np.cumsum(encoded.lengths + 1)])
    sentence = np.searchsorted(offsets, first, side="right") - 1
    return np.stack([sentence, first - offsets[sentence]], axis=1)


def entities(tags: Tags, rule: Callable[[np.ndarray], Spans] = lenient_spans) -> list[tuple[Entity, ...]]:
    """Each sentence's entities in reading order, by default under the standard (conlleval) rule."""
    encoded = encode(tags).without_special_tags()
    return list(_entities(*encoded.as_bytes(), rule))


@lru_cache(maxsize=32)  # gold is read again for every run
def _entities(
    codes: bytes, dtype: str, lengths: bytes, rule: Callable[[np.ndarray], Spans]
) -> tuple[tuple[Entity, ...], ...]:
    encoded = EncodedTags.from_bytes(codes, dtype, lengths)
    spans = rule(encoded.bordered())
    offsets = np.concatenate([[0], np.cumsum(encoded.lengths + 1)])
    sentence = np.searchsorted(offsets, spans.first, side="right") - 1
    found: list[list[Entity]] = [[] for _ in encoded.lengths]
    start = offsets[sentence]
    rows: Iterable[tuple[int, int, int, int]] = zip(
        sentence.tolist(),
        spans.kinds.tolist(),
        (spans.first - start).tolist(),
        (spans.last - start).tolist(),
        strict=True,
    )
    names = kind_names()
    for index, kind, first, last in rows:
        found[index].append(_entity(names[kind], first, last))
    return tuple(map(tuple, found))


@lru_cache(maxsize=65536)
def _entity(kind: str, first: int, last: int) -> Entity:
    """Make an entity once for all runs: most of them predict the same ones."""
    return Entity(kind, first, last)
