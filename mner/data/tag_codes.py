"""Tags as integer codes: what each code means, and how tags become codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

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
NO_KIND = _NO_CODE = -1
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
        self.kind_of = np.array([NO_KIND, *types, *range(len(TYPES), len(KINDS))], dtype=np.int8)
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
    # Kinds that were met after these counts were made have no row in them.
    names = kind_names()[: len(counted)]
    own = {name: row for row, name in enumerate(names) if row >= len(KINDS) and counted[row]}
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
            np.where(is_special(self.codes), OUTSIDE_CODE, self.codes).astype(self.codes.dtype),
            self.lengths,
        )

    def select(self, keep: Bool[np.ndarray, " sentences"]) -> EncodedTags:
        """The marked sentences alone."""
        return EncodedTags(self.codes[np.repeat(keep, self.lengths)], self.lengths[keep])


Tags = EncodedTags | Sequence[Sequence[str]]


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
    codes = _codes_at(content, opens + 1, closes - opens - 1)
    if (codes == _NO_CODE).any():
        return None
    last = np.append(np.flatnonzero(line_ends), len(opens) - 1)
    return EncodedTags(codes, np.diff(last, prepend=-1))


def _codes_at(
    content: Int[np.ndarray, " bytes"], places: Int[np.ndarray, " tags"], sizes: Int[np.ndarray, " tags"]
) -> Int[np.ndarray, " tags"]:
    """Look up the code of the tag that stands at each place, ``_NO_CODE`` where it is none met before.

    Tags of up to eight bytes, as all public ones are, are compared as one integer each; longer ones byte by byte.
    """
    known = {tag: code for tag, code in _CODES.of.items() if is_tag(tag) and tag.isascii()}
    short = sorted(
        (int.from_bytes(tag.encode(), "little"), len(tag), known[tag]) for tag in known if len(tag) <= 8
    )
    values, lengths, short_codes = (np.array(column) for column in zip(*short, strict=True))
    padded = np.append(content, np.zeros(8, dtype=np.uint8))
    eight_bytes = np.ndarray(len(content) + 1, dtype="<u8", buffer=padded, strides=(1,))
    masks = np.array([256**size - 1 for size in range(9)], dtype=np.uint64)
    found = eight_bytes[places] & masks[np.minimum(sizes, 8)]
    values = values.astype(np.uint64)
    nearest = np.minimum(np.searchsorted(values, found), len(values) - 1)
    same = (values[nearest] == found) & (lengths[nearest] == sizes)
    codes = np.where(same, short_codes[nearest], _NO_CODE).astype(np.int8)
    for tag in (tag for tag in known if len(tag) > 8):
        alike = np.flatnonzero(sizes == len(tag))
        codes[alike[_stands_at(content, places[alike], tag.encode("ascii"))]] = known[tag]
    return codes


def _stands_at(
    content: Int[np.ndarray, " bytes"], places: Int[np.ndarray, " places"], text: bytes
) -> Bool[np.ndarray, " places"]:
    found = np.ones(len(places), dtype=bool)
    for offset, byte in enumerate(text):
        found &= content[places + offset] == byte
    return found


def check_aligned(gold: EncodedTags, predicted: EncodedTags) -> None:
    """Refuse predictions that are not one tag for each gold tag.

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


def is_special(codes: Int[np.ndarray, " positions"]) -> Bool[np.ndarray, " positions"]:
    """Where X, [CLS], [SEP] or PAD stands."""
    return (codes >= _FIRST_SPECIAL) & (codes < CODES)
