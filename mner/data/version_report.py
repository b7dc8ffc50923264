"""What ``mner which`` prints and writes of a file: its version, its warnings, its differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mner.base.terminal import aligned
from mner.data.alignment import plain_words
from mner.data.corpus import Sentence
from mner.data.dataset_versions import KNOWN_SHARE, Match, Report
from mner.data.sentence_diff import Comparison, Difference
from mner.data.sources import SourceFile
from mner.data.user_file import printable

_SHOWN = 30


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
