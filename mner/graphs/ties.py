"""How much of a published neighbour list a similarity would allow, where ties may be broken in any way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mner.data.corpus import ABSENT
from mner.graphs.relations import GraphError

BLOCK = 1024
TOLERANCE = 1e-6


def share_within_ties(
    queries: Float[Tensor, "lists width"],
    keys: Float[Tensor, "pictures width"],
    listed: Sequence[Sequence[int]],
    own: Sequence[int],
    k: int,
) -> float:
    """Share of listed pictures whose inner product with their query reaches that of its k-th best picture.

    ``listed[i]`` are rows of ``keys``, ``own[i]`` the row that query i may not get, or ``ABSENT``. A list that was
    drawn among ties by another rule, as a plain overlap cannot see, reaches 1 here.

    Raises:
        GraphError: no list names a picture, or there are not more than k pictures.
    """
    if not k < len(keys):
        raise GraphError(f"the {k} best of {len(keys)} pictures are all of them; give a smaller k")
    good = [score >= last - TOLERANCE for score, last in _scores(queries, keys, listed, own, k)]
    if not good:
        raise GraphError("no list names a picture of the pool")
    return sum(good) / len(good)


def _scores(
    queries: Tensor, keys: Tensor, listed: Sequence[Sequence[int]], own: Sequence[int], k: int
) -> Iterator[tuple[float, float]]:
    """Of every listed picture its similarity, and that of its query's k-th best."""
    for start in range(0, len(queries), BLOCK):
        similarity = queries[start : start + BLOCK] @ keys.T
        for row, values in enumerate(similarity, start):
            if own[row] != ABSENT:
                values[own[row]] = -torch.inf
        last = similarity.topk(k).values[:, -1].tolist()
        for row, values in enumerate(similarity):
            for column in listed[start + row]:
                yield float(values[column]), last[row]
