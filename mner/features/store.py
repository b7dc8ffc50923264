"""One store for region features of pictures: ragged, memory-mapped, with an id index and a mask for absence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from mner.base.files import read_json, reading, write_atomically, write_json_atomically
from mner.data.batch import Neighbours, Visual
from mner.data.corpus import ABSENT

_PART = 1 << 14


class FeatureError(ValueError):
    """A feature store that is missing, torn, or asked for what it does not hold."""


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """Region vectors of many pictures, back to back: ``offsets[r]:offsets[r + 1]`` are picture r's regions.

    ``rows`` maps an image id to its r; an id that is not there has no usable picture. ``provenance`` says
    which model, weights and preprocessing made the vectors.
    """

    values: Float[Tensor, "total visual"]
    offsets: np.ndarray
    rows: Mapping[str, int]
    provenance: Mapping[str, Any]

    @property
    def width(self) -> int:
        return self.values.shape[1]

    def row_of(self, image: str | None) -> int:
        """Row of an image id, or ``ABSENT``."""
        return ABSENT if image is None else self.rows.get(image, ABSENT)

    def resident(self, device: torch.device) -> FeatureStore:
        """The same store with its vectors on ``device``, as stored: batches are then gathered there."""
        return replace(self, values=self.values.to(device))

    def gather(self, rows: Sequence[int] | np.ndarray) -> Visual:
        """Regions of the named rows, padded to the longest, where the vectors lie; an ``ABSENT`` row is all
        masked."""
        chosen = np.asarray(rows, dtype=np.int64)
        starts = np.where(chosen == ABSENT, 0, self.offsets[chosen])
        counts = np.where(chosen == ABSENT, 0, self.offsets[chosen + 1] - starts)
        longest = max(1, int(counts.max(initial=0)))
        position = np.arange(longest)[None, :]
        mask = position < counts[:, None]
        index = torch.from_numpy(np.where(mask, starts[:, None] + position, 0)).to(self.values.device)
        inside = torch.from_numpy(mask).to(self.values.device)
        regions = self.values[index].float().masked_fill(~inside[..., None], 0.0)
        return Visual(regions, inside)

    def gather_neighbours(self, rows: np.ndarray, scores: np.ndarray) -> Neighbours:
        """Regions of k neighbours per sentence; ``rows`` and ``scores`` are (batch, k), ``ABSENT`` where none."""
        batch, k = rows.shape
        flat = self.gather(rows.reshape(-1))
        regions = flat.regions.view(batch, k, *flat.regions.shape[1:])
        present = np.where(rows == ABSENT, 0.0, scores).astype(np.float32)
        return Neighbours(regions, flat.mask.view(batch, k, -1), torch.from_numpy(present).to(self.values.device))


def write_store(
    path: Path, features: Mapping[str, Float[Tensor, "regions visual"]], provenance: Mapping[str, Any]
) -> None:
    """Write features in sorted id order as float16, atomically, with ``<path>.json`` beside it."""
    if not features:
        raise FeatureError(f"{path}: no picture has features; nothing to store")
    ids = sorted(features)
    counts = [len(features[image]) for image in ids]
    values = torch.cat([features[image].to(torch.float16) for image in ids]).contiguous()
    offsets = torch.tensor(np.concatenate([[0], np.cumsum(counts)]), dtype=torch.int64)
    write_atomically(path, lambda part: save_file({"values": values, "offsets": offsets}, part))
    write_json_atomically(path.with_suffix(".json"), {"ids": ids, "provenance": dict(provenance)})


class NotANumberError(FeatureError):
    """Features of ``image``, the ``row``-th picture of a store, are not all finite."""

    def __init__(self, path: Path, row: int, image: str) -> None:
        self.path, self.row, self.image = path, row, image
        super().__init__(
            f"{path}: the features of picture {image} (row {row}) are not all finite numbers; delete the store "
            "and run `dvc repro` (stage features)"
        )


def _refuse_what_is_no_number(path: Path, values: Tensor, offsets: np.ndarray, ids: Sequence[str]) -> None:
    """One pass over the vectors, a part at a time, so that no copy of all of them is made."""
    for start in range(0, len(values), _PART):
        finite = torch.isfinite(values[start : start + _PART]).all(dim=1)
        if not finite.all():
            place = start + int(torch.nonzero(~finite)[0])
            row = int(np.searchsorted(offsets, place, side="right")) - 1
            raise NotANumberError(path, row, ids[row])


def read_store(path: Path) -> FeatureStore:
    """Open a store; the vectors stay memory-mapped until they are gathered.

    Raises:
        FeatureError: a file is missing or the two files do not belong together.
        BrokenFileError: one of them is damaged.
    """
    index_path = path.with_suffix(".json")
    if not path.is_file() or not index_path.is_file():
        raise FeatureError(f"{path}: no feature store there; run `dvc repro` (stage features) first")
    index = read_json(index_path)
    with reading(path), safe_open(path, "pt") as handle:
        values, offsets = handle.get_tensor("values"), handle.get_tensor("offsets").numpy()
    if len(offsets) != len(index["ids"]) + 1 or offsets[-1] != len(values):
        raise FeatureError(f"{path}: index and vectors disagree; delete both files and rebuild them")
    if (offsets[1:] < offsets[:-1]).any() or offsets[0] != 0:
        raise FeatureError(f"{path}: its offsets do not ascend from 0; delete both files and rebuild them")
    _refuse_what_is_no_number(path, values, offsets, index["ids"])
    rows = {image: row for row, image in enumerate(index["ids"])}
    return FeatureStore(values, offsets, rows, index["provenance"])
