"""Say which known version of a corpus a file is, what test sentences it holds, and where it differs.

Sentences are recognised by fingerprints of their words and tags, by words without case, and by image ids; nothing
of a tweet is stored.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.base.files import sha256_of
from mner.data import readers
from mner.data.alignment import plain_words
from mner.data.conll_forms import GOLD, PREDICTED, TAGS, parse_conll
from mner.data.conll_lines import is_blank
from mner.data.corpus import LABELS, Sentence
from mner.data.download import locate
from mner.data.label_schemes import convert_tags
from mner.data.sentence_diff import Comparison, compare
from mner.data.sources import COPIES, SourceFile, known_versions
from mner.data.user_file import read_text

SOURCES: tuple[SourceFile, ...] = known_versions()
KNOWN_SHARE = 0.5
"""A file is a form of a version if at least this share of its sentences is the version's."""

TEST_SHARE = 0.9
"""A file is a test split, or a part of one, if at least this share of its sentences is."""

LEAK_SHARE = 0.01
"""A file that is no test split is warned of if it holds at least this share of one. Twitter-2015's own training
split shares 0.1 % of the test split's texts."""

_LISTED_SHARE = 0.1
_RECORD_LINES = 7


@dataclass(frozen=True, slots=True)
class Match:
    """How much of a file a known version explains.

    Attributes:
        source: The version's file.
        sentences: Its size.
        words: Sentences of the file found in it by words.
        tags: Sentences found by words and tags.
        bytes: Whether the two files are one byte for byte.
        plain: Sentences found by words without case and invisible characters.
        images: Distinct image ids in common.
    """

    source: SourceFile
    sentences: int
    words: int
    tags: int
    bytes: bool
    plain: int = 0
    images: int = 0

    @property
    def shared(self) -> int:
        """Sentences in common by words, case aside."""
        return max(self.words, self.plain)

    def listed(self, sentences: int) -> bool:
        """Whether a tenth of either side is shared, by words or by image ids."""
        return max(self.shared, self.images) >= _LISTED_SHARE * min(sentences, self.sentences)


@dataclass(frozen=True, slots=True)
class Report:
    """What a file is.

    Attributes:
        path: The file.
        form: Its form in words.
        sentences: How many it holds.
        matches: Versions that share a sentence or an image id, closest first.
        comparison: File (left) against the first of them; None if nothing is close enough.
        absent: Versions that could not be had.
        notes: What was converted or found while reading.
        leaks: Test splits of which a file that is no test split holds a part, the largest part first.
    """

    path: Path
    form: str
    sentences: int
    matches: tuple[Match, ...]
    comparison: Comparison | None
    absent: tuple[SourceFile, ...]
    notes: tuple[str, ...] = ()
    leaks: tuple[Match, ...] = ()

    @property
    def exact(self) -> tuple[SourceFile, ...]:
        """The versions that hold the same sentences, words and tags, closest first."""
        if self.comparison is None or not self.comparison.identical:
            return ()
        return tuple(match.source for match in self.matches if match.tags == match.sentences == self.sentences)


@dataclass(frozen=True, slots=True)
class _Prints:
    """Fingerprints of a file's sentences."""

    words: Counter[str]
    tags: Counter[str]
    plain: Counter[str]
    images: frozenset[str]

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> _Prints:
        return cls(
            Counter(fingerprint(one.words) for one in sentences),
            Counter(fingerprint(one.words, one.tags) for one in sentences if one.tags is not None),
            Counter(fingerprint(plain_words(one.words)) for one in sentences),
            frozenset(one.image for one in sentences if one.image),
        )


