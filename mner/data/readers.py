"""Readers of the public files as their authors wrote them; errors name file and line.

Lines are split at line feeds only and never stripped of blanks: one corpus word is a no-break space, which
``str.strip`` and ``str.splitlines`` would dissolve and with it the alignment of words and tags.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mner.data.corpus import CorpusError, Sentence, canonical_tag
from mner.data.side_data import join_names

LIST_LENGTH = 10
_IMAGE_LINE = "IMGID:"
_RECORD_LINES = 7
_canonical_tag = lru_cache(maxsize=64)(canonical_tag)


@dataclass(frozen=True, slots=True)
class RetrievalLists:
    """The pictures retrieved for one tweet, best first, with their scores.

    ``inter`` compares the tweet's text with pictures, ``intra`` its own picture with pictures.
    """

    inter_images: tuple[str, ...]
    inter_scores: tuple[float, ...]
    intra_images: tuple[str, ...]
    intra_scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RetrievalRecord:
    """One record of R-GCN's files: a sentence and its retrieval lists."""

    sentence: Sentence
    lists: RetrievalLists


@dataclass(frozen=True, slots=True)
class Alignment:
    """R-GCN records laid beside canonical sentences.

    ``records[i]`` belongs to canonical sentence i or is None (``missing``); ``differing`` are indices whose
    image agrees but not every word; ``unknown`` are positions of records that belong to no sentence.
    """

    records: tuple[RetrievalRecord | None, ...]
    missing: tuple[int, ...]
    differing: tuple[int, ...]
    unknown: tuple[int, ...]


def read_umt(path: Path) -> tuple[Sentence, ...]:
    """Read ``IMGID:<id>`` lines, ``word<TAB>tag`` lines and blank lines between sentences.

    The last sentence is kept whether or not a blank line follows it. AGBAN's, OCSGA's and UMGF's copies have
    the same form. Tags are mapped by :func:`mner.data.corpus.canonical_tag`.

    Raises:
        CorpusError: a line is none of the three, a sentence has no image or no word, or a tag is unknown.
    """
    return read_conll(path, need_images=True)


def read_conll(path: Path, *, need_images: bool = False) -> tuple[Sentence, ...]:
    """As :func:`read_umt`; without ``need_images`` the IMGID lines may be absent (image id ``""``)."""
    sentences: list[Sentence] = []
    image: str | None = None
    words: list[str] = []
    tags: list[str] = []

    def finish(where: str) -> None:
        nonlocal image
        if image is not None and not words:
            raise CorpusError(f"image {image} has no words before this line", where)
        if words:
            sentences.append(Sentence(len(sentences), image or "", tuple(words), tuple(tags)))
        image = None
        words.clear()
        tags.clear()

    where = str(path)
    for where, line in lines_of(path):
        if line == "":
            finish(where)
        elif line.startswith(_IMAGE_LINE) and "\t" not in line:
            if words or image is not None:
                raise CorpusError("a new image begins inside a sentence; a blank line is missing", where)
            image = image_id(line[len(_IMAGE_LINE) :], where)
        else:
            if need_images and image is None:
                raise CorpusError(f"a word before any {_IMAGE_LINE}<id> line of its sentence", where)
            word, tag = _word_and_tag(line, where)
            words.append(word)
            tags.append(tag)
    finish(where)
    if not sentences:
        raise CorpusError("holds no sentence", path)
    return tuple(sentences)


def read_rgcn(path: Path) -> tuple[RetrievalRecord, ...]:
    """Read R-GCN's records of seven lines.

    Words; tags; image file; ten text-to-image scores; ten images; ten image-to-image scores; ten images.

    Raises:
        CorpusError: lines are missing, words and tags differ in number, or a list has not ten entries.
    """
    lines = [line for _, line in lines_of(path)]
    if not lines or len(lines) % _RECORD_LINES:
        raise CorpusError(f"{len(lines)} lines are no multiple of {_RECORD_LINES} (one record)", path)
    return tuple(
        _record(path, start, lines[start : start + _RECORD_LINES]) for start in range(0, len(lines), _RECORD_LINES)
    )


def _record(path: Path, start: int, lines: Sequence[str]) -> RetrievalRecord:
    words, tags = lines[0].split(" "), lines[1].split(" ")
    where = [f"{path}:{start + offset + 1}" for offset in range(_RECORD_LINES)]
    if len(words) != len(tags):
        raise CorpusError(f"{len(tags)} tags for {len(words)} words", where[1])
    if "" in words:
        raise CorpusError("an empty word (two blanks in a row, or one at an end)", where[0])
    sentence = Sentence(
        start // _RECORD_LINES,
        image_id(lines[2], where[2]),
        tuple(words),
        tuple(_tag(tag, where[1]) for tag in tags),
    )
    lists = RetrievalLists(
        inter_scores=_scores(lines[3], where[3]),
        inter_images=_images(lines[4], where[4]),
        intra_scores=_scores(lines[5], where[5]),
        intra_images=_images(lines[6], where[6]),
    )
    return RetrievalRecord(sentence, lists)


