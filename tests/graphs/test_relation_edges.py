"""Neighbours read from the edges of the PyG graph are those of the file, gaps and order included."""

from __future__ import annotations

import torch
from torch import Tensor

from mner.data.corpus import ABSENT
from mner.graphs.relations import INTER, INTRA, Relation, RelationGraph, neighbours_of

SIZES = {"train": 5, "dev": 2, "test": 3}
PICTURES, K = 6, 4


def relation(generator: torch.Generator) -> Relation:
    """Random lists; a third of the places is empty, in the middle of a list too."""
    rows = torch.stack([torch.randperm(PICTURES, generator=generator)[:K] for _ in range(10)])
    scores = torch.rand(10, K, generator=generator)
    empty = torch.rand(10, K, generator=generator) < 1 / 3
    empty[3] = True
    return Relation(rows.masked_fill(empty, ABSENT), scores.masked_fill(empty, 0.0))


def graph(seed: int) -> RelationGraph:
    generator = torch.Generator().manual_seed(seed)
    images = tuple(f"p{number}" for number in range(PICTURES))
    return RelationGraph("example", images, SIZES, relation(generator), relation(generator), {})


def test_every_splits_neighbours_are_the_files() -> None:
    for seed in range(5):
        example, start = graph(seed), 0
        for split, size in SIZES.items():
            for found, stored in zip(example.of_split(split), (example.inter, example.intra), strict=True):
                assert torch.equal(found.rows, stored.rows[start : start + size])
                assert torch.equal(found.scores, stored.scores[start : start + size])
                assert (found.rows.dtype, found.scores.dtype) == (stored.rows.dtype, stored.scores.dtype)
            start += size


def test_fewer_neighbours_are_the_best_ones() -> None:
    example = graph(0)
    found = neighbours_of(example.hetero(), INTRA, range(2, 9), 2)
    assert torch.equal(found.rows, example.intra.rows[2:9, :2])


def test_a_picture_is_a_node_and_a_place_in_a_list_an_edge() -> None:
    example = graph(1)
    data = example.hetero()
    assert data.validate(raise_on_error=True)
    assert set(data.edge_types) == {INTER, INTRA}
    assert (data["picture"].num_nodes, data["text"].num_nodes) == (PICTURES, sum(SIZES.values()))

    def edges(rows: Tensor) -> int:
        return int((rows != ABSENT).sum())

    assert data[INTER].num_edges == edges(example.inter.rows)
    assert data[INTRA].num_edges == edges(example.intra.rows)
