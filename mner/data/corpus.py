"""Sentences, tags, the files that hold them, and the views of a data set's pictures.

This module is the only home of label names. Everything downstream works at word level on BIO tags over
four types; Twitter-2015's fourth type ``OTHER`` is read as ``MISC``, as the papers' tables print it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from mner.base.files import write_text_atomically
from mner.config.training_recipe import VIEWS

TYPES: tuple[str, ...] = ("PER", "LOC", "ORG", "MISC")
OUTSIDE = "O"
LABELS: tuple[str, ...] = (OUTSIDE, *(f"{prefix}-{kind}" for kind in TYPES for prefix in ("B", "I")))
_KNOWN = frozenset(LABELS)
TYPE_ALIASES: dict[str, str] = {"OTHER": "MISC"}
SPLITS: tuple[str, ...] = ("train", "dev", "test")
ABSENT = -1
"""In place of the number of a sentence or picture: there is none."""


class CorpusError(ValueError):
    """A corpus file that cannot be read as what it claims to be; the message names file and line."""


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
        unknown = set(self.tags or ()) - set(LABELS)
        if unknown:
            raise CorpusError(f"sentence {self.index}: unknown tags {', '.join(sorted(map(str, unknown)))}")

    def blind(self) -> Sentence:
        """The same sentence with its tags withheld."""
        return Sentence(self.index, self.image, self.words, None)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The three splits that training may read; ``test`` carries no tags."""

    name: str
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]

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
            tags = tuple(row["tags"]) if "tags" in row else None
            sentence = Sentence(row["index"], row["image"], tuple(row["words"]), tags)
        except (json.JSONDecodeError, KeyError, TypeError, CorpusError) as error:
            raise CorpusError(f"{path}:{number + 1}: not a sentence record ({error})") from error
        if sentence.index != number:
            raise CorpusError(f"{path}:{number + 1}: index {sentence.index}, expected {number}")
        sentences.append(sentence)
    return tuple(sentences)


def read_corpus(folder: Path, name: str) -> Corpus:
    """Read ``train.jsonl``, ``dev.jsonl`` and ``test.blind.jsonl`` of one data set."""
    corpus = Corpus(
        name,
        read_sentences(folder / "train.jsonl"),
        read_sentences(folder / "dev.jsonl"),
        read_sentences(folder / "test.blind.jsonl"),
    )
    if any(sentence.tags is not None for sentence in corpus.test):
        raise CorpusError(f"{folder / 'test.blind.jsonl'}: the test split that training reads must carry no tags")
    return corpus


def write_tags(path: Path, tags: Sequence[Sequence[str]]) -> None:
    """Write predicted (or gold) tags, one JSON list a line in sentence order, atomically."""
    write_text_atomically(path, "\n".join(json.dumps(list(row)) for row in tags) + "\n")


def read_tags(path: Path) -> list[list[str]]:
    """Read what :func:`write_tags` wrote.

    Raises:
        CorpusError: a line is not a list of tags the harness knows.
    """
    lines = _lines(path)
    if (whole := _tag_rows(lines)) is not None:
        return whole
    rows = []
    for number, line in enumerate(lines):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{path}:{number + 1}: not a list of tags ({error})") from error
        if not isinstance(row, list) or not set(map(str, row)) <= set(LABELS):
            raise CorpusError(f"{path}:{number + 1}: not a list of tags out of {', '.join(LABELS)}")
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
        return rows if len(rows) == len(lines) and _KNOWN.issuperset(chain.from_iterable(rows)) else None
    except TypeError:  # a row that holds an object
        return None


def _lines(path: Path) -> list[str]:
    # Not splitlines(): JSON leaves line separators such as U+2028 inside its strings.
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


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
