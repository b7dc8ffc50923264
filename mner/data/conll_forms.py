"""Read CoNLL files of any common form: tabs or blanks, two or three columns, image ids in many spellings.

Words and tags are kept as they stand. A word may be a no-break space, so lines are split at line feeds only,
and fields at tabs or ASCII blanks only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.data.conll_lines import TAG, fields_of, image_of, is_blank
from mner.data.user_file import UnreadableFileError, quoted, read_text

WORD, GOLD, PREDICTED, TAGS, IGNORED = "word", "gold", "predicted", "tags", "-"
NAMES = {
    WORD: ("word", "words", "token", "tokens", "text", "form"),
    GOLD: ("gold", "true", "truth", "label", "labels", "y_true", "gold_tag", "gold_label"),
    PREDICTED: ("predicted", "pred", "prediction", "predictions", "preds", "y_pred", "pred_tag", "pred_label"),
    TAGS: ("tag", "tags", "ner", "ner_tag", "ner_tags"),
}
"""Column names of a header line, by what they mean here."""

_MEANING = {name: meaning for meaning, names in NAMES.items() for name in names}
_DOCUMENT = "-DOCSTART-"
_LINE = "'word<TAB>tag' (or a blank between), a blank line, or 'IMGID:<id>'"


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """One sentence of a user's file.

    Attributes:
        index: Position in the file, from 0.
        line: Line of its first word, from 1.
        image: Image id without suffix, or "".
        words: Its words; empty where the file holds tags only.
        columns: Tags by column name, as they stand.
    """

    index: int
    line: int
    image: str
    words: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]

    @property
    def length(self) -> int:
        """Number of words, known by the tags where words are absent."""
        return len(self.words) or max(map(len, self.columns.values()), default=0)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a user's file holds: its form in words, its sentences, and what is worth saying about it."""

    path: Path
    form: str
    sentences: tuple[ReadSentence, ...]
    findings: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the tag columns, in file order."""
        return tuple(self.sentences[0].columns)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the lines of one file are split."""

    tabs: bool
    fields: int
    names: tuple[str, ...]
    header: int | None


def read_conll_file(path: Path, columns: Sequence[str] | None = None) -> ReadFile:
    """Read a user's CoNLL file.

    Args:
        path: The file.
        columns: Names of its columns, such as ``word, pos, chunk, gold, predicted``; names that are not of
            :data:`NAMES` are skipped. By default two columns are word and tag, three word, gold and predicted.

    Raises:
        FileNotFoundError: no such file.
        UnreadableFileError: the first line that cannot be read, or the likely form of another kind of file.
    """
    return parse_conll(path, read_text(path), columns)


