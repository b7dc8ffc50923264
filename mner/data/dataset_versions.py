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
from typing import Any

from mner.base.files import sha256_of
from mner.base.terminal import aligned
from mner.data import readers
from mner.data.alignment import plain_words
from mner.data.conll_forms import GOLD, PREDICTED, TAGS, is_blank, parse_conll
from mner.data.corpus import LABELS, Sentence
from mner.data.download import locate
from mner.data.known_versions import VERSIONS, known_versions
from mner.data.label_schemes import convert_tags
from mner.data.sentence_diff import Comparison, Difference, compare
from mner.data.sources import SourceFile
from mner.data.user_file import printable, read_text

SOURCES: tuple[SourceFile, ...] = known_versions()
KNOWN_SHARE = 0.5
"""A file is a form of a version if at least this share of its sentences is the version's."""

TEST_SHARE = 0.9
"""A file is a test split, or a part of one, if at least this share of its sentences is."""

LEAK_SHARE = 0.01
"""A file that is no test split is warned of if it holds at least this share of one. Twitter-2015's own training
split shares 0.1 % of the test split's texts."""

_LISTED_SHARE = 0.1
_SHOWN = 30
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
        if source.copy not in VERSIONS:
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
    order = VERSIONS.index(match.source.copy)
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


def render(report: Report) -> str:
    """The report as text for the user's own terminal; the only place where words of tweets appear."""
    lines = [_warning(leak, report) for leak in report.leaks]
    lines.append(f"{report.path}: {report.sentences:,} sentences, {report.form}")
    lines += [f"  {note}" for note in report.notes]
    if report.comparison is None:
        lines.append("nothing known: " + _nothing(report))
    elif report.exact:
        names = ", ".join(source.name for source in report.exact)
        lines.append(f"exactly: {names} (words and tags of every sentence)")
        if report.matches[0].bytes:
            lines.append(f"byte for byte: {', '.join(m.source.name for m in report.matches if m.bytes)}")
    else:
        lines.append(f"no known copy; closest: {report.matches[0].source.name}{_by(report)}")
    if report.matches:
        lines += ["", *aligned(list(_match_rows(report)))]
    if report.comparison is not None and not report.comparison.identical:
        lines += ["", *_differences(report.comparison, report.matches[0].source)]
    if report.absent:
        names = ", ".join(source.name for source in report.absent)
        lines += [
            "",
            f"not at hand, so not compared: {names}",
            "set MNER_MIRROR, or let the data stage fetch them",
        ]
    return "\n".join(printable(line) for line in lines) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """The report for a program; no words of tweets."""
    comparison = report.comparison
    return {
        "file": str(report.path),
        "form": report.form,
        "sentences": report.sentences,
        "notes": list(report.notes),
        "warnings": [_match_json(leak, report) for leak in report.leaks],
        "exact": [source.name for source in report.exact],
        "closest": report.matches[0].source.name if comparison is not None else None,
        "matches": [_match_json(match, report) for match in report.matches],
        "comparison": comparison
        and {
            "same": comparison.same,
            "differing": len(comparison.differing),
            "only_in_file": len(comparison.only_left),
            "only_in_version": len(comparison.only_right),
            "reordered": comparison.reordered,
        },
        "absent": [source.name for source in report.absent],
    }


def _match_json(match: Match, report: Report) -> dict[str, Any]:
    source = match.source
    return {
        "version": source.copy,
        "dataset": source.dataset,
        "split": source.split,
        "sentences": match.sentences,
        "same_words": match.words,
        "same_words_without_case": match.plain,
        "same_words_and_tags": match.tags,
        "shared_image_ids": match.images,
        "share_of_file": match.shared / report.sentences,
        "share_of_split": match.shared / match.sentences,
        "same_bytes": match.bytes,
    }


def _warning(leak: Match, report: Report) -> str:
    shown = f"{leak.shared:,} of the {leak.sentences:,} sentences ({leak.shared / leak.sentences:.1%})"
    images = f", and {leak.images:,} of its image ids" if leak.images else ""
    return (
        f"WARNING: {report.path} holds {shown} of the test split {leak.source.name}{images}: training on it leaks "
        "the test split"
    )


