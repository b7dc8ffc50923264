"""What a run loaded and read, by content: the hash of its encoder's weights and the share of pictures it had.

Verdicts rest on it (``mner.evaluation.comparable``): a name in a configuration says nothing of the bytes behind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mner.base.files import sha256_of
from mner.config.schema import EncoderSource
from mner.data.corpus import read_sentences
from mner.features.visual_inputs import region_store, side_of
from mner.models.encoders import location_of
from mner.training.experiment import Cell

WEIGHTS_FILE = "model.safetensors"
FILE_OF_SPLIT = {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.blind.jsonl"}


def loaded(cell: Cell) -> dict[str, Any]:
    """For the record of a run, as JSON: ``weights_sha256`` and, where regions are read, ``pictures_read``.

    ``weights_sha256`` is None where the encoder's weights are not one available file. ``regions_sha256`` is that
    of the weights of what made the regions, where these are one file of a hub or folder.
    """
    found: dict[str, Any] = {"weights_sha256": weights_sha256(cell.encoder)}
    if "regions" in cell.needs():
        folder = cell.root / "data" / cell.dataset / "corpus"
        images = {
            split: [sentence.image for sentence in read_sentences(folder / name)]
            for split, name in FILE_OF_SPLIT.items()
        }
        invalid = side_of(cell.config, cell.dataset, cell.root).invalid
        store = region_store(cell.config, cell.dataset, cell.root, cell.system)
        found["pictures_read"] = shares_read(images, invalid, store.rows)
        if (regions := regions_sha256(store.provenance)) is not None:
            found["regions_sha256"] = regions
    return found


def regions_sha256(provenance: Mapping[str, Any]) -> str | None:
    """SHA-256 of the file of weights that made the regions of a store; of crops, of what reads them."""
    made = provenance.get("extractor", {})
    found = made.get("grid", made).get("file_sha256")
    return None if found is None else str(found)


def shares_read(
    images: Mapping[str, Sequence[str]], invalid: Collection[str], held: Collection[str]
) -> dict[str, float]:
    """By split, the share of its valid pictures that are ``held``; a split without a valid picture is left out."""
    valid = {split: {image for image in named if image not in invalid} for split, named in images.items()}
    return {split: sum(image in held for image in own) / len(own) for split, own in valid.items() if own}


def weights_sha256(encoder: EncoderSource) -> str | None:
    """SHA-256 of the file of weights that an encoder loads; None where it is not one file on this machine."""
    folder = Path(location_of(encoder))
    path = folder / WEIGHTS_FILE if folder.is_dir() else _of_hub(encoder)
    return _sha256(path.resolve()) if path is not None and path.is_file() else None


def _of_hub(encoder: EncoderSource) -> Path | None:
    """Where the hub's cache holds the file at the encoder's commit."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(str(encoder.hub), WEIGHTS_FILE, revision=encoder.revision)
    return Path(found) if isinstance(found, str) else None


@cache
def _sha256(path: Path) -> str:
    """Once a process: all seeds of a cell load the same file."""
    return sha256_of(path)