def align_rgcn(canonical: Sequence[Sentence], records: Sequence[RetrievalRecord]) -> Alignment:
    """Lay R-GCN's records beside the canonical copy by image id and words, never by position.

    A record whose image id is canonical but whose words are not is still that sentence's record if both have
    the same number of words; it is listed as differing.
    """
    exact = {(sentence.image, sentence.words): sentence.index for sentence in canonical}
    by_image = {sentence.image: sentence for sentence in canonical}
    found: list[RetrievalRecord | None] = [None] * len(canonical)
    differing, unknown = [], []
    for position, record in enumerate(records):
        index = exact.get((record.sentence.image, record.sentence.words))
        if index is None:
            near = by_image.get(record.sentence.image)
            if near is not None and len(near.words) == len(record.sentence.words):
                index = near.index
                differing.append(index)
        if index is None or found[index] is not None:
            unknown.append(position)
            continue
        found[index] = record
    missing = tuple(index for index, record in enumerate(found) if record is None)
    return Alignment(tuple(found), missing, tuple(differing), tuple(unknown))


def read_catr(path: Path) -> dict[str, str]:
    """Captions by image id from a JSON object ``{"<file>.jpg": "<caption>"}``."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CorpusError(f"not JSON text ({error})", path) from error
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise CorpusError("expected one JSON object from image files to captions", path)
    return {image_id(file, str(path)): caption for file, caption in table.items()}


def read_blip2(path: Path) -> dict[str, str]:
    """Captions by image id from lines ``<file>.jpg :<caption>``; a caption may be empty."""
    captions: dict[str, str] = {}
    for where, line in lines_of(path):
        file, colon, caption = line.partition(" :")
        if not colon:
            raise CorpusError("expected '<file>.jpg :<caption>'", where)
        add_once(captions, image_id(file, where), caption, where)
    return captions


def read_object_labels(path: Path) -> dict[str, list[str]]:
    """COCO-80 object names by image id from lines ``<file>.jpg name name ...``; [] where none was found.

    Names of several words are put together again by :func:`mner.data.side_data.join_names`.
    """
    labels: dict[str, list[str]] = {}
    for where, line in lines_of(path):
        file, *words = line.rstrip(" ").split(" ")
        try:
            names = join_names(words)
        except ValueError as error:
            raise CorpusError(f"{error}", where) from error
        add_once(labels, image_id(file, where), names, where)
    return labels


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Give (file:line, text) of every line; a closing line feed makes no extra line."""
    return text_lines(str(path), path.read_bytes())


def text_lines(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """As :func:`lines_of`, of bytes from a file of this name."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"not UTF-8 text ({error.reason} at byte {error.start})", name) from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        yield f"{name}:{number}", line.removesuffix("\r")


def _word_and_tag(line: str, where: str) -> tuple[str, str]:
    word, tab, tag = line.partition("\t")
    if not tab or not word or "\t" in tag:
        raise CorpusError(f"expected 'word<TAB>tag', a blank line or '{_IMAGE_LINE}<id>'", where)
    return word, _tag(tag, where)


def _tag(tag: str, where: str) -> str:
    try:
        return _canonical_tag(tag)
    except CorpusError as error:
        raise CorpusError(f"{error}", where) from error


def image_id(text: str, where: str) -> str:
    """Give the id of an image id or image file name; raises CorpusError with the place otherwise."""
    image = text.removesuffix(".jpg")
    if not image or image != "".join(image.split()) or "/" in image:
        raise CorpusError(f"{text!r} is not an image id or an image file name", where)
    return image


def _scores(line: str, where: str) -> tuple[float, ...]:
    try:
        scores = tuple(float(text) for text in line.split(" "))
    except ValueError as error:
        raise CorpusError(f"{error}", where) from error
    if len(scores) != LIST_LENGTH or not all(math.isfinite(score) for score in scores):
        raise CorpusError(f"{len(scores)} scores, expected {LIST_LENGTH} finite numbers", where)
    return scores


def _images(line: str, where: str) -> tuple[str, ...]:
    images = tuple(image_id(file, where) for file in line.split(" "))
    if len(images) != LIST_LENGTH:
        raise CorpusError(f"{len(images)} images, expected {LIST_LENGTH}", where)
    return images


def add_once(table: dict, image: str, value: object, where: str) -> None:
    """Enter a value under an image that has none yet; raises CorpusError with the place otherwise."""
    if image in table:
        raise CorpusError(f"image {image} appears a second time", where)
    table[image] = value
