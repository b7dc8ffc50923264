"""Tags to entities: the chunk rules of the released scorers, over integer arrays.

Tags are encoded once (:func:`encode`); a rule then finds all entities of a whole test set with a handful of
array operations. Rules are described in ``golden/README.md 5`` and ``golden/R_GCN.md 6``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from mner.data.labels import LABELS, TYPE_ALIASES, TYPES, is_tag

CONTINUATION = "X"
SPECIAL_TAGS: tuple[str, ...] = (CONTINUATION, "[CLS]", "[SEP]", "PAD")
KINDS: tuple[str, ...] = (*TYPES, *SPECIAL_TAGS)
"""What an entity can be: the four types, and the special tags for programs that read those as entities.

Types of a data set's own label set follow behind them (:func:`kind_names`).
"""

_ALPHABET = (*LABELS, *SPECIAL_TAGS)
CODES = len(_ALPHABET)
"""How many codes the public label set and the special tags take, from 0."""
_NO_KIND = _NO_CODE = -1
_QUOTE, _BETWEEN, _NEXT_LINE = ord('"'), b", ", b"]\n["
"""What stands between the quotes of neighbouring tags in a file of tags, as :func:`encode_lines` reads it."""
_FIRST_SPECIAL = len(LABELS)


class TagError(ValueError):
    """Tags that cannot be scored; the message names sentence and word."""


class _Codes:
    """The codes of tags and what each means; types that are met for the first time get the next two codes."""

    def __init__(self) -> None:
        self.of = {tag: code for code, tag in enumerate(_ALPHABET)} | {
            f"{prefix}-{alias}": _ALPHABET.index(f"{prefix}-{kind}")
            for alias, kind in TYPE_ALIASES.items()
            for prefix in ("B", "I")
        }
        self.kinds = list(KINDS)
        types = [TYPES.index(tag[2:]) for tag in LABELS[1:]]
        self.kind_of = np.array([_NO_KIND, *types, *range(len(TYPES), len(KINDS))], dtype=np.int8)
        begins = [self.of[f"B-{tag[2:]}" if tag.startswith("I-") else tag] for tag in _ALPHABET]
        self.begin_of = np.array(begins, dtype=np.int8)
        self.is_begin = np.array([tag.startswith("B-") for tag in _ALPHABET])

    def add(self, kind: str) -> None:
        """Give the B- and the I- of a further type their codes.

        Raises:
            TagError: codes of one byte are used up.
        """
        first, number = len(self.kind_of), len(self.kinds)
        if first + 1 > np.iinfo(np.int8).max:
            raise TagError(f"type {kind!r} is the {number + 1}th kind of entity; codes of one byte hold {number}")
        self.kinds.append(kind)
        self.of |= {f"B-{kind}": first, f"I-{kind}": first + 1}
        self.kind_of = np.append(self.kind_of, np.array([number, number], dtype=np.int8))
        self.begin_of = np.append(self.begin_of, np.array([first, first], dtype=np.int8))
        self.is_begin = np.append(self.is_begin, [True, False])


_CODES = _Codes()
OUTSIDE_CODE = _CODES.of["O"]
CONTINUATION_CODE = _CODES.of[CONTINUATION]


def kind_names() -> tuple[str, ...]:
    """Name every kind of entity by its number: :data:`KINDS`, then further types met so far."""
    return tuple(_CODES.kinds)


def types_of(counts: Int[np.ndarray, "kinds columns"]) -> dict[str, int]:
    """Find the types of entities that counts by kind are about.

    Args:
        counts: One row a kind, in the order of :func:`kind_names`.

    Returns:
        The row of every type: the four types, or, where another type was counted, the types that were counted.
    """
    counted = counts.sum(axis=1) > 0
    own = {name: row for row, name in enumerate(kind_names()) if row >= len(KINDS) and counted[row]}
    public = {name: row for row, name in enumerate(TYPES) if counted[row] or not own}
    return public | dict(sorted(own.items()))


@dataclass(frozen=True, slots=True)
class EncodedTags:
    """Tags of many sentences as one array: ``codes`` word by word, ``lengths`` words per sentence."""

    codes: Int[np.ndarray, " words"]
    lengths: Int[np.ndarray, " sentences"]

    def bordered(self) -> Int[np.ndarray, " words_and_borders"]:
        """The codes with one O after every sentence, so that no entity can cross from one to the next."""
        codes = np.zeros(len(self.codes) + len(self.lengths), dtype=self.codes.dtype)
        codes[np.arange(len(self.codes)) + np.repeat(np.arange(len(self.lengths)), self.lengths)] = self.codes
        return codes

    def as_bytes(self) -> tuple[bytes, str, bytes]:
        """Give codes, their dtype and lengths as something that can be looked up in a cache."""
        return self.codes.tobytes(), self.codes.dtype.str, self.lengths.tobytes()

    @classmethod
    def from_bytes(cls, codes: bytes, kind: str, lengths: bytes) -> EncodedTags:
        """Read what :meth:`as_bytes` gave, without a copy."""
        return cls(np.frombuffer(codes, dtype=kind), np.frombuffer(lengths, dtype=np.int64))

    def without_special_tags(self) -> EncodedTags:
        """The same with X, [CLS], [SEP] and PAD turned into O."""
        return EncodedTags(
            np.where(_is_special(self.codes), OUTSIDE_CODE, self.codes).astype(self.codes.dtype),
            self.lengths,
        )

    def select(self, keep: Bool[np.ndarray, " sentences"]) -> EncodedTags:
        """The marked sentences alone."""
        return EncodedTags(self.codes[np.repeat(keep, self.lengths)], self.lengths[keep])


Tags = EncodedTags | Sequence[Sequence[str]]


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


def encode(tags: Tags) -> EncodedTags:
    """Turn tag strings into codes; encoded tags pass through.

    Known are O, B- and I- of any type, the alias ``OTHER`` for ``MISC``, and ``SPECIAL_TAGS``.

    Raises:
        TagError: a tag outside these, with its sentence and word.
    """
    if isinstance(tags, EncodedTags):
        return tags
    lengths = np.fromiter(map(len, tags), dtype=np.int64, count=len(tags))
    for tag in sorted(set().union(*tags) - _CODES.of.keys()):
        if not is_tag(tag):
            sentence, row = next((s, row) for s, row in enumerate(tags) if tag in row)
            raise TagError(
                f"sentence {sentence}, word {list(row).index(tag)}: unknown tag {tag!r}; expected O, B- or I- "
                f"and a type, or one of {', '.join(SPECIAL_TAGS)}"
            )
        if tag not in _CODES.of:
            _CODES.add(tag[2:])
    codes = np.fromiter(
        map(_CODES.of.__getitem__, chain.from_iterable(tags)), dtype=np.int8, count=int(lengths.sum())
    )
    return EncodedTags(codes, lengths)


def encode_lines(text: str) -> EncodedTags | None:
    """Encode a file of tags as the harness writes it, without a string for each tag.

    Args:
        text: One JSON list of tags a line.

    Returns:
        What :func:`encode` gives for the lists; None where a line is anything but a list of tags met before, so
        that a reader of any JSON has to say what it is.
    """
    content = np.frombuffer(text.removesuffix("\n").encode("utf-8"), dtype=np.uint8)
    quotes = np.flatnonzero(content == _QUOTE)
    if len(quotes) < 2 or len(quotes) % 2 or content[0] != ord("[") or content[-1] != ord("]"):
        return None
    opens, closes = quotes[::2], quotes[1::2]
    gaps = opens[1:] - closes[:-1]
    line_ends = gaps == len(_NEXT_LINE) + 1
    whole = (opens[0], closes[-1]) == (1, len(content) - 2)
    within, across = closes[:-1][~line_ends] + 1, closes[:-1][line_ends] + 1
    if not (whole and (gaps[~line_ends] == len(_BETWEEN) + 1).all()):
        return None
    if not (_stands_at(content, within, _BETWEEN).all() and _stands_at(content, across, _NEXT_LINE).all()):
        return None
    codes = np.full(len(opens), _NO_CODE, dtype=np.int8)
    sizes = closes - opens - 1
    for tag, code in _CODES.of.items():
        if is_tag(tag) and tag.isascii():
            alike = np.flatnonzero(sizes == len(tag))
            codes[alike[_stands_at(content, opens[alike] + 1, tag.encode("ascii"))]] = code
    if (codes == _NO_CODE).any():
        return None
    last = np.append(np.flatnonzero(line_ends), len(opens) - 1)
    return EncodedTags(codes, np.diff(last, prepend=-1))


def _stands_at(
    content: Int[np.ndarray, " bytes"], places: Int[np.ndarray, " places"], text: bytes
) -> Bool[np.ndarray, " places"]:
    found = np.ones(len(places), dtype=bool)
    for offset, byte in enumerate(text):
        found &= content[places + offset] == byte
    return found


def check_aligned(gold: EncodedTags, predicted: EncodedTags) -> None:
    """Refuse predictions that are not word for word beside the gold tags.

    Raises:
        TagError: another number of sentences, or a sentence of another length.
    """
    if len(gold.lengths) != len(predicted.lengths):
        raise TagError(f"{len(gold.lengths)} gold sentences but {len(predicted.lengths)} predicted ones")
    unequal = np.flatnonzero(gold.lengths != predicted.lengths)
    if len(unequal):
        sentence = int(unequal[0])
        raise TagError(
            f"sentence {sentence}: {gold.lengths[sentence]} gold tags but "
            f"{predicted.lengths[sentence]} predicted ones ({len(unequal)} such sentences)"
        )


def kinds_of(codes: Int[np.ndarray, " positions"]) -> Int[np.ndarray, " positions"]:
    """Index into :func:`kind_names` of what each position is in, -1 for O."""
    return _CODES.kind_of[codes]


def begin_of(codes: Int[np.ndarray, " positions"]) -> Int[np.ndarray, " positions"]:
    """The B- of the type that each I- is of; other codes as they are."""
    return _CODES.begin_of[codes]


def begins(codes: Int[np.ndarray, " positions"]) -> Bool[np.ndarray, " positions"]:
    """Where a B- stands."""
    return _CODES.is_begin[codes]


def _is_special(codes: np.ndarray) -> np.ndarray:
    return (codes >= _FIRST_SPECIAL) & (codes < CODES)


def _shifted(values: np.ndarray, fill: int) -> np.ndarray:
    return np.concatenate([np.array([fill], dtype=values.dtype), values[:-1]])


def _openings(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At every position: what kind of entity it is in, and whether the lenient rule opens one there."""
    kinds = _CODES.kind_of[codes]
    changed = kinds != _shifted(kinds, _NO_KIND)
    return kinds, (kinds != _NO_KIND) & (_CODES.is_begin[codes] | changed)


