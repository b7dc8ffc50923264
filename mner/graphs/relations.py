"""Relation graphs between tweets and other tweets' pictures: a file of neighbour lists, read as a PyG graph.

Two relations (R-GCN, slides "The Proposed Model"): inter-modal, from a picture that shows what a sentence
mentions to that sentence; intra-modal, from a picture with the same kinds of object to a sentence's own picture.
Sentences are numbered train, dev, test back to back; pictures by their row in ``images``. A data set has one file
(safetensors, no pickle) of lists; :meth:`RelationGraph.hetero` reads them as edges, and what a sentence's
neighbours are is read from those edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor

from mner.base.files import read_json, reading, write_atomically, write_json_atomically
from mner.data.corpus import ABSENT, SPLITS, Corpus

if TYPE_CHECKING:  # its import takes seconds, and most rows never read a graph
    from torch_geometric.data import HeteroData

INTER = ("picture", "retrieved_for", "text")
INTRA = ("picture", "shares_objects", "text")


class GraphError(ValueError):
    """A relation graph that is missing or does not belong to the corpus; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Relation:
    """k best pictures for every sentence, best first; row ``ABSENT`` and score 0 where there are fewer."""

    rows: Int[Tensor, "sentences k"]
    scores: Float[Tensor, "sentences k"]


@dataclass(frozen=True, slots=True)
class RelationGraph:
    """Both relations of one data set over one list of pictures."""

    name: str
    images: tuple[str, ...]
    split_sizes: Mapping[str, int]
    inter: Relation
    intra: Relation
    provenance: Mapping[str, Any]

    def of_split(self, split: str) -> tuple[Relation, Relation]:
        """Inter- and intra-modal neighbours of one split's sentences, in order, from the PyG graph's edges."""
        start = sum(self.split_sizes[other] for other in SPLITS[: SPLITS.index(split)])
        part, data = range(start, start + self.split_sizes[split]), self.hetero()
        inter, intra = (
            neighbours_of(data, kind, part, relation.rows.shape[1])
            for kind, relation in ((INTER, self.inter), (INTRA, self.intra))
        )
        return inter, intra

    def hetero(self) -> HeteroData:
        """Build the PyG graph: nodes ``text`` (sentences) and ``picture``, edges of both relations into ``text``.

        An edge has its retrieval score as ``edge_attr`` (float32) and its index in the list as ``rank``, best 0.
        """
        from torch_geometric.data import HeteroData

        data = HeteroData()
        data["picture"].num_nodes = len(self.images)
        data["text"].num_nodes = sum(self.split_sizes.values())
        for kind, relation in ((INTER, self.inter), (INTRA, self.intra)):
            sentence, rank = torch.nonzero(relation.rows != ABSENT, as_tuple=True)
            data[kind].edge_index = torch.stack([relation.rows[sentence, rank], sentence])
            data[kind].edge_attr = relation.scores[sentence, rank]
            data[kind].rank = rank
        return data


def neighbours_of(data: HeteroData, kind: tuple[str, str, str], sentences: range, k: int) -> Relation:
    """Read the k best neighbours of a run of sentences from the edges of one relation.

    Args:
        data: what :meth:`RelationGraph.hetero` built.
        kind: ``INTER`` or ``INTRA``.
        sentences: numbers of ``text`` nodes, a run without gaps.
        k: how many places each list has; places without an edge hold ``ABSENT`` and score 0.
    """
    edges = data[kind]
    picture, sentence = edges.edge_index
    wanted = (sentence >= sentences.start) & (sentence < sentences.stop) & (edges.rank < k)
    place = sentence[wanted] - sentences.start, edges.rank[wanted]
    rows = torch.full((len(sentences), k), ABSENT, dtype=picture.dtype)
    scores = torch.zeros(len(sentences), k, dtype=edges.edge_attr.dtype)
    rows[place] = picture[wanted]
    scores[place] = edges.edge_attr[wanted]
    return Relation(rows, scores)


def write_graph(path: Path, graph: RelationGraph) -> None:
    """Write ``path`` (tensors) and ``<path>.json`` (picture ids, sizes, provenance), atomically."""
    tensors = {
        "inter.rows": graph.inter.rows,
        "inter.scores": graph.inter.scores,
        "intra.rows": graph.intra.rows,
        "intra.scores": graph.intra.scores,
    }
    write_atomically(path, lambda part: save_file({k: v.contiguous() for k, v in tensors.items()}, part))
    description = {
        "name": graph.name,
        "images": list(graph.images),
        "split_sizes": dict(graph.split_sizes),
        "provenance": dict(graph.provenance),
    }
    write_json_atomically(path.with_suffix(".json"), description)


