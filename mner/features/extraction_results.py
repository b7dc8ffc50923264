"""Results of an extraction: their names, findings beside them, and the merge of shards."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mner.base.files import sha256_of, write_atomically, write_json_atomically
from mner.config.schema import REGION_KINDS, base_kind
from mner.data.picture_files import Refusal
from mner.features.shards import ExtractionError, Shard, WorkFolder
from mner.features.store import FeatureError, read_store


def result_path(folder: Path, kind: str) -> Path:
    """Where a kind's result lies: a feature store for region kinds, one JSON file for the others."""
    return folder / f"{kind}{'.safetensors' if base_kind(kind) in REGION_KINDS else '.json'}"


def findings_path(folder: Path, kind: str) -> Path:
    """Where the masked pictures of a kind are listed."""
    return folder / f"{kind}.findings.json"


def stands(folder: Path, kind: str, identity_sha256: str) -> bool:
    """Whether the result and its findings are there, as written, and made as ``identity_sha256`` says.

    A result that was changed since is announced.
    """
    path = result_path(folder, kind)
    if not path.is_file():
        return False
    try:
        provenance = (
            read_store(path).provenance
            if base_kind(kind) in REGION_KINDS
            else json.loads(path.read_text(encoding="utf-8"))["provenance"]
        )
        read_refused(folder, kind)
        if provenance["identity_sha256"] != identity_sha256:
            return False
        recorded = json.loads(findings_path(folder, kind).read_text(encoding="utf-8"))["result_sha256"]
    except (FeatureError, OSError, ValueError, KeyError, TypeError):
        return False
    changed = sorted(name for name, sha256 in _hashes(folder, kind).items() if recorded.get(name) != sha256)
    if changed:
        print(f"{folder / changed[0]}: not as it was written; {kind} is extracted again", file=sys.stderr)
    return not changed


def _hashes(folder: Path, kind: str) -> dict[str, str]:
    """SHA-256 of each file of a kind's result, by name."""
    path = result_path(folder, kind)
    return {file.name: sha256_of(file) for file in sorted({path, path.with_suffix(".json")})}


def write_findings(folder: Path, kind: str, wanted: int, refused: Mapping[str, Refusal], *, made: bool) -> None:
    """List every masked picture with kind and sentence, and what files of the result they go with, by hash.

    The result stands only once this was called after it was ``made``.
    """
    findings = [
        {"image": image, "kind": refused[image].kind, "what": refused[image].sentence} for image in sorted(refused)
    ]
    counts = Counter(one["kind"] for one in findings)
    content: dict[str, Any] = {
        "pictures_wanted": wanted,
        "pictures_masked": len(findings),
        "masked_by_kind": dict(sorted(counts.items())),
        "findings": findings,
        "result_sha256": _hashes(folder, kind) if made else {},
    }
    write_json_atomically(findings_path(folder, kind), content)


def read_refused(folder: Path, kind: str) -> dict[str, Refusal]:
    """The masked pictures of a kind by id.

    Raises:
        FeatureError: no findings are there, or not as :func:`write_findings` wrote them.
    """
    path = findings_path(folder, kind)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {one["image"]: Refusal(one["kind"], one["what"]) for one in content["findings"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FeatureError(
            f"{path}: no list of masked pictures ({error}); extract the kind {kind} again"
        ) from error


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
    layouts = {(shard.width or 0, shard.boxed) for _, shard in filled}
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
            file.write(offsets.tobytes())
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
            file.write(np.ascontiguousarray(tensor).data.cast("B"))


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
