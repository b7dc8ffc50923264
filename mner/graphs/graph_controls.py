"""Graphs broken on purpose: what a system gains over them is what the relations themselves are worth.

All keep splits and shapes, so a row trained on one differs from R-GCN in its edges alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mner.config.graph_recipe import CONTROLS
from mner.data.corpus import ABSENT, SPLITS, Corpus
from mner.graphs.relations import GraphError, Relation, RelationGraph


def controlled(graph: RelationGraph, corpus: Corpus, control: str, seed: int) -> RelationGraph:
    """The graph under one of ``mner.config.graph_recipe.CONTROLS``; a function of graph, corpus and seed alone.

    Raises:
        GraphError: an unknown control, or a split with a single sentence, which has no other tweet.
    """
    if control not in CONTROLS:
        raise GraphError(f"control {control!r} is unknown; expected one of {', '.join(CONTROLS)}")
    change = {"other_tweet": other_tweet, "shuffled_scores": shuffled_scores, "self_only": self_only}[control]
    changed = change(graph, corpus, np.random.default_rng(seed))
    provenance = {**graph.provenance, "control": control, "seed": seed}
    return replace(changed, name=f"{graph.name}+{control}", provenance=provenance)


def other_tweet(graph: RelationGraph, corpus: Corpus, generator: np.random.Generator) -> RelationGraph:
    """Every sentence gets both lists of another sentence of its split, each list given once.

    Its own picture, should the other list hold it, is taken out: a tweet never retrieves itself.
    """
    giver = torch.cat([part for _, part in _by_split(graph, lambda rows: _exchanged(rows, generator))])
    row_of = {image: row for row, image in enumerate(graph.images)}
    own = torch.tensor([row_of.get(one.image, ABSENT) for split in SPLITS for one in corpus.split(split)])

    def given(relation: Relation) -> Relation:
        rows, scores = relation.rows[giver], relation.scores[giver]
        mine = (rows == own[:, None]) & (rows != ABSENT)
        return _packed(torch.where(mine, ABSENT, rows), torch.where(mine, 0.0, scores))

    return replace(graph, inter=given(graph.inter), intra=given(graph.intra))


def shuffled_scores(graph: RelationGraph, corpus: Corpus, generator: np.random.Generator) -> RelationGraph:
    """Neighbours stay, in their order; scores change places among all edges of a relation in a split."""

    def dealt(relation: Relation) -> Relation:
        scores = relation.scores.clone()
        for rows, _ in _by_split(graph, lambda rows: rows):
            there = torch.zeros_like(relation.rows, dtype=torch.bool)
            there[rows] = relation.rows[rows] != ABSENT
            edges = relation.scores[there]
            scores[there] = edges[torch.from_numpy(generator.permutation(len(edges)))]
        return Relation(relation.rows, scores)

    return replace(graph, inter=dealt(graph.inter), intra=dealt(graph.intra))


def self_only(graph: RelationGraph, corpus: Corpus, generator: np.random.Generator) -> RelationGraph:
    """Every neighbour is the tweet's own picture, with the scores as they were: capacity without retrieval.

    Own pictures that nobody retrieved join the graph's pictures.
    """
    own = [one.image for split in SPLITS for one in corpus.split(split)]
    images = (*graph.images, *sorted(set(own) - set(graph.images)))
    row_of = {image: row for row, image in enumerate(images)}
    mine = torch.tensor([row_of[image] for image in own])

    def alone(relation: Relation) -> Relation:
        rows = torch.where(relation.rows == ABSENT, ABSENT, mine[:, None])
        return Relation(rows, relation.scores)

    return replace(graph, images=images, inter=alone(graph.inter), intra=alone(graph.intra))


def train_pool_only(
    retrieval: Mapping[str, Sequence[Mapping[str, Any] | None]], corpus: Corpus
) -> dict[str, list[dict[str, Any] | None]]:
    """Published lists without the pictures that are not of the training split; the rest keeps its order."""
    allowed = {sentence.image for sentence in corpus.train}
    return {
        split: [None if entry is None else _filtered(entry, allowed) for entry in retrieval[split]]
        for split in SPLITS
    }


def _filtered(entry: Mapping[str, Any], allowed: set[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for kind in ("inter", "intra"):
        images, scores = entry[f"{kind}_images"], entry[f"{kind}_scores"]
        pairs = [pair for pair in zip(images, scores, strict=True) if pair[0] in allowed]
        kept[f"{kind}_images"] = [image for image, _ in pairs]
        kept[f"{kind}_scores"] = [score for _, score in pairs]
    return kept


def _by_split(graph: RelationGraph, change: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Per split: the rows of its sentences, and what ``change`` makes of them."""
    parts, start = [], 0
    for split in SPLITS:
        rows = torch.arange(start, start + graph.split_sizes[split])
        start += len(rows)
        parts.append((rows, change(rows)))
    return parts


def _exchanged(rows: Int[Tensor, " rows"], generator: np.random.Generator) -> Int[Tensor, " rows"]:
    if len(rows) == 1:
        raise GraphError("control other_tweet: a split has a single sentence, so there is no other tweet")
    return rows[torch.from_numpy(derangement(len(rows), generator))]


def derangement(count: int, generator: np.random.Generator) -> Int[np.ndarray, " count"]:
    """A permutation that leaves nothing in its place, if there are two things or more: one random cycle."""
    order = generator.permutation(count)
    given = np.empty(count, dtype=np.int64)
    given[order] = np.roll(order, 1)
    return given


def _packed(rows: Tensor, scores: Tensor) -> Relation:
    """Gaps moved to the end of each list."""
    order = (rows == ABSENT).long().sort(dim=1, stable=True).indices
    return Relation(rows.gather(1, order), scores.gather(1, order))
