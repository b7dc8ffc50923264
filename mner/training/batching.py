"""From corpus, side data, features and graphs to batches on the device: what a card asks for, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from mner.data.batch import Batch, Neighbours, pinned
from mner.data.corpus import ABSENT, LABELS, Sentence, view_of
from mner.data.side_data import ImageText, Side
from mner.data.subwords import PieceTable, WordPieces
from mner.features.store import FeatureStore
from mner.graphs.relations import Relation

Context = Callable[[ImageText, Mapping[str, Any]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SplitData:
    """One split as a system sees it.

    ``picture_of[i]`` is the sentence whose picture (context, regions, labels) sentence i is given, and
    ``neighbours_of[i]`` the one whose neighbours: i itself, another one, or ``ABSENT``, by probe view
    (:func:`view_of`).
    """

    sentences: tuple[Sentence, ...]
    text: PieceTable
    cross: PieceTable | None
    has_context: np.ndarray
    picture_of: np.ndarray
    neighbours_of: np.ndarray
    store: FeatureStore | None
    neighbours: tuple[Relation, Relation] | None
    neighbour_rows: np.ndarray | None
    side: Side | None
    labels: tuple[str, ...] = LABELS

    def __len__(self) -> int:
        return len(self.sentences)

    def batch(self, rows: Sequence[int]) -> Batch:
        """The named sentences, padded to the longest of them."""
        chosen = [self.sentences[row] for row in rows]
        words = max(len(sentence.words) for sentence in chosen)
        lengths = np.array([len(sentence.words) for sentence in chosen])
        mask = torch.from_numpy(np.arange(words)[None, :] < lengths[:, None])
        pictures = self.picture_of[list(rows)]
        inter, intra = self._neighbours(self.neighbours_of[list(rows)])
        return Batch(
            index=torch.tensor([sentence.index for sentence in chosen]),
            words=tuple(sentence.words for sentence in chosen),
            word_mask=mask,
            tags=_tag_tensor(chosen, words, self.labels),
            text=self.text.rows(rows, words),
            cross=None if self.cross is None else self.cross.rows(rows, words),
            has_context=None if self.cross is None else torch.from_numpy(self.has_context[list(rows)]),
            image=None if self.store is None else self.store.gather(self._image_rows(pictures)),
            inter=inter,
            intra=intra,
            image_text=None if self.side is None else tuple(self._image_text(picture) for picture in pictures),
        )

    def _image_text(self, picture: int) -> ImageText:
        assert self.side is not None
        return ImageText() if picture == ABSENT else self.side.image_text(self.sentences[picture].image)

    def _image_rows(self, pictures: np.ndarray) -> list[int]:
        assert self.store is not None
        return [
            ABSENT if picture == ABSENT else self.store.row_of(self.sentences[picture].image)
            for picture in pictures
        ]

    def _neighbours(self, pictures: np.ndarray) -> tuple[Neighbours | None, Neighbours | None]:
        if self.neighbours is None or self.store is None or self.neighbour_rows is None:
            return None, None
        present = torch.from_numpy(pictures != ABSENT)[:, None]
        found = []
        for relation in self.neighbours:
            rows = torch.where(present, relation.rows[pictures.clip(min=0)], ABSENT).numpy()
            scores = relation.scores[pictures.clip(min=0)].numpy()
            mapped = np.where(rows == ABSENT, ABSENT, self.neighbour_rows[rows])
            found.append(self.store.gather_neighbours(mapped, scores))
        inter, intra = found
        return inter, intra


def _tag_tensor(sentences: Sequence[Sentence], words: int, labels: Sequence[str]) -> torch.Tensor | None:
    if sentences[0].tags is None:
        return None
    number_of = {label: number for number, label in enumerate(labels)}
    tags = torch.zeros(len(sentences), words, dtype=torch.long)
    for row, sentence in enumerate(sentences):
        tags[row, : len(sentence.words)] = torch.tensor([number_of[tag] for tag in sentence.tags or ()])
    return tags


@dataclass(frozen=True, slots=True)
class Tables:
    """What splits are built from. ``context`` is the system file's function, None where it reads no captions.

    An option ``max_subwords`` limits the context to so many subwords behind its first separator.
    """

    pieces: WordPieces
    max_pieces: int
    side: Side
    store: FeatureStore | None
    graph_images: tuple[str, ...] | None
    context: Context | None
    options: Mapping[str, Any]
    reads_image_text: bool
    labels: tuple[str, ...] = LABELS

    def split(
        self,
        sentences: tuple[Sentence, ...],
        neighbours: tuple[Relation, Relation] | None,
        view: str = "own",
        seed: int = 0,
    ) -> SplitData:
        """Tokenise one split in one probe view of :func:`view_of`; ``seed`` fixes the shuffle."""
        picture_of, neighbours_of = view_of(len(sentences), view, seed)
        text = self.pieces.table([s.words for s in sentences], max_pieces=self.max_pieces)
        cross, has_context = None, np.zeros(len(sentences), dtype=bool)
        if self.context is not None:
            contexts = [self._context_words(sentences, picture) for picture in picture_of]
            cross = self.pieces.table(
                [s.words for s in sentences],
                contexts,
                max_pieces=self.max_pieces,
                max_context=self.options.get("max_subwords"),
            )
            has_context = np.array([bool(words) for words in contexts])
        rows = None
        if self.graph_images is not None and self.store is not None:
            rows = np.array([self.store.row_of(image) for image in self.graph_images], dtype=np.int64)
        return SplitData(
            sentences,
            text,
            cross,
            has_context,
            picture_of,
            neighbours_of,
            self.store,
            neighbours,
            rows,
            self.side if self.reads_image_text else None,
            self.labels,
        )

    def _context_words(self, sentences: Sequence[Sentence], picture: int) -> tuple[str, ...]:
        if picture == ABSENT or self.context is None:
            return ()
        return self.context(self.side.image_text(sentences[picture].image), self.options)


def training_order(
    lengths: np.ndarray, batch_size: int, generator: np.random.Generator, window: int = 50
) -> list[list[int]]:
    """Shuffled batches of similar length: shuffle, sort within windows of 50 batches, shuffle the batches."""
    order = generator.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), batch_size * window):
        part = order[start : start + batch_size * window]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch_size].tolist() for i in range(0, len(part), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def batches_in_order(lengths: np.ndarray, batch_size: int) -> list[list[int]]:
    """Batches for inference: sorted by length, longest first; every sentence exactly once."""
    order = np.argsort(-lengths, kind="stable")
    return [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]


Item = TypeVar("Item")
Made = TypeVar("Made")


def batches_on(
    split: SplitData, order: Sequence[Sequence[int]], device: torch.device
) -> Iterator[tuple[Sequence[int], Batch]]:
    """The rows of each batch and the batch on ``device``, in order; the same batches on any device.

    On a CPU a thread that builds ahead would take time from the one that computes, so nothing is built ahead.
    """
    if device.type != "cuda":
        for rows in order:
            yield rows, split.batch(rows).to(device)
        return
    for rows, batch in one_ahead(order, lambda rows: pinned(split.batch(rows))):
        yield rows, batch.to(device)


def one_ahead(items: Sequence[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
    """Each item and what ``make`` makes of it, in order; one is made in a thread while the last one is used.

    What ``make`` raises is raised where its item would have come.
    """
    with ThreadPoolExecutor(1, "batches") as thread:
        begun = ((item, thread.submit(make, item)) for item in items)
        following = next(begun, None)
        while following is not None:
            (item, made), following = following, next(begun, None)
            yield item, made.result()
