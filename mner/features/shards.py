"""What an extraction has done so far: small checked files in a work folder, so that a killed one continues."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float16
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mner.base.files import (
    remove_partial_files,
    sha256_of,
    sha256_of_json,
    write_bytes_atomically,
    write_json_atomically,
)
from mner.data.picture_files import Refusal
from mner.features.found import Found, Regions


class ExtractionError(RuntimeError):
    """An extraction that cannot go on; the message says what is wrong, what is kept, and what to do."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Results of consecutive pictures: ``images`` have results, ``refused`` are masked.

    For region kinds ``counts`` are the regions of each image, ``width`` their length and ``boxed`` whether boxes
    are stored beside the vectors; for the others ``found`` is plain data of each image.
    """

    images: tuple[str, ...]
    refused: Mapping[str, Refusal]
    counts: tuple[int, ...] = ()
    width: int | None = None
    boxed: bool = False
    found: Mapping[str, Any] | None = None


class WorkFolder:
    """Shards of one extraction, by number. ``identity`` is all that moves a result; other shards are refused."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        # As JSON gives it back, so that a tuple and the list it becomes are the same.
        self.identity = json.loads(json.dumps(dict(identity)))

    def open(self) -> None:
        """Make the folder ready; shards of another identity are refused with a message, and removed."""
        manifest = self.folder / "identity.json"
        if self.folder.is_dir():
            remove_partial_files(self.folder)
            other = _other_keys(manifest, self.identity)
            if other:
                print(
                    f"{self.folder}: what lies there was extracted otherwise ({'; '.join(other)}); "
                    "it is refused, and extraction starts anew",
                    file=sys.stderr,
                )
                shutil.rmtree(self.folder)
        if not manifest.is_file():
            write_json_atomically(manifest, self.identity)

    def remove(self) -> None:
        """Delete the folder; the merged result stands elsewhere by now."""
        shutil.rmtree(self.folder)

    def write(self, number: int, results: Sequence[tuple[str, Found]], refused: Mapping[str, Refusal]) -> Shard:
        """Store the results of one shard, whole or not at all.

        Raises:
            ExtractionError: region vectors of different lengths, or numbers that float16 cannot hold.
        """
        regions = [(image, one) for image, one in results if isinstance(one, Regions)]
        if regions:
            shard, tensors = _regions_shard(regions, refused)
            write_bytes_atomically(self._vectors(number), tensors)
            sha256 = hashlib.sha256(tensors).hexdigest()
        else:
            found = {image: one.to_json() for image, one in results if not isinstance(one, Regions)}
            shard, sha256 = Shard(tuple(found), refused, found=found), None
        body = {
            "images": list(shard.images),
            "refused": {image: [one.kind, one.sentence] for image, one in refused.items()},
            "counts": list(shard.counts),
            "width": shard.width,
            "boxed": shard.boxed,
            "found": shard.found,
            "vectors_sha256": sha256,
        }
        write_json_atomically(self._index(number), {"body": body, "sha256": sha256_of_json(body)})
        return shard

    def read(self, number: int) -> Shard | None:
        """A finished shard whose checksums are right; None where it must be computed (a torn one is announced)."""
        path = self._index(number)
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            body = content["body"]
            if content["sha256"] != sha256_of_json(body):
                raise ValueError("its checksum is wrong")
            if body["vectors_sha256"] not in (None, _sha256_at(self._vectors(number))):
                raise ValueError(f"the checksum of {self._vectors(number).name} is wrong")
        except (ValueError, KeyError, TypeError) as error:
            print(f"{path}: damaged ({error}); it is computed again", file=sys.stderr)
            return None
        return Shard(
            tuple(body["images"]),
            {image: Refusal(*one) for image, one in body["refused"].items()},
            tuple(body["counts"]),
            body["width"],
            body["boxed"],
            body["found"],
        )

    def tensor(self, number: int, name: str) -> np.ndarray:
        """One tensor of a region shard: ``values`` (float16) or ``boxes`` (float32).

        Raises:
            ExtractionError: the file was damaged after it was checked.
        """
        try:
            with safe_open(self._vectors(number), "numpy") as handle:
                return handle.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise ExtractionError(f"{self._vectors(number)}: {error}; run again to compute it anew") from error

    def _index(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"

    def _vectors(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def half(image: str, values: Float[np.ndarray, "regions width"]) -> Float16[np.ndarray, "regions width"]:
    """Region vectors as the store holds them.

    Raises:
        ExtractionError: not a finite matrix, or beyond float16's 65,504.
    """
    if values.ndim != 2 or not np.isfinite(values).all() or (np.abs(values) > np.finfo(np.float16).max).any():
        raise ExtractionError(
            f"picture {image}: region vectors of shape {values.shape} must be a matrix of finite numbers up to "
            "65,504 (float16); the extractor or its weights are at fault"
        )
    return np.ascontiguousarray(values, dtype="<f2")


def _regions_shard(results: Sequence[tuple[str, Regions]], refused: Mapping[str, Refusal]) -> tuple[Shard, bytes]:
    values = [half(image, one.values) for image, one in results]
    widths = {matrix.shape[1] for matrix in values}
    boxed = {one.boxes is not None for _, one in results}
    if len(widths) != 1 or len(boxed) != 1:
        raise ExtractionError(
            f"pictures {results[0][0]} to {results[-1][0]}: region vectors of lengths {sorted(widths)}, boxes "
            f"{'with some only' if len(boxed) > 1 else 'alike'}; an extractor must give one length, and boxes "
            "with all or none"
        )
    tensors = {"values": np.concatenate(values)}
    if boxed == {True}:
        boxes = [np.asarray(one.boxes, dtype="<f4").reshape(-1, 4) for _, one in results]
        if [len(one) for one in boxes] != [len(one) for one in values]:
            raise ExtractionError(f"pictures {results[0][0]} to {results[-1][0]}: not one box a region")
        tensors["boxes"] = np.concatenate(boxes)
    counts = tuple(len(one) for one in values)
    images = tuple(image for image, _ in results)
    return Shard(images, refused, counts, widths.pop(), boxed.pop()), save(tensors)


def _other_keys(manifest: Path, identity: Mapping[str, Any]) -> list[str]:
    """In words, where the identity beside the shards differs from the wanted one."""
    if not manifest.is_file():
        return ["nothing says how"]
    try:
        held = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError:
        return [f"{manifest.name} is damaged"]
    if not isinstance(held, dict):
        return [f"{manifest.name} is damaged"]
    return [
        f"{key}: {_shown(held.get(key))}, now {_shown(identity.get(key))}"
        for key in sorted(held.keys() | identity.keys())
        if held.get(key) != identity.get(key)
    ]


def _shown(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sha256_at(path: Path) -> str:
    """The file's hash; ``absent``, which is none, where there is no file."""
    return sha256_of(path) if path.is_file() else "absent"