def parse_conll(path: Path, text: str, columns: Sequence[str] | None = None) -> ReadFile:
    """:func:`read_conll_file` of text that has been read."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    _refuse_other_forms(path, text)
    layout = _layout(path, lines, columns)
    reader = _Blocks(path, layout)
    for number, line in enumerate(lines, start=1):
        if number != layout.header:
            reader.take(number, line)
    reader.finish(len(lines))
    if not reader.sentences:
        raise UnreadableFileError(path, None, "sentences of words with tags", "no word at all")
    return _told(path, layout, reader)


def _refuse_other_forms(path: Path, text: str) -> None:
    start = text.lstrip()
    first = start.split("\n", 1)[0].rstrip()
    expected = f"CoNLL text: {_LINE}"
    if re.match(r"(\{|\[\s*[\[{\"\]])", start) and first[-1:] in "}],{[":
        form = "JSON lines" if re.fullmatch(r"[\[{].*[\]}]", first) and path.suffix != ".json" else "JSON"
        raise UnreadableFileError(path, 1, expected, f"what looks like {form} ({quoted(first)})")
    if start[:15].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise UnreadableFileError(path, 1, expected, f"what looks like HTML or XML ({quoted(first)})")
    if re.match(r"processed \d+ tokens with \d+ phrases", first):
        found = "conlleval's report; its input holds the predictions"
        raise UnreadableFileError(path, 1, "conlleval's input: word, gold and predicted tag a line", found)


def _layout(path: Path, lines: Sequence[str], columns: Sequence[str] | None) -> _Layout:
    data = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if not is_blank(line) and not line.startswith(_DOCUMENT) and image_of(line) is None
    ]
    if not data:
        number = next((n for n, line in enumerate(lines, start=1) if not is_blank(line)), None)
        found = "no line of a word and a tag"
        raise UnreadableFileError(path, number, _LINE, found)
    tabs = sum("\t" in line.rstrip("\t ") for _, line in data) * 2 >= len(data)
    first = data[0]
    names, header = None, None
    heads = [name.strip().lower() for name in fields_of(first[1], "\t" in first[1])]
    if len(heads) > 1 and len(data) > 1 and set(heads) <= _MEANING.keys():
        names, header, data = heads, first[0], data[1:]
        tabs = tabs or "\t" in first[1]
    counts = Counter(len(fields_of(line, tabs)) for _, line in data)
    fields = counts.most_common(1)[0][0] if names is None else len(names)
    chosen = tuple(columns) if columns else tuple(names or _default_names(path, fields, data, tabs))
    if len(chosen) != fields:
        found = f"{fields} columns in most lines, while {len(chosen)} are named ({', '.join(chosen)})"
        raise UnreadableFileError(path, data[0][0], "a name for every column", found)
    meant = tuple(_MEANING.get(name, name if name in NAMES else IGNORED) for name in chosen)
    if all(name in (WORD, IGNORED) for name in meant):
        raise UnreadableFileError(path, data[0][0], "a column named tags, gold or predicted", ", ".join(chosen))
    doubled = next((name for name, count in Counter(meant).items() if count > 1 and name != IGNORED), None)
    if doubled:
        raise UnreadableFileError(path, data[0][0], "every column once", f"{doubled} twice in {', '.join(chosen)}")
    return _Layout(tabs, fields, meant, header)


def _default_names(path: Path, fields: int, data: Sequence[tuple[int, str]], tabs: bool) -> Sequence[str]:
    if fields == 2:
        return (WORD, TAGS)
    if fields == 3:
        return (WORD, GOLD, PREDICTED)
    number = next(number for number, line in data if len(fields_of(line, tabs)) == fields)
    line = quoted(dict(data)[number])
    if fields == 1:
        raise UnreadableFileError(path, number, _LINE, f"one column: {line}")
    four = " (CoNLL-2003 has word, part of speech, chunk and tag)" if fields == 4 else ""
    raise UnreadableFileError(
        path,
        number,
        "two columns (word, tag) or three (word, gold, predicted); --columns word,pos,chunk,tag names others",
        f"{fields} columns{four}: {line}",
    )


class _Blocks:
    """Collects sentences line by line."""

    def __init__(self, path: Path, layout: _Layout) -> None:
        self.path, self.layout = path, layout
        self.sentences: list[ReadSentence] = []
        self.notes: Counter[str] = Counter()
        self._image: tuple[str, int] | None = None
        self._rows: list[tuple[int, list[str]]] = []

    def take(self, number: int, line: str) -> None:
        """Take the next line."""
        if is_blank(line):
            self.finish(number)
        elif line.startswith(_DOCUMENT) and re.fullmatch(r"-DOCSTART-([ \t].*)?", line):
            self.finish(number)
            self.notes["-DOCSTART- lines skipped"] += 1
        elif (image := image_of(line)) is not None:
            self._start(number, line, image)
        else:
            self._rows.append((number, self._fields(number, line)))

    def finish(self, number: int) -> None:
        """End the sentence that is open, if one is."""
        if not self._rows:
            if self._image is not None:
                image, line = self._image
                found = f"no word between it and line {number}"
                raise UnreadableFileError(self.path, line, f"words after the image id {quoted(image)}", found)
            return
        names = self.layout.names
        held = {name: tuple(row[place] for _, row in self._rows) for place, name in enumerate(names)}
        words = held.pop(WORD, ())
        held.pop(IGNORED, None)
        image = self._image[0] if self._image else ""
        self.sentences.append(ReadSentence(len(self.sentences), self._rows[0][0], image, words, held))
        self._rows, self._image = [], None

    def _start(self, number: int, line: str, image: str) -> None:
        if not image or "/" in image or "\\" in image:
            raise UnreadableFileError(self.path, number, "'IMGID:<id>' or 'IMGID:<id>.jpg'", quoted(line))
        if self._rows:
            self.notes["sentences that end at the next IMGID line, without a blank line"] += 1
            self.finish(number)
        if self._image is not None and self._image[0] != image:
            self.finish(number)  # raises: an id without words
        if self._image is not None:
            self.notes["IMGID lines said twice"] += 1
        if line.strip() != f"IMGID:{image}":
            self.notes["IMGID lines in another spelling or with a suffix, which is not part of the id"] += 1
        self._image = (image, number)

    def _fields(self, number: int, line: str) -> list[str]:
        layout = self.layout
        fields = fields_of(line, layout.tabs)
        if layout.tabs and "\t" not in line and len(fields) == layout.fields:
            self.notes["lines separated by blanks among lines separated by tabs"] += 1
            if not all(map(TAG.fullmatch, fields[1:])):
                fields = [line]
        if len(fields) != layout.fields:
            raise UnreadableFileError(
                self.path, number, f"{layout.fields} columns as elsewhere in the file", _why_odd(line, fields)
            )
        if "" in fields:
            place = fields.index("")
            what = "an empty word" if layout.names[place] == WORD else "an empty field"
            raise UnreadableFileError(self.path, number, _LINE, f"{what} in {quoted(line)}")
        return fields


def _why_odd(line: str, fields: Sequence[str]) -> str:
    shown = quoted(line)
    if line.startswith("#") and "\t" not in line:
        return f"what looks like a comment, {shown}: delete such lines"
    if len(fields) == 1 and re.search(r"[\u00a0\u2000-\u200a\u3000]", line):
        return f"a no-break or wide space where a tab or a blank should separate word and tag, {shown}"
    if len(fields) == 1:
        return f"a word without a tag, {shown}"
    return f"{len(fields)} columns, {shown}"


def _told(path: Path, layout: _Layout, reader: _Blocks) -> ReadFile:
    sentences = tuple(reader.sentences)
    images = [one.image for one in sentences]
    blocks = "IMGID blocks" if any(images) else "CoNLL blocks without image ids"
    separated = "tab" if layout.tabs else "blank"
    names = ", ".join(layout.names)
    form = f"{blocks}, {separated} separated" + ("" if layout.names == (WORD, TAGS) else f", columns {names}")
    findings = [f"{count:,} {what}" for what, count in reader.notes.items()]
    without = sum(not image for image in images)
    if any(images) and without:
        findings.append(f"{without:,} of {len(images):,} sentences have no image id")
    repeated = sum(count - 1 for image, count in Counter(images).items() if image)
    if repeated:
        findings.append(f"{repeated:,} sentences repeat an image id that stands before; all are kept")
    return ReadFile(path, form, sentences, tuple(findings))
