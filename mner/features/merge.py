"""Put shards together to one result, streaming: one shard's vectors are in memory at a time."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mner.features.shards import ExtractionError, Shard, WorkFolder
from mner.features.store import FeatureError
from mner.files import write_atomically, write_json_atomically

_BYTES = {"I64": 8, "F32": 4, "F16": 2}


def merge_regions(path: Path, work: WorkFolder, shards: Sequence[Shard], provenance: Mapping[str, Any]) -> None:
    """Write the store that :func:`mner.features.store.write_store` would write, from shards, atomically.

    Shards in which extractors gave boxes add a tensor ``boxes`` (float32, one row a region). At no moment is there
    a store with another one's index: the old index goes before the new vectors come.

    Raises:
        FeatureError: no picture has features.
        ExtractionError: shards disagree on the vectors' length, or the disk lacks the room.
    """
    images = [image for shard in shards for image in shard.images]
    if not images:
        raise FeatureError(f"{path}: no picture has features; nothing to store")
    filled = [(number, shard) for number, shard in enumerate(shards) if shard.images]
    layouts = {(shard.width, shard.boxed) for _, shard in filled}
    if len(layouts) != 1:
        raise ExtractionError(f"{path}: shards disagree on length of vectors and boxes: {sorted(layouts)}")
    width, boxed = layouts.pop()
    offsets = np.concatenate([[0], np.cumsum([n for _, shard in filled for n in shard.counts])]).astype("<i8")
    total = int(offsets[-1])
    layout = {"offsets": ("I64", [len(offsets)])}
    layout |= {"boxes": ("F32", [total, 4])} if boxed else {}
    layout |= {"values": ("F16", [total, width])}
    header = safetensors_header(layout)
    _check_room(path, len(header) + sum(_size(*one) for one in layout.values()))

    def write_vectors(part: Path) -> None:
        with part.open("wb") as file:
            file.write(header)
            file.write(memoryview(offsets).cast("B"))
            for name in ("boxes", "values") if boxed else ("values",):
                _stream(file, (work.tensor(number, name) for number, _ in filled))
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".json").unlink(missing_ok=True)

    def write_index_and_vectors(part: Path) -> None:
        index = {"ids": images, "provenance": dict(provenance)}
        part.write_text(json.dumps(index, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        write_atomically(path, write_vectors)

    write_atomically(path.with_suffix(".json"), write_index_and_vectors)


def merge_found(path: Path, shards: Iterable[Shard], provenance: Mapping[str, Any]) -> None:
    """Write ``{"provenance", "found": {id: ...}}``, atomically.

    Raises:
        FeatureError: no picture could be looked at.
    """
    found = {image: one for shard in shards for image, one in (shard.found or {}).items()}
    if not found:
        raise FeatureError(f"{path}: no picture could be looked at; nothing to store")
    write_json_atomically(path, {"provenance": dict(provenance), "found": found})


def safetensors_header(layout: Mapping[str, tuple[str, list[int]]]) -> bytes:
    """The header of a safetensors file whose tensors follow each other in the given order (widest type first)."""
    entries, start = {}, 0
    for name, (kind, shape) in layout.items():
        end = start + _size(kind, shape)
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _stream(file: BinaryIO, tensors: Iterable[np.ndarray]) -> None:
    for tensor in tensors:
        if tensor.size:
            file.write(memoryview(np.ascontiguousarray(tensor)).cast("B"))


def _size(kind: str, shape: Sequence[int]) -> int:
    return _BYTES[kind] * int(np.prod(shape, dtype=np.int64))


def _check_room(path: Path, needed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise ExtractionError(
            f"{path} needs {needed / 2**20:,.1f} MiB and the disk has {free / 2**20:,.1f} MiB left; what is "
            "extracted is kept: free some room and run again"
        )
