"""Say which known copy of a corpus a file is, and in which sentences it differs from the closest one.

Sentences are recognised by fingerprints of their words and tags; nothing of a tweet is stored.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.columns import aligned
from mner.data import readers
from mner.data.compare import Comparison, Difference, compare
from mner.data.corpus import CorpusError, Sentence
from mner.data.download import locate
from mner.data.sources import COPIES, SOURCES, SourceFile
from mner.files import sha256_of

KNOWN_SHARE = 0.5
"""A file is a version of a copy if at least this share of its sentences has the copy's words."""

_LISTED_SHARE = 0.1
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Match:
    """How much of a file a known copy explains.

    ``sentences`` is the copy's size; ``words`` and ``tags`` count the file's sentences found in it by words,
    and by words and tags; ``bytes`` says that the two files are one byte for byte.
    """

    source: SourceFile
    sentences: int
    words: int
    tags: int
    bytes: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a file is.

    ``matches`` are the copies that share at least one sentence, closest first; ``comparison`` (file on the
    left) is with the first of them, or None if nothing is close enough; ``absent`` were not at hand.
    """

    path: Path
    form: str
    sentences: int
    matches: tuple[Match, ...]
    comparison: Comparison | None
    absent: tuple[SourceFile, ...]

    @property
    def exact(self) -> tuple[SourceFile, ...]:
        """The copies that hold the same sentences, words and tags, closest first."""
        if self.comparison is None or not self.comparison.identical:
            return ()
        return tuple(match.source for match in self.matches if match.tags == match.sentences == self.sentences)


def which(path: Path, *, cache: Path, mirrors: Sequence[Path] = ()) -> Report:
    """Compare a CoNLL or R-GCN file with every known copy in the cache and the mirror folders.

    Raises:
        FileNotFoundError: no such file.
        CorpusError: a folder, or the file is in neither form.
    """
    if path.is_dir():
        raise CorpusError(f"{path} is a folder; name the files in it, such as {path / '*.txt'}")
    form, sentences = read_any(path)
    own_hash = sha256_of(path)
    words = Counter(fingerprint(one.words) for one in sentences)
    tags = Counter(fingerprint(one.words, one.tags) for one in sentences)
    read: dict[str, tuple[Sentence, ...]] = {}
    matches: list[Match] = []
    absent: list[SourceFile] = []
    for source in SOURCES:
        if source.copy not in COPIES:
            continue
        place = locate(source, cache=cache, mirrors=mirrors)
        if place is None:
            absent.append(source)
            continue
        known = read[source.sha256] = read.get(source.sha256) or _read(source, place)
        by_words = (words & Counter(fingerprint(one.words) for one in known)).total()
        by_tags = (tags & Counter(fingerprint(one.words, one.tags) for one in known)).total()
        if by_words:
            matches.append(Match(source, len(known), by_words, by_tags, own_hash == source.sha256))
    matches.sort(key=lambda match: _distance(match, len(sentences)))
    comparison = None
    if matches and matches[0].words >= KNOWN_SHARE * len(sentences):
        comparison = compare(sentences, read[matches[0].source.sha256])
    return Report(path, form, len(sentences), tuple(matches), comparison, tuple(absent))


def _distance(match: Match, sentences: int) -> tuple[bool, bool, int, int, int]:
    """Sorting key: the same bytes, the same sentences, shared sentences; the canonical copy among equals."""
    whole = match.tags == match.sentences == sentences
    return (not match.bytes, not whole, -match.tags, -match.words, tuple(COPIES).index(match.source.copy))


def fingerprint(words: Sequence[str], tags: Sequence[str] | None = None) -> str:
    """SHA-256 that stands for a sentence's words, or for its words and tags."""
    text = "\n".join(words)  # no form of file allows a line feed in a word, or an empty word
    if tags is not None:
        text += "\n\n" + "\n".join(tags)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_any(path: Path) -> tuple[str, tuple[Sentence, ...]]:
    """(name of the form, sentences) of a file with IMGID blocks, plain CoNLL blocks or R-GCN records."""
    start = path.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip()[: 1 << 12]
    if start.startswith(b"IMGID:"):
        return "IMGID blocks", readers.read_umt(path)
    if b"\t" in start.split(b"\n", 1)[0]:
        return "CoNLL blocks without image ids", readers.read_conll(path)
    try:
        return "R-GCN records", tuple(record.sentence for record in readers.read_rgcn(path))
    except CorpusError as error:
        raise CorpusError(
            f"{path}: neither CoNLL (IMGID:<id> lines, word<TAB>tag lines) nor R-GCN records: {error}"
        ) from error


def _read(source: SourceFile, path: Path) -> tuple[Sentence, ...]:
    if source.role == "retrieval":
        return tuple(record.sentence for record in readers.read_rgcn(path))
    return readers.read_umt(path)


def render(report: Report) -> str:
    """The report as text for the user's own terminal; the only place where words of tweets appear."""
    lines = [f"{report.path}: {report.sentences:,} sentences, {report.form}"]
    if report.comparison is None:
        lines.append("nothing known: " + _nothing(report))
    elif report.exact:
        names = ", ".join(source.name for source in report.exact)
        lines.append(f"exactly: {names} (words and tags of every sentence)")
        if report.matches[0].bytes:
            lines.append(f"byte for byte: {', '.join(m.source.name for m in report.matches if m.bytes)}")
    else:
        lines.append(f"no known copy; closest: {report.matches[0].source.name}")
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
    return "\n".join(lines) + "\n"


def _nothing(report: Report) -> str:
    if not report.matches:
        return "no sentence of it is in a copy at hand"
    best = report.matches[0]
    return f"only {best.words:,} of its {report.sentences:,} sentences are in the closest copy, {best.source.name}"


def _match_rows(report: Report) -> Iterator[tuple[str, ...]]:
    yield ("copy", "sentences", "same words", "same words and tags")
    for match in report.matches:
        if match.words >= _LISTED_SHARE * report.sentences or match is report.matches[0]:
            yield (match.source.name, f"{match.sentences:,}", f"{match.words:,}", f"{match.tags:,}")


def _differences(comparison: Comparison, source: SourceFile) -> list[str]:
    lines = [
        f"against {source.name}: {comparison.same:,} sentences agree, {len(comparison.differing):,} differ, "
        f"{len(comparison.only_left):,} only in the file, {len(comparison.only_right):,} only in the copy"
        + ("; the order differs" if comparison.reordered else ""),
        "sentences and words are counted from 1, each side on its own",
    ]
    rows = [row for difference in comparison.differing for row in _difference_rows(difference)]
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
