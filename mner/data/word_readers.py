"""Readers of pictures in words as their authors wrote them: descriptions, captions, knowledge, relation strength.

Errors name file and line. All are tables by image id but the knowledge, which stands behind each tweet's words.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.data.corpus import SPLITS, CorpusError, Sentence
from mner.data.readers import add_once, image_id, lines_of, text_lines

KNOWLEDGE_MARK = "<EOS>"
"""The line of PGIM's files behind which the knowledge begins; the tags of all its words are ``X``."""

_OWL_START = "imgid:"
_OWL_MARK = "###"
_MEMBERS = dict(zip(SPLITS, ("train.txt", "valid.txt", "test.txt"), strict=True))
_MEMBER_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class Known:
    """One tweet of PGIM's files: its words, and the knowledge written for it and its picture's caption."""

    words: tuple[str, ...]
    knowledge: str


def read_descriptions(path: Path) -> dict[str, str]:
    """Read descriptions by image id from JSON objects, one a line, with ``image_name`` and ``description``.

    Raises:
        CorpusError: a line is no such object, or an image appears twice.
    """
    found: dict[str, str] = {}
    for where, line in lines_of(path):
        if not line:
            continue
        try:
            entry = json.loads(line)
            name, text = entry["image_name"], entry["description"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise CorpusError(f"no object with image_name and description ({error!r})", where) from error
        if not isinstance(name, str) or not isinstance(text, str):
            raise CorpusError("image_name and description must be texts", where)
        add_once(found, image_id(name, where), _one_line(text), where)
    return found


def read_owl(path: Path) -> dict[str, str]:
    """Read captions by image id: ``imgid:<id>###<text>``, and all lines up to the next such line.

    Raises:
        CorpusError: a line before the first ``imgid:``, one without ``###``, or an image that appears twice.
    """
    found: dict[str, str] = {}
    image = None
    for where, line in lines_of(path):
        if line.startswith(_OWL_START):
            name, mark, text = line[len(_OWL_START) :].partition(_OWL_MARK)
            if not mark:
                raise CorpusError(f"expected '{_OWL_START}<id>{_OWL_MARK}<text>'", where)
            image = image_id(name, where)
            add_once(found, image, text, where)
        elif image is None:
            raise CorpusError(f"text before any '{_OWL_START}<id>{_OWL_MARK}'", where)
        else:
            found[image] += f"\n{line}"
    return {image: _one_line(text) for image, text in found.items()}


def read_strength(path: Path) -> dict[str, float]:
    """Read one score by image id from lines ``<file>.jpg<TAB><number>``.

    Raises:
        CorpusError: a line is no such pair, the number is not between 0 and 1, or an image appears twice.
    """
    found: dict[str, float] = {}
    for where, line in lines_of(path):
        file, tab, number = line.partition("\t")
        try:
            score = float(number)
        except ValueError as error:
            raise CorpusError("expected '<file>.jpg<TAB><number>'", where) from error
        if not tab or not math.isfinite(score) or not 0 <= score <= 1:
            raise CorpusError(f"{number!r} is not a score from 0 to 1", where)
        add_once(found, image_id(file, where), score, where)
    return found


def read_knowledge(path: Path) -> dict[str, tuple[Known, ...]]:
    """Read PGIM's archive of ``train.txt``, ``valid.txt`` and ``test.txt``: tweets and their knowledge by split.

    Raises:
        CorpusError: no such archive, a missing or oversized member, or a sentence without words or knowledge.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            contents = {split: _member(archive, path, member) for split, member in _MEMBERS.items()}
    except zipfile.BadZipFile as error:
        raise CorpusError(f"no zip archive ({error})", path) from error
    return {split: _known(f"{path}/{_MEMBERS[split]}", content) for split, content in contents.items()}


def knowledge_by_image(
    splits: Mapping[str, Sequence[Sentence]], known: Mapping[str, Sequence[Known]], where: str
) -> dict[str, str]:
    """Lay the knowledge beside the tweets of its split by their words, and key it by the tweets' images.

    Tweets of the same words take the knowledge in their order.

    Raises:
        CorpusError: knowledge of a tweet that the split does not hold.
    """
    found: dict[str, str] = {}
    for split in SPLITS:
        waiting: dict[tuple[str, ...], list[str]] = {}
        for sentence in splits[split]:
            waiting.setdefault(_comparable(sentence.words), []).append(sentence.image)
        for number, one in enumerate(known[split], start=1):
            images = waiting.get(_comparable(one.words))
            if not images:
                raise CorpusError(f"tweet {number} is not in the split {split}", where)
            found[images.pop(0)] = one.knowledge
    return found


def _comparable(words: Sequence[str]) -> tuple[str, ...]:
    """Words without those of blanks alone, which one copy lacks and another writes as a colon."""
    return tuple(word for word in words if word.strip())


def _member(archive: zipfile.ZipFile, path: Path, member: str) -> bytes:
    try:
        size = archive.getinfo(member).file_size
    except KeyError as error:
        raise CorpusError(f"the archive holds no {member}", path) from error
    if size > _MEMBER_BYTES:
        raise CorpusError(f"{member} of {size:,} bytes is larger than any such file", path)
    return archive.read(member)


def _known(name: str, content: bytes) -> tuple[Known, ...]:
    found: list[Known] = []
    words: list[str] = []
    knowledge: list[str] | None = None
    where = name
    for where, line in text_lines(name, content):
        if line == "":
            if words or knowledge is not None:
                found.append(_tweet(words, knowledge, where))
            words, knowledge = [], None
            continue
        word, tab, _ = line.rpartition("\t")
        if not tab:
            raise CorpusError("expected 'word<TAB>tag' or a blank line", where)
        if knowledge is not None:
            knowledge.append(word)
        elif word == KNOWLEDGE_MARK:
            knowledge = []
        else:
            words.append(word)
    if words or knowledge is not None:
        found.append(_tweet(words, knowledge, where))
    return tuple(found)


def _tweet(words: Sequence[str], knowledge: Sequence[str] | None, where: str) -> Known:
    if not words or knowledge is None:
        raise CorpusError(f"the tweet before this line has no {'words' if not words else KNOWLEDGE_MARK}", where)
    return Known(tuple(words), " ".join(knowledge))


def _one_line(text: str) -> str:
    return " ".join(text.split())