def which(
    path: Path, *, cache: Path, mirrors: Sequence[Path] = (), columns: Sequence[str] | None = None
) -> Report:
    """Compare a CoNLL or R-GCN file with every known version in the cache and the mirror folders.

    Raises:
        FileNotFoundError: no such file.
        UnreadableFileError: no regular file, or a line that cannot be read.
    """
    form, sentences, notes = read_any(path, columns)
    own_hash = sha256_of(path)
    own = _Prints.of(sentences)
    read: dict[str, tuple[Sentence, ...]] = {}
    held: dict[str, _Prints] = {}
    matches: list[Match] = []
    absent: list[SourceFile] = []
    for source in SOURCES:
        if source.copy not in COPIES:
            continue
        place = locate(source, cache=cache, mirrors=mirrors)
        if place is None:
            absent.append(source)
            continue
        if source.sha256 not in read:
            read[source.sha256] = _read(source, place)
            held[source.sha256] = _Prints.of(read[source.sha256])
        known, size = held[source.sha256], len(read[source.sha256])
        counts = [(mine & theirs).total() for mine, theirs in zip(_counters(own), _counters(known), strict=True)]
        same_bytes, images = own_hash == source.sha256, len(own.images & known.images)
        match = Match(source, size, counts[0], counts[1], same_bytes, counts[2], images)
        if match.shared or match.images:
            matches.append(match)
    matches.sort(key=lambda match: _distance(match, len(sentences)))
    comparison = None
    if matches and max(matches[0].shared, matches[0].images) >= KNOWN_SHARE * len(sentences):
        comparison = compare(sentences, read[matches[0].source.sha256])
    leaks = tuple(_leaks(matches, len(sentences)))
    return Report(path, form, len(sentences), tuple(matches), comparison, tuple(absent), notes, leaks)


def _counters(prints: _Prints) -> tuple[Counter[str], Counter[str], Counter[str]]:
    return prints.words, prints.tags, prints.plain


def _leaks(matches: Sequence[Match], sentences: int) -> Iterator[Match]:
    """The version with most in common for each data set whose test split the file holds a part of."""
    tests = [match for match in matches if match.source.split == "test"]
    if any(max(match.shared, match.images) >= TEST_SHARE * sentences for match in tests):
        return  # the file is a test split, or a part of one
    best: dict[str | None, Match] = {}
    for match in tests:
        if max(match.shared, match.images) >= LEAK_SHARE * match.sentences:
            held = best.get(match.source.dataset)
            if held is None or (match.shared, match.images) > (held.shared, held.images):
                best[match.source.dataset] = match
    yield from sorted(best.values(), key=lambda match: -max(match.shared, match.images) / match.sentences)


def _distance(match: Match, sentences: int) -> tuple[bool, bool, int, int, int, int, int]:
    """Sorting key: the same bytes, the same sentences, what is shared; the canonical version among equals."""
    whole = match.tags == match.sentences == sentences
    order = list(COPIES).index(match.source.copy)
    return (not match.bytes, not whole, -match.tags, -match.words, -match.plain, -match.images, order)


def fingerprint(words: Sequence[str], tags: Sequence[str] | None = None) -> str:
    """SHA-256 that stands for a sentence's words, or for its words and tags."""
    text = "\n".join(words)  # no form of file allows a line feed in a word, or an empty word
    if tags is not None:
        text += "\n\n" + "\n".join(tags)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_any(
    path: Path, columns: Sequence[str] | None = None
) -> tuple[str, tuple[Sentence, ...], tuple[str, ...]]:
    """(name of the form, sentences, notes) of a file with CoNLL blocks of any form, or with R-GCN records.

    Of three columns the gold one is read. Tags of other types than the four are left out, and said.
    """
    text = read_text(path)
    if _is_records(text):
        return "R-GCN records", tuple(record.sentence for record in readers.read_rgcn(path)), ()
    file = parse_conll(path, text, columns)
    column = next(name for name in (GOLD, TAGS, PREDICTED) if name in file.column_names)
    converted = convert_tags(file, names=(column,))
    notes = [*file.findings, *converted.notes]
    if converted.own_types:
        notes.append("tags of these types are not compared")
    sentences = []
    for one, tags in zip(file.sentences, converted.columns[column], strict=True):
        known = tags if set(tags) <= set(LABELS) else None
        sentences.append(Sentence(one.index, one.image, one.words or ("?",) * one.length, known))
    return file.form, tuple(sentences), tuple(notes)


def _is_records(text: str) -> bool:
    """Whether the first seven lines are a record of R-GCN's files."""
    lines = text.split("\n", _RECORD_LINES)[:_RECORD_LINES]
    if len(lines) < _RECORD_LINES or any("\t" in line or is_blank(line) for line in lines):
        return False
    words, tags, image, scores = lines[:4]
    return (
        len(words.split(" ")) == len(tags.split(" "))
        and image.strip().lower().endswith(".jpg")
        and len(scores.split()) == readers.LIST_LENGTH
    )


def _read(source: SourceFile, path: Path) -> tuple[Sentence, ...]:
    if source.role == "retrieval":
        return tuple(record.sentence for record in readers.read_rgcn(path))
    return readers.read_umt(path)