def _spans(kinds: np.ndarray, starts: np.ndarray) -> Spans:
    """Entities that run from each start until the position before the next start or O."""
    inside = kinds != _NO_KIND
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
    return spans.select(_CODES.is_begin[codes[spans.first]])


def seqeval_spans(codes: Int[np.ndarray, " positions"]) -> Spans:
    """seqeval 1.2.2's default reading, exact on special tags too.

    On ``corpus.LABELS`` it equals :func:`lenient_spans`. A bare ``X`` carries the same empty type as ``O``
    there, so that it opens no entity after an O and closes none before one; when a type finally differs, the
    entity that closes reaches back to the latest opening, however old.
    """
    untyped = _CODES.kind_of[CONTINUATION_CODE]
    outside = codes == OUTSIDE_CODE
    kinds = np.where(outside, untyped, _CODES.kind_of[codes])
    previous_kinds = _shifted(kinds, int(untyped))
    borders = _CODES.is_begin[codes] | (kinds != previous_kinds)
    latest_start = np.maximum.accumulate(np.where(borders & ~outside, np.arange(len(codes)), 0))
    closing = np.flatnonzero(borders & ~_shifted(outside, True))
    return Spans(previous_kinds[closing], latest_start[closing - 1], closing - 1)


def rgcn_spans(codes: Int[np.ndarray, " positions"], last_positions: Int[np.ndarray, " batches"]) -> Spans:
    """R-GCN's reading of word pieces, over batches that were laid out one after another.

    ``codes`` holds an O between batches; ``last_positions`` are the last true positions of each. X is
    outside like O and so closes an entity. At a batch's last position a tag of the open entity's type, even
    a B-, extends that entity, and an entity that would open there is lost (``golden/R_GCN.md 6``).
    """
    kinds, starts = _openings(np.where(_is_special(codes), OUTSIDE_CODE, codes))
    at_end = np.zeros(len(codes), dtype=bool)
    at_end[last_positions] = True
    starts &= ~(at_end & (kinds == _shifted(kinds, _NO_KIND)))
    spans = _spans(kinds, starts)
    return spans.select(~at_end[spans.first])


def matches(gold: Spans, predicted: Spans, positions: int) -> Bool[np.ndarray, " predicted_spans"]:
    """Which predicted spans are gold spans (same kind, first and last); spans of one set do not share an end."""
    first = np.full(positions, -1, dtype=np.int64)
    kind = np.full(positions, _NO_KIND, dtype=np.int8)
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
    first = first[~_CODES.is_begin[codes[first]]]
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
        found[index].append(Entity(names[kind], first, last))
    return tuple(map(tuple, found))
