"""Sentences, tags, the files that hold them, and the views of a data set's pictures.

Everything downstream works at word level on BIO tags over the types of the data set (``mner.data.labels``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from sys import intern

import numpy as np

from mner.base.files import read_json, write_json_atomically, write_text_atomically
from mner.config.training_recipe import VIEWS
from mner.data.labels import LABELS, OUTSIDE, TYPE_ALIASES, TYPES, is_tag, labels_of, types_in

__all__ = ["LABELS", "OUTSIDE", "TYPES", "TYPE_ALIASES"]  # also read from here by every other package

SPLITS: tuple[str, ...] = ("train", "dev", "test")
TYPES_FILE = "types.json"
ABSENT = -1
"""In place of the number of a sentence or picture: there is none."""


class CorpusError(ValueError):
    """A corpus file that cannot be read as what it claims to be.

    Attributes:
        path: The file, or None where a value and no file is at fault.
        line: Its line, from 1, or None where the file as a whole is meant.
        problem: What is wrong, without the place.
    """

    def __init__(self, problem: str, where: str | Path = "") -> None:
        """Say what is wrong at ``where``: a file, or a file and its line as ``file:line``."""
        place, _, number = str(where).rpartition(":")
        has_line = bool(place) and number.isdecimal()
        self.path: Path | None = Path(place if has_line else where) if where else None
        self.line: int | None = int(number) if has_line else None
        self.problem = problem
        super().__init__(f"{where}: {problem}" if where else problem)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One tweet: its words, the id of its picture, and its tags unless they are withheld.

    ``index`` is the position in its split (from 0) and, with data set and split, the sentence's identity:
    predictions, gold and relation lists are matched by it. ``tags`` is None exactly in the blind test split.
    """

    index: int
    image: str
    words: tuple[str, ...]
    tags: tuple[str, ...] | None

    def __post_init__(self) -> None:
        if not self.words:
            raise CorpusError(f"sentence {self.index}: no words")
        if self.tags is not None and len(self.tags) != len(self.words):
            raise CorpusError(f"sentence {self.index}: {len(self.words)} words but {len(self.tags)} tags")
        if self.tags is not None and not all(map(is_tag, self.tags)):
            unknown = sorted({str(tag) for tag in self.tags if not is_tag(tag)})
            raise CorpusError(f"sentence {self.index}: {', '.join(unknown)} are no BIO tags")

    def blind(self) -> Sentence:
        """The same sentence with its tags withheld."""
        return Sentence(self.index, self.image, self.words, None)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The three splits that training may read; ``test`` carries no tags.

    ``labels`` is the label set: O, then B- and I- of every type, in the order that models number them.
    """

    name: str
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    labels: tuple[str, ...] = LABELS

    def split(self, name: str) -> tuple[Sentence, ...]:
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]


def canonical_tag(tag: str) -> str:
    """Map a corpus's own tag to the harness's: ``B-OTHER`` becomes ``B-MISC``; raises on unknown tags."""
    prefix, _, kind = tag.partition("-")
    mapped = f"{prefix}-{TYPE_ALIASES.get(kind, kind)}" if kind else tag
    if mapped not in LABELS:
        raise CorpusError(f"unknown tag {tag!r}; expected one of {', '.join(LABELS)} (or OTHER for MISC)")
    return mapped


def write_sentences(path: Path, sentences: Iterable[Sentence]) -> None:
    """Write one JSON object a line, atomically; blind sentences have no ``tags`` key at all."""
    lines = []
    for sentence in sentences:
        row: dict[str, object] = {
            "index": sentence.index,
            "image": sentence.image,
            "words": list(sentence.words),
        }
        if sentence.tags is not None:
            row["tags"] = list(sentence.tags)
        lines.append(json.dumps(row, ensure_ascii=False))
    write_text_atomically(path, "\n".join(lines) + "\n")


def read_sentences(path: Path) -> tuple[Sentence, ...]:
    """Read what :func:`write_sentences` wrote.

    Raises:
        CorpusError: a line is not a sentence, or indices are not 0, 1, 2, ...
    """
    sentences = []
    for number, line in enumerate(_lines(path)):
        try:
            row = json.loads(line)
            # Interned: a split of half a million sentences has few distinct words.
            tags = tuple(map(intern, row["tags"])) if "tags" in row else None
            sentence = Sentence(row["index"], row["image"], tuple(map(intern, row["words"])), tags)
        except (json.JSONDecodeError, KeyError, TypeError, CorpusError) as error:
            raise CorpusError(f"not a sentence record ({error})", f"{path}:{number + 1}") from error
        if sentence.index != number:
            raise CorpusError(f"index {sentence.index}, expected {number}", f"{path}:{number + 1}")
        sentences.append(sentence)
    return tuple(sentences)


@lru_cache(maxsize=16)
def sentences_at(path: Path, digest: str) -> tuple[Sentence, ...]:
    """:func:`read_sentences`, once in a process as long as the file has this SHA-256."""
    return read_sentences(path)


def read_corpus(folder: Path, name: str) -> Corpus:
    """Read ``train.jsonl``, ``dev.jsonl``, ``test.blind.jsonl`` and the label set of one data set.

    Raises:
        CorpusError: a file is not what it should be, a tag is not in the label set, or the test split has tags.
    """
    labels = labels_of(read_types(folder))
    corpus = Corpus(
        name,
        _labelled(folder / "train.jsonl", labels),
        _labelled(folder / "dev.jsonl", labels),
        read_sentences(folder / "test.blind.jsonl"),
        labels,
    )
    if any(sentence.tags is not None for sentence in corpus.test):
        raise CorpusError("the test split that training reads must carry no tags", folder / "test.blind.jsonl")
    return corpus


def write_types(folder: Path, splits: Mapping[str, Sequence[Sentence]]) -> None:
    """Write the types of a data set of its own label set to ``types.json``; the four types need no file."""
    types = types_in(sentence.tags or () for sentences in splits.values() for sentence in sentences)
    if types == TYPES:
        (folder / TYPES_FILE).unlink(missing_ok=True)
    else:
        write_json_atomically(folder / TYPES_FILE, list(types))


def read_types(folder: Path) -> tuple[str, ...]:
    """Read the types of a data set: those of ``types.json``, or PER, LOC, ORG and MISC where it has no such file.

    Raises:
        CorpusError: the file is not a list of names.
    """
    path = folder / TYPES_FILE
    if not path.is_file():
        return TYPES
    try:
        found = read_json(path)
    except ValueError as error:
        raise CorpusError(f"not a list of types ({error})", path) from error
    if not isinstance(found, list) or not found or not all(is_tag(f"B-{one}") for one in found):
        raise CorpusError(f"expected a list of types such as PER, found {str(found)[:80]}", path)
    return tuple(found)


def _labelled(path: Path, labels: tuple[str, ...]) -> tuple[Sentence, ...]:
    sentences, known = read_sentences(path), frozenset(labels)
    for number, sentence in enumerate(sentences):
        unknown = next((tag for tag in sentence.tags or () if tag not in known), None)
        if unknown is not None:
            raise CorpusError(
                f"tag {unknown!r} is not in the label set {', '.join(labels)}", f"{path}:{number + 1}"
            )
    return sentences


def write_tags(path: Path, tags: Sequence[Sequence[str]]) -> None:
    """Write predicted (or gold) tags, one JSON list a line in sentence order, atomically."""
    write_text_atomically(path, "\n".join(json.dumps(list(row)) for row in tags) + "\n")


def read_tags(path: Path) -> list[list[str]]:
    """Read what :func:`write_tags` wrote.

    Raises:
        CorpusError: a line is not a list of BIO tags.
    """
    return tags_of_text(path.read_text(encoding="utf-8"), path)


def tags_of_text(text: str, path: Path) -> list[list[str]]:
    """Read the content of a file of tags; ``path`` is what an error names.

    Raises:
        CorpusError: a line is not a list of BIO tags.
    """
    lines = _lines_of(text)
    if (whole := _tag_rows(lines)) is not None:
        return whole
    rows = []
    for number, line in enumerate(lines):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"not a list of tags ({error})", f"{path}:{number + 1}") from error
        if not isinstance(row, list) or not all(is_tag(tag) for tag in row):
            raise CorpusError("not a list of BIO tags such as O, B-PER and I-PER", f"{path}:{number + 1}")
        rows.append(row)
    return rows


def _tag_rows(lines: Sequence[str]) -> list[list[str]] | None:
    """Read all lines in one go, three times as fast; None where one of them is not a list of known tags."""
    if not all(line[:1] == "[" and line[-1:] == "]" and line.count("[") == 1 for line in lines):
        return None
    try:
        rows = json.loads(f"[{','.join(lines)}]")
    except json.JSONDecodeError:
        return None
    try:
        tags = set(chain.from_iterable(rows))
    except TypeError:  # a row that holds an object
        return None
    known = all(isinstance(tag, str) and is_tag(tag) for tag in tags)
    return rows if known and len(rows) == len(lines) else None


def _lines(path: Path) -> list[str]:
    return _lines_of(path.read_text(encoding="utf-8"))


def _lines_of(text: str) -> list[str]:
    # Not splitlines(): JSON leaves line separators such as U+2028 inside its strings.
    return text.removesuffix("\n").split("\n")


PROBES = VIEWS[1:]
PICTURE_PROBES = ("none", "shuffled")
"""Probes that take the own picture away; ``neighbours`` leaves it."""


def views_for(views: Iterable[str], needs: Collection[str]) -> list[str]:
    """Those of ``views`` that can differ for a system with these visual ``needs``: without any, ``own`` alone."""
    if not needs:
        return ["own"]
    return [view for view in views if view != "neighbours" or "relations" in needs]


def view_of(sentences: int, view: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whose picture, and whose neighbours, each sentence is given in a probe view.

    ``own``: its own of both; ``none``: no picture and no neighbours; ``shuffled``: both of another sentence (a
    permutation without fixed points); ``neighbours``: its own picture, another sentence's neighbours.
    """
    own = np.arange(sentences)
    if view == "own":
        return own, own
    if view == "none":
        return np.full(sentences, ABSENT), np.full(sentences, ABSENT)
    if view not in VIEWS:
        raise ValueError(f"view {view!r} is unknown; choose one of {', '.join(VIEWS)}")
    if sentences == 1:
        raise ValueError(f"view {view} needs at least two sentences; one alone would get its own picture")
    order = np.random.default_rng(seed).permutation(sentences)
    given = np.empty(sentences, dtype=np.int64)
    given[order] = np.roll(order, 1)
    return given if view == "shuffled" else own, given
