"""Other copies of a test split that papers scored on: which of our sentences they hold, and their tags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from mner.data.corpus import read_sentences
from mner.data.sources import ANNOTATIONS, annotation_file
from mner.evaluation.spans import EncodedTags, encode
from mner.files import read_json

RGCN = "rgcn"


@dataclass(frozen=True, slots=True)
class OtherCopy:
    """A copy by its name in ``reports/paper.yaml``; ``gold`` are its tags on all our sentences, None: ours."""

    name: str
    keep: Bool[np.ndarray, " sentences"]
    gold: EncodedTags | None = None

    def gold_of(self, ours: EncodedTags) -> EncodedTags:
        """Its tags on the sentences it holds."""
        return (ours if self.gold is None else self.gold).select(self.keep)


def other_copies(data_folder: Path, dataset: str) -> tuple[OtherCopy, ...]:
    """The copies of a data set's test split that can be rebuilt from what the data stage wrote, by name."""
    return tuple(sorted((*_rgcn(data_folder, dataset), *_annotations(data_folder, dataset)), key=lambda x: x.name))


def _rgcn(data_folder: Path, dataset: str) -> list[OtherCopy]:
    """R-GCN's, known by its retrieval lists; its tags on what it holds are ours (``mner.data.documented``).

    No copy where it holds no sentence, or all of them.
    """
    path = data_folder / dataset / "side" / "retrieval.json"
    if not path.is_file():
        return []
    keep = np.array([entry is not None for entry in read_json(path)["test"]], dtype=bool)
    return [] if keep.all() or not keep.any() else [OtherCopy(RGCN, keep)]


def _annotations(data_folder: Path, dataset: str) -> list[OtherCopy]:
    """Copies of the same sentences in which some have other tags."""
    found = []
    for name in sorted(ANNOTATIONS.values()):
        path = annotation_file(data_folder / dataset, name)
        if path.is_file():
            gold = encode([sentence.tags or () for sentence in read_sentences(path)])
            found.append(OtherCopy(name, np.ones(len(gold.lengths), dtype=bool), gold))
    return found
