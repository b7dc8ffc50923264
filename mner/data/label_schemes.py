"""Tags in other schemes and spellings to BIO over PER, LOC, ORG, MISC, by a stated table, said when done.

Schemes: BIO, IOB1 (B- only between two entities of one type), IOBES, BMES, BILOU, IO (types alone).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mner.data.conll_forms import ReadFile, ReadSentence
from mner.data.labels import OUTSIDE, TYPES
from mner.data.user_file import UnreadableFileError, quoted

SCHEMES = ("bio", "iob1", "iobes", "bmes", "bilou", "io")
TYPE_NAMES: dict[str, tuple[str, ...]] = {
    "PER": ("PER", "PERS", "PERSON", "PEOPLE"),
    "LOC": ("LOC", "LOCATION"),
    "ORG": ("ORG", "ORGANIZATION", "ORGANISATION"),
    "MISC": ("MISC", "MISCELLANEOUS", "OTHER", "OTHERS"),
}
"""Spellings of each type, in any case."""

SPECIAL = ("X", "[CLS]", "[SEP]", "PAD")
"""Tags of subwords and borders that a model may predict; kept as they stand."""

_TYPE_OF = {name: kind for kind, names in TYPE_NAMES.items() for name in names}
_PREFIXES = {"B": "B", "I": "I", "E": "I", "M": "I", "L": "I", "S": "B", "U": "B"}
_EXPECTED = "O or a tag such as B-PER, I-LOC, S-ORG or PER"


@dataclass(frozen=True, slots=True)
class Converted:
    """Tags by column name and sentence, in BIO, and what was done to them in words.

    Attributes:
        columns: For every column the tags of every sentence.
        scheme: What the tags were written in.
        notes: What was converted.
        own_types: Types outside the four, kept as they stand.
    """

    columns: Mapping[str, tuple[tuple[str, ...], ...]]
    scheme: str
    notes: tuple[str, ...]
    own_types: tuple[str, ...]


def convert_tags(
    read: ReadFile, scheme: str | None = None, names: Sequence[str] | None = None, *, own_names: bool = False
) -> Converted:
    """All tag columns of a file in BIO.

    The scheme is told from all columns together: gold and predictions of one file are written alike.

    Args:
        read: The file.
        scheme: One of :data:`SCHEMES`, or None to tell it from the tags.
        names: The columns to convert; all by default.
        own_names: Keep the names of types as they stand, as the label set of a data set of one's own.

    Raises:
        UnreadableFileError: a tag that is none of any scheme, with its line.
    """
    wanted = tuple(names) if names is not None else read.column_names
    spellings = {} if own_names else _TYPE_OF
    parsed = {name: [_parse_all(read, one, name, spellings) for one in read.sentences] for name in wanted}
    sequences = [row for rows in parsed.values() for row in rows]
    found = scheme or _scheme(sequences)
    own = _own_types(sequences)
    used: Counter[tuple[str, str]] = Counter()
    columns = {
        name: tuple(
            tuple(_bio(row, found, used, one.columns[name])) for row, one in zip(rows, read.sentences, strict=True)
        )
        for name, rows in parsed.items()
    }
    return Converted(columns, found, tuple(_notes(found, used, () if own_names else own)), own)


def _parse_all(
    read: ReadFile, sentence: ReadSentence, name: str, spellings: Mapping[str, str]
) -> list[tuple[str, str]]:
    parsed = []
    for offset, tag in enumerate(sentence.columns[name]):
        one = _parse(tag, spellings)
        if one is None:
            line = sentence.line + (offset if sentence.words or len(read.sentences) == 1 else 0)
            raise UnreadableFileError(read.path, line, _EXPECTED, f"the tag {quoted(tag)}")
        parsed.append(one)
    return parsed


def _parse(tag: str, spellings: Mapping[str, str]) -> tuple[str, str] | None:
    """(prefix, type) of a tag: ``("", "")`` for O, ``("", type)`` for a type alone; None for what is no tag."""
    if tag in ("O", "o"):
        return "", ""
    if tag in SPECIAL:
        return "special", tag
    prefix, rest = tag[:1].upper(), tag[2:]
    if tag[1:2] in ("-", "_") and prefix in _PREFIXES and rest and not rest[0].isspace():
        return prefix, spellings.get(rest.upper(), rest)
    kind = _TYPE_OF.get(tag.upper())
    return None if kind is None else ("", kind if spellings else tag)


def _scheme(sequences: Sequence[Sequence[tuple[str, str]]]) -> str:
    prefixes = {prefix for row in sequences for prefix, kind in row if kind and prefix != "special"}
    if prefixes & {"U", "L"}:
        return "bilou"
    if "M" in prefixes:
        return "bmes"
    if prefixes & {"E", "S"}:
        return "iobes"
    if "" in prefixes:
        return "io"
    return "iob1" if _is_iob1(sequences) else "bio"


def _is_iob1(sequences: Sequence[Sequence[tuple[str, str]]]) -> bool:
    """Whether two entities or more begin with I-, and B- stands only directly behind an entity of its type.

    A single I- without its B- may as well be a slip of a BIO tagger.
    """
    begun_with_i = 0
    for row in sequences:
        before = ""
        for prefix, kind in row:
            if prefix == "B" and before != kind:
                return False
            begun_with_i += prefix == "I" and before != kind
            before = kind if prefix in ("B", "I") else ""
    return begun_with_i >= 2


def _bio(
    row: Sequence[tuple[str, str]], scheme: str, used: Counter[tuple[str, str]], written: Sequence[str]
) -> Iterator[str]:
    before = ""
    for (prefix, kind), tag in zip(row, written, strict=True):
        if prefix == "special" or not kind:
            made = kind or OUTSIDE
        else:
            start = _PREFIXES.get(prefix, "I")
            if scheme in ("io", "iob1") and start == "I" and before != kind:
                start = "B"
            made = f"{start}-{kind}"
        if made != tag:
            used[tag, made] += 1
        before = "" if prefix == "special" else kind
        yield made


def _own_types(sequences: Sequence[Sequence[tuple[str, str]]]) -> tuple[str, ...]:
    kinds = {kind for row in sequences for prefix, kind in row if kind and prefix != "special"}
    return tuple(sorted(kinds - set(TYPES)))


def _notes(scheme: str, used: Counter[tuple[str, str]], own: Sequence[str]) -> Iterator[str]:
    if scheme != "bio":
        yield f"tags are in {scheme.upper()}; converted to BIO"
    spelled = {tag: made for tag, made in used if _respelled(tag, made)}
    if spelled:
        shown = ", ".join(f"{quoted(tag)} as {made}" for tag, made in sorted(spelled.items())[:6])
        more = f" and {len(spelled) - 6} more" if len(spelled) > 6 else ""
        yield f"tags in another spelling: {shown}{more}"
    if own:
        shown = ", ".join(quoted(kind) for kind in own[:8]) + (" and more" if len(own) > 8 else "")
        yield f"types outside {', '.join(TYPES)}, kept as they stand: {shown}"


def _respelled(tag: str, made: str) -> bool:
    """Whether more than the scheme changed: the type's name, the case, or the hyphen."""
    return made.rpartition("-")[2] != (tag if tag == made[2:] else tag[2:]) or tag[1:2] == "_" or tag[:1].islower()
