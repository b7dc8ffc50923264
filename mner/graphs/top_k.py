"""Nearest pictures by inner product: exact in chunks, or through a FAISS index.

Time of the exact search is proportional to queries x keys x width. Its memory is the k neighbours of every query
and one block of similarities, so it grows linearly in the number of vectors and never as their square.

The exact search computes in float64 and rounds every similarity to 2**-20 (about 1e-6) before it compares: sums of
another order (another processor, other chunks) then give the same neighbours, the same ties and the same bytes.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mner.config.graph_recipe import INDEXES
from mner.data.corpus import ABSENT
from mner.graphs.relations import GraphError, Relation

MARGIN = 16
PROBED_SHARE = 16
TRAINED_PER_LIST = 40
TRAINING_ROUNDS = 10


def nearest_by_faiss(
    queries: Float[Tensor, "queries width"],
    keys: Float[Tensor, "keys width"],
    own: Int[Tensor, " queries"],
    k: int,
    *,
    above: float,
    kind: str,
    probes: int | None,
    chunk: int = 4096,
) -> Relation:
    """As ``nearest``; asks FAISS for a few more than k, since the own picture may be among the first."""
    usable = (keys != 0).any(-1).nonzero().squeeze(-1).numpy()
    rows = torch.full((len(queries), k), ABSENT, dtype=torch.int64)
    scores = torch.zeros(len(queries), k)
    if not len(usable):
        return Relation(rows, scores)
    index = _index(keys.float().contiguous().numpy(), usable, kind, probes)
    wanted = min(k + 1 + MARGIN, len(usable))
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        asked = queries[part].float().contiguous()
        values, places = index.search(asked.numpy(), wanted)
        found = np.where(places < 0, ABSENT, usable[places])
        wrong = (found == ABSENT) | (found == own[part].numpy()[:, None]) | ~(values > above)
        wrong |= ~asked.any(-1).numpy()[:, None]
        rows[part], scores[part] = _best(values, found, wrong, k)
    return Relation(rows, scores)


def _best(values: np.ndarray, found: np.ndarray, wrong: np.ndarray, k: int) -> tuple[Tensor, Tensor]:
    """The first k that are not wrong, by falling score, then by rising row."""
    values = np.where(wrong, -np.inf, values)
    order = np.lexsort((found, -values), axis=1)[:, :k]
    kept = np.take_along_axis(values, order, 1)
    rows = np.full((len(values), k), ABSENT, dtype=np.int64)
    scores = np.zeros((len(values), k), dtype=np.float32)
    there = np.isfinite(kept)
    width = kept.shape[1]
    rows[:, :width] = np.where(there, np.take_along_axis(found, order, 1), ABSENT)
    scores[:, :width] = np.where(there, kept, 0.0)
    return torch.from_numpy(rows), torch.from_numpy(scores)


def _index(keys: np.ndarray, usable: np.ndarray, kind: str, probes: int | None) -> Any:
    faiss = _faiss()
    kept = keys if len(usable) == len(keys) else keys[usable]
    width = keys.shape[1]
    if kind == "faiss-flat":
        index = faiss.IndexFlatIP(width)
    else:
        lists = min(len(kept), round(2 * math.sqrt(len(kept))))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, lists, faiss.METRIC_INNER_PRODUCT)
        # k-means of FAISS starts from a fixed seed; a fixed stride keeps its sample a function of the keys alone.
        stride = max(1, len(kept) // (TRAINED_PER_LIST * lists))
        index.cp.min_points_per_centroid = 1
        index.cp.niter = TRAINING_ROUNDS
        index.train(np.ascontiguousarray(kept[::stride]))
        index.nprobe = min(lists, probes or max(1, lists // PROBED_SHARE))
    index.add(kept)
    return index


def _faiss() -> ModuleType:
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise GraphError(
            "this index needs the package faiss-cpu: pip install -e '.[large-graphs]'; or use 'exact'"
        ) from error
    return faiss


QUERY_CHUNK = 1024
KEY_CHUNK = 8192
STEPS_A_UNIT = 2.0**20


def nearest(
    queries: Float[Tensor, "queries width"],
    keys: Float[Tensor, "keys width"],
    own: Int[Tensor, " queries"],
    k: int,
    *,
    chunk: int = QUERY_CHUNK,
    key_chunk: int = KEY_CHUNK,
    above: float = -math.inf,
    index: str = "exact",
    probes: int | None = None,
) -> Relation:
    """The k keys of highest inner product with each query, best first, ties (after rounding) to the lower key.

    ``own[i]`` is a key that query i may not get, or ``ABSENT``. Keys that are zero vectors (a picture without
    caption or object) are never returned and a zero query has no neighbours; neither has any of score ``above``
    or less. Where fewer than k are left, rows are ``ABSENT`` and scores 0.

    ``index`` is ``exact`` (on the device of ``keys``; queries are moved there chunk by chunk), ``faiss-flat``
    (the same numbers up to rounding, FAISS's choice among keys that tie for the last place) or ``faiss-ivf``
    (approximate; visits ``probes`` of the lists, by default one in sixteen; measure it with :func:`recall`).
    The result lies in main memory.

    Raises:
        GraphError: an unknown index, k below 1, vectors of different widths or that are not finite, ``own`` of
            another length or beyond the keys; or FAISS is asked for and not installed.
    """
    _check(queries, keys, own, k, index)
    if index != "exact":
        return nearest_by_faiss(queries, keys, own, k, above=above, kind=index, probes=probes)
    usable = (keys != 0).any(-1)
    rows = torch.full((len(queries), k), ABSENT, dtype=torch.int64)
    scores = torch.zeros(len(queries), k)
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        best, found = _of_chunk(
            queries[part].to(keys.device), keys, usable, own[part].to(keys.device), k, key_chunk
        )
        kept = best > above
        rows[part] = torch.where(kept, found, ABSENT).cpu()
        scores[part] = torch.where(kept, best, 0.0).cpu()
    return Relation(rows, scores)


def recall(found: Relation, exact: Relation) -> float:
    """Share of the exact neighbours that were found, in [0, 1]; order does not matter."""
    wanted = exact.rows != ABSENT
    if not wanted.any():
        raise GraphError("recall of nothing: the exact search has no neighbours")
    hit = (exact.rows[:, :, None] == found.rows[:, None, :]).any(-1) & wanted
    return float(hit.sum() / wanted.sum())


def _check(queries: Tensor, keys: Tensor, own: Tensor, k: int, index: str) -> None:
    if index not in INDEXES:
        raise GraphError(f"index {index!r} is unknown; expected one of {', '.join(INDEXES)}")
    if k < 1:
        raise GraphError(f"k is {k}; a neighbour list has at least one place")
    if queries.shape[1] != keys.shape[1]:
        raise GraphError(
            f"queries have width {queries.shape[1]}, keys {keys.shape[1]}; embed both with one encoder"
        )
    if len(own) != len(queries):
        raise GraphError(f"{len(own)} own keys for {len(queries)} queries; give one each, {ABSENT} for none")
    if len(own) and int(own.max()) >= len(keys):
        raise GraphError(f"an own key is row {int(own.max())}, but there are {len(keys)} keys")
    for name, vectors in (("query", queries), ("key", keys)):
        # A sum is finite only if all its terms are, and needs no second array of the size of the first.
        finite = torch.isfinite(vectors.sum(-1))
        if not finite.all():
            raise GraphError(
                f"{name} {int((~finite).nonzero()[0])} is not finite; no similarity can be had from it"
            )


def _of_chunk(
    queries: Tensor, keys: Tensor, usable: Tensor, own: Tensor, k: int, key_chunk: int
) -> tuple[Tensor, Tensor]:
    """Best k of some queries over all keys: (scores, rows), -inf where there are fewer."""
    count = len(queries)
    best = torch.full((count, k), -torch.inf, device=keys.device)
    rows = torch.full((count, k), ABSENT, dtype=torch.int64, device=keys.device)
    silent, exact_queries = (queries == 0).all(-1), queries.double()
    for first in range(0, len(keys), key_chunk):
        last = min(first + key_chunk, len(keys))
        similarity = _rounded(exact_queries @ keys[first:last].double().T)
        similarity[:, ~usable[first:last]] = -torch.inf
        mine = ((own >= first) & (own < last)).nonzero().squeeze(-1)
        similarity[mine, own[mine] - first] = -torch.inf
        similarity[silent] = -torch.inf
        values, places = top_lowest_first(similarity, min(k, last - first))
        joined, joined_rows = torch.cat([best, values], 1), torch.cat([rows, places + first], 1)
        # Earlier keys stand to the left and are lower, so a stable sort keeps ties in order.
        order = joined.sort(dim=1, descending=True, stable=True).indices[:, :k]
        best, rows = joined.gather(1, order), joined_rows.gather(1, order)
    return best, rows


def _rounded(similarity: Float[Tensor, "queries keys"]) -> Float[Tensor, "queries keys"]:
    """To whole steps, as float32, which holds them exactly up to 16; the argument is overwritten."""
    return similarity.mul_(STEPS_A_UNIT).round_().div_(STEPS_A_UNIT).float()


def top_lowest_first(
    similarity: Float[Tensor, "queries keys"], k: int
) -> tuple[Float[Tensor, "queries k"], Int[Tensor, "queries k"]]:
    """What a stable descending sort puts first, without the sort: (values, columns) of the k best a row.

    ``torch.topk`` takes any of the columns that tie for the last place; rows where one was left out are repaired.
    """
    wider = min(k + 1, similarity.shape[1])
    values, columns = similarity.topk(wider, dim=1)
    tied = values[:, k - 1] == values[:, -1] if wider > k else torch.zeros(len(values), dtype=torch.bool)
    values, columns = values[:, :k], columns[:, :k].clone()
    # Nothing is to be repaired where the last place is empty anyway.
    tied = (tied & (values[:, -1] > -torch.inf)).nonzero().squeeze(-1)
    if len(tied):
        columns[tied] = _repaired(similarity[tied], values[tied, -1:], k)
    columns = columns.sort(1).values
    values = similarity.gather(1, columns)
    order = values.sort(dim=1, descending=True, stable=True).indices
    return values.gather(1, order), columns.gather(1, order)


def _repaired(similarity: Tensor, last: Tensor, k: int) -> Tensor:
    """Columns above the k-th value ``last``, and of those equal to it the lowest, k in all, ascending."""
    better = similarity > last
    equal = similarity == last
    room = k - better.sum(1, keepdim=True)
    chosen = better | (equal & (equal.cumsum(1) <= room))
    return chosen.nonzero()[:, 1].view(len(similarity), k)
