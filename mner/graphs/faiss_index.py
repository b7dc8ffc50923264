"""FAISS behind :func:`mner.graphs.top_k.nearest`: a flat index, or inverted lists for many pictures."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

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


def _index(keys: np.ndarray, usable: np.ndarray, kind: str, probes: int | None):
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
