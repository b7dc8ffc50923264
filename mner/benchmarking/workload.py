"""What a benchmark trains on: real sentences where they are built, pictures of the released shape, no download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from mner.benchmarking.measure import stand_ins, stated_lengths
from mner.data.batch import Batch
from mner.data.corpus import Sentence, read_sentences
from mner.data.side_data import Side
from mner.data.subwords import WordPieces
from mner.features.store import FeatureStore
from mner.graphs.relations import Relation
from mner.training.batching import SplitData, Tables, batches_in_order, training_order

REGIONS, VISUAL_WIDTH, NEIGHBOURS, MAX_PIECES = 49, 2048, 5, 256
DISTINCT_PICTURES = 128
STATED_SENTENCES = 2000
CAPTION, OBJECTS = "a man with a guitar on a stage in front of a crowd", ("person", "guitar", "stage", "crowd")


@dataclass(frozen=True, slots=True)
class Workload:
    """One split and what is known of it; ``source`` says in words where its sentences come from."""

    split: SplitData
    source: str

    def lengths(self) -> np.ndarray:
        """Word pieces of every sentence, as batches are sorted by."""
        table = self.split.text if self.split.cross is None else self.split.cross
        return table.lengths()

    def batches(self, batch_size: int, count: int, training: bool) -> list[list[int]]:
        """``count`` batches that stand for a whole epoch (or a pass of inference): spread over its lengths."""
        lengths = self.lengths()
        if training:
            every = training_order(lengths, batch_size, np.random.default_rng(1))
        else:
            every = batches_in_order(lengths, batch_size)
        return spread(every, lengths, count)

    def unsorted_batches(self, batch_size: int, count: int) -> list[list[int]]:
        """``count`` batches of shuffled sentences, whatever their length."""
        order = np.random.default_rng(2).permutation(len(self.split))
        return [order[start * batch_size : (start + 1) * batch_size].tolist() for start in range(count)]

    def on(self, rows: Sequence[int], device: torch.device) -> Batch:
        """A batch, built and moved as training does it."""
        return self.split.batch(rows).to(device)


def spread(batches: Sequence[list[int]], lengths: np.ndarray, count: int) -> list[list[int]]:
    """``count`` batches at evenly spaced ranks of their longest sentence; all of them where there are fewer."""
    ordered = sorted((batch for batch in batches), key=lambda rows: int(lengths[rows].max()))
    if len(ordered) <= count:
        return ordered
    places = ((np.arange(count) + 0.5) / count * len(ordered)).astype(int)
    return [ordered[place] for place in places]


def make_workload(
    root: Path, dataset: str, tokenizer: Any, module: ModuleType, options: Mapping[str, Any], device: torch.device
) -> Workload:
    """The training split of ``dataset`` with random pictures of 49 x 2048 numbers and 5 + 5 random neighbours.

    Pictures lie on ``device``, as they do in training.

    Where the data set is not built below ``root``, sentences of the stated length distribution take its place.
    ``module`` and ``options`` are a system's: they say what its batches hold.
    """
    path = root / "data" / dataset / "corpus" / "train.jsonl"
    if path.is_file():
        sentences, source = tuple(read_sentences(path)), f"{dataset}, real training sentences"
    else:
        sentences = stand_ins(stated_lengths(dataset, STATED_SENTENCES))
        source = f"{dataset}, stand-ins of its length distribution (the data set is not built)"
    return Workload(_split(sentences, tokenizer, module, options, device), source)


def _split(
    sentences: tuple[Sentence, ...],
    tokenizer: Any,
    module: ModuleType,
    options: Mapping[str, Any],
    device: torch.device,
) -> SplitData:
    needs = set(module.CARD.needs)
    reads_context = hasattr(module, "context") and bool(options.get("context"))
    images = list(dict.fromkeys(sentence.image for sentence in sentences))
    side = Side(dict.fromkeys(images, CAPTION), dict.fromkeys(images, OBJECTS), {}, frozenset())
    tables = Tables(
        WordPieces(tokenizer),
        MAX_PIECES,
        side,
        _pictures(images, device) if needs & {"regions", "relations"} else None,
        tuple(images) if "relations" in needs else None,
        module.context if reads_context else None,
        options,
        bool(needs & {"captions", "objects", "ocr"}) and not hasattr(module, "context"),
    )
    return tables.split(sentences, _neighbours(len(sentences), len(images)) if "relations" in needs else None)


def _pictures(images: Sequence[str], device: torch.device) -> FeatureStore:
    """A store as training reads it (half precision, ragged); many image ids share few distinct pictures."""
    distinct = min(DISTINCT_PICTURES, len(images))
    numbers = torch.Generator().manual_seed(0)
    values = torch.rand(distinct * REGIONS, VISUAL_WIDTH, generator=numbers).to(torch.float16)
    rows = {image: number % distinct for number, image in enumerate(images)}
    store = FeatureStore(values, np.arange(distinct + 1) * REGIONS, rows, {"model": "random numbers"})
    return store if device.type == "cpu" else store.resident(device)


def _neighbours(sentences: int, images: int) -> tuple[Relation, Relation]:
    numbers = torch.Generator().manual_seed(0)

    def relation() -> Relation:
        rows = torch.randint(images, (sentences, NEIGHBOURS), generator=numbers)
        return Relation(rows, torch.rand(sentences, NEIGHBOURS, generator=numbers).sort(descending=True).values)

    return relation(), relation()