def _by(report: Report) -> str:
    """By what the closest version was recognised, where it is not the words as they stand."""
    best = report.matches[0]
    if best.words >= KNOWN_SHARE * report.sentences:
        return ""
    if best.plain >= KNOWN_SHARE * report.sentences:
        return f", by words without case ({best.plain:,} of its {best.sentences:,} sentences)"
    return f", by image ids ({best.images:,} in common); the words differ"


def _nothing(report: Report) -> str:
    if not report.matches:
        return "no sentence of it is in a copy at hand"
    best = report.matches[0]
    shared = f"{best.shared:,} of its {report.sentences:,} sentences"
    return f"only {shared} are in the closest copy, {best.source.name}"


def _match_rows(report: Report) -> Iterator[tuple[str, ...]]:
    yield ("copy", "sentences", "same words", "same words and tags", "without case", "of the split", "image ids")
    for match in report.matches:
        if match.listed(report.sentences) or match is report.matches[0]:
            counts = (match.sentences, match.words, match.tags, match.plain)
            share = f"{match.shared / match.sentences:.1%}"
            yield (match.source.name, *(f"{count:,}" for count in counts), share, f"{match.images:,}")


def _differences(comparison: Comparison, source: SourceFile) -> list[str]:
    lines = [
        f"against {source.name}: {comparison.same:,} sentences agree, {len(comparison.differing):,} differ, "
        f"{len(comparison.only_left):,} only in the file, {len(comparison.only_right):,} only in the copy"
        + ("; the order differs" if comparison.reordered else ""),
        "sentences and words are counted from 1, each side on its own",
    ]
    spelled = [one for one in comparison.differing if _spelled(one)]
    if spelled:
        lines.append(f"{len(spelled):,} sentences differ in case or invisible characters of words only")
    rows = [row for one in comparison.differing if not _spelled(one) for row in _difference_rows(one)]
    for where, sentences in (("file", comparison.only_left), ("copy", comparison.only_right)):
        if len(sentences) > _SHOWN:
            lines.append(f"only in the {where}: sentences {_ranges([one.index + 1 for one in sentences])}")
        else:
            rows += [(str(one.index + 1), one.image, "all", f"only in the {where}", "", "") for one in sentences]
    if rows:
        lines += aligned([("sentence", "image", "word", "text", "file", "copy"), *rows[: _SHOWN * 2]])
    if len(rows) > _SHOWN * 2:
        lines.append(f"... and {len(rows) - _SHOWN * 2:,} more lines")
    return lines


def _spelled(difference: Difference) -> bool:
    """Whether nothing but the spelling of words differs."""
    left, right = difference.left, difference.right
    same = not difference.image and left.tags == right.tags and left.words != right.words
    return same and plain_words(left.words) == plain_words(right.words)


def _ranges(numbers: Sequence[int]) -> str:
    """``1-3, 7`` for 1, 2, 3, 7; at most :data:`_SHOWN` pieces."""
    pieces: list[list[int]] = []
    for number in numbers:
        if pieces and number == pieces[-1][1] + 1:
            pieces[-1][1] = number
        else:
            pieces.append([number, number])
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in pieces[:_SHOWN]]
    return ", ".join(texts) + (", ..." if len(pieces) > _SHOWN else "")


def _difference_rows(difference: Difference) -> Iterator[tuple[str, ...]]:
    left, right = difference.left, difference.right
    start = (str(left.index + 1), left.image)
    if difference.image:
        yield (*start, "-", "image id", left.image, right.image)
    for ours, theirs in difference.words:
        yield (
            *start,
            _ranges([place + 1 for place in ours or theirs]),
            "other words",
            _words(left, ours),
            _words(right, theirs),
        )
    for i, j in difference.tags:
        yield (*start, str(i + 1), repr(left.words[i]), (left.tags or ())[i], (right.tags or ())[j])


def _words(sentence: Sentence, positions: Sequence[int]) -> str:
    return " ".join(repr(sentence.words[i]) for i in positions) or "(absent)"