def read_graph(path: Path) -> RelationGraph:
    """Read what :func:`write_graph` wrote.

    Raises:
        GraphError: a file is missing or the two files do not belong together.
        BrokenFileError: one of them is damaged.
    """
    if not path.is_file() or not path.with_suffix(".json").is_file():
        raise GraphError(f"{path}: no relation graph there; run `dvc repro` (stage graphs) first")
    description = read_json(path.with_suffix(".json"))
    with reading(path):
        tensors = load_file(path)
    sentences = sum(description["split_sizes"].values())
    if any(len(tensor) != sentences for tensor in tensors.values()):
        raise GraphError(f"{path}: index and neighbours disagree; delete both files and rebuild them")
    for name in ("inter", "intra"):
        _refuse_bad_places(path, name, tensors, len(description["images"]))
    return RelationGraph(
        description["name"],
        tuple(description["images"]),
        description["split_sizes"],
        Relation(tensors["inter.rows"], tensors["inter.scores"]),
        Relation(tensors["intra.rows"], tensors["intra.scores"]),
        description["provenance"],
    )


class BadPlaceError(GraphError):
    """Sentence ``row`` of a graph's ``relation`` names a picture that is not listed, or a score that is none."""

    def __init__(self, path: Path, relation: str, row: int, images: int) -> None:
        self.path, self.relation, self.row = path, relation, row
        super().__init__(
            f"{path}: sentence {row} has {relation} neighbours that are not among its {images:,} pictures, or "
            "scores that are no numbers; delete the graph and run `dvc repro` (stage graphs)"
        )


def _refuse_bad_places(path: Path, name: str, tensors: Mapping[str, Tensor], images: int) -> None:
    rows, scores = tensors[f"{name}.rows"], tensors[f"{name}.scores"]
    bad = ((rows != ABSENT) & ((rows < 0) | (rows >= images))) | ~torch.isfinite(scores)
    if bad.any():
        raise BadPlaceError(path, name, int(torch.nonzero(bad)[0, 0]), images)


def released_graph(
    corpus: Corpus, retrieval: Mapping[str, Sequence[Mapping[str, Any] | None]], k: int
) -> RelationGraph:
    """R-GCN's published lists, first k of each; a sentence without a list has no neighbours.

    Raises:
        GraphError: the data set has no published lists at all.
    """
    for split in SPLITS:
        found, expected = len(retrieval[split]), len(corpus.split(split))
        if found != expected:
            raise GraphError(
                f"{corpus.name}: {found} retrieval lists for {expected} sentences of {split}; they belong to "
                "another dataset version, run `dvc repro` (stage data) again"
            )
    lists = [entry for split in SPLITS for entry in retrieval[split]]
    if not any(lists):
        raise GraphError(f"{corpus.name}: no published retrieval lists; set relations to 'rebuilt' in params.yaml")
    images = sorted(
        {image for entry in lists if entry for kind in ("inter", "intra") for image in entry[f"{kind}_images"][:k]}
    )
    row_of = {image: row for row, image in enumerate(images)}
    relations = {kind: _listed(lists, kind, k, row_of) for kind in ("inter", "intra")}
    return RelationGraph(
        "released",
        tuple(images),
        {split: len(corpus.split(split)) for split in SPLITS},
        relations["inter"],
        relations["intra"],
        {"source": "published retrieval lists of R-GCN", "k": k, "pool": "all splits"},
    )


def _listed(lists: Sequence[Mapping | None], kind: str, k: int, row_of: Mapping[str, int]) -> Relation:
    rows = np.full((len(lists), k), ABSENT, dtype=np.int64)
    scores = np.zeros((len(lists), k), dtype=np.float32)
    for number, entry in enumerate(lists):
        if entry is None:
            continue
        images, values = entry[f"{kind}_images"][:k], entry[f"{kind}_scores"][:k]
        rows[number, : len(images)] = [row_of[image] for image in images]
        scores[number, : len(values)] = values
    return Relation(torch.from_numpy(rows), torch.from_numpy(scores))
