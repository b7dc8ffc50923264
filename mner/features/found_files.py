"""Read what extractors found: all kinds of a folder, or one kind in the form of side data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import safe_open

from mner.base.files import BrokenFileError
from mner.config.schema import PICTURE_KINDS, REGION_KINDS, base_kind
from mner.data.picture_files import Refusal
from mner.features.extraction_results import findings_path, read_refused, result_path
from mner.features.found import Box, Caption, Found, Lines, Objects, Tags
from mner.features.pictures import Pictures
from mner.features.store import FeatureError, read_store


@dataclass(frozen=True, slots=True)
class RegionShape:
    """The region vectors of one picture without their values: how many, how wide, and where they lie.

    ``boxes`` is empty for a regular grid.
    """

    regions: int
    width: int
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class KindFound:
    """One kind: what made it, what it found by image id, and which pictures it masked."""

    kind: str
    provenance: Mapping[str, Any]
    found: Mapping[str, Found | RegionShape]
    refused: Mapping[str, Refusal]


def read_kinds(folder: Path, pictures: Pictures) -> tuple[KindFound, ...]:
    """Every kind of :data:`~mner.config.schema.PICTURE_KINDS` whose result lies in ``folder``, in that order.

    Raises:
        FeatureError: no kind is there, a file is torn, or a kind was made from other pictures than ``pictures``.
    """
    present = [name for kind in PICTURE_KINDS for name in _named(folder, kind)]
    if not present:
        raise FeatureError(
            f"{folder} holds no result of an extractor; make one with `mner extract DATASET_OR_FOLDER KIND --to "
            f"{folder}` (KIND: {', '.join(PICTURE_KINDS)}), or, of a data set, name a kind in features.kinds "
            "(params.yaml) and run `dvc repro`"
        )
    return tuple(_read(folder, kind, pictures) for kind in present)


def _named(folder: Path, kind: str) -> list[str]:
    """The kind itself, then the same kind by other extractors, such as ``grid-resnet152``."""
    suffix = result_path(folder, kind).suffix
    names = sorted(path.name.removesuffix(suffix) for path in folder.glob(f"{kind}*{suffix}"))
    return [name for name in names if "." not in name and base_kind(name) == kind]


def _read(folder: Path, kind: str, pictures: Pictures) -> KindFound:
    path = result_path(folder, kind)
    try:
        provenance: Mapping[str, Any]
        found: Mapping[str, RegionShape] | Mapping[str, Found]
        provenance, found = _region_shapes(path) if base_kind(kind) in REGION_KINDS else read_found(path)
        if provenance["kind"] != base_kind(kind):
            raise FeatureError(f"{path} holds the kind {provenance['kind']!r}; extract the kind {kind} again")
        made_from = provenance["pictures_sha256"]
    except (BrokenFileError, KeyError, TypeError) as error:
        # A broken file's own message says how the pipeline makes it anew, which has not made this one.
        reason = error.__cause__ if isinstance(error, BrokenFileError) else error
        raise FeatureError(f"{path}: not what an extraction wrote ({reason}); delete it, extract again") from error
    if made_from != pictures.fingerprint():
        raise FeatureError(
            f"{path} was made from other pictures than those in {pictures.folder} now: some were added, changed "
            f"or taken away, so that boxes would lie on the wrong ones; extract the kind {kind} again"
        )
    refused = read_refused(folder, kind)
    lost = [one.image for one in pictures.listed if one.image not in found and one.image not in refused]
    if lost:
        raise FeatureError(
            f"{path} and {findings_path(folder, kind).name} say nothing of {len(lost)} pictures ({lost[0]}, ...); "
            f"extract the kind {kind} again"
        )
    return KindFound(kind, provenance, found, refused)


def _region_shapes(path: Path) -> tuple[Mapping[str, Any], dict[str, RegionShape]]:
    store = read_store(path)
    with safe_open(path, "np") as handle:
        boxed = "boxes" in list(handle.keys())
        boxes = handle.get_tensor("boxes").astype(float) if boxed else np.empty((0, 4))
    shapes = {}
    for image, row in store.rows.items():
        start, end = (int(store.offsets[row + step]) for step in (0, 1))
        where = tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in boxes[start:end].tolist())
        shapes[image] = RegionShape(end - start, store.width, where)
    return store.provenance, shapes


T = TypeVar("T", Objects, Lines, Tags, Caption)
_TYPES: dict[str, type[Objects] | type[Lines] | type[Tags] | type[Caption]] = {
    "objects": Objects,
    "ocr": Lines,
    "tags": Tags,
    "captions": Caption,
}


def read_found(path: Path) -> tuple[dict[str, Any], dict[str, Found]]:
    """Provenance and findings by image id of one ``features/<dataset>/<kind>.json``.

    A picture that is not there was masked; one with nothing in it is there and empty.

    Raises:
        FeatureError: the file is missing or holds something else; the message names the picture.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        provenance, found = dict(content["provenance"]), dict(content["found"])
        kind = _TYPES[provenance["kind"]]
    except FileNotFoundError as error:
        raise FeatureError(
            f"{path} is missing; name its kind in features.kinds (params.yaml) and run `dvc repro`"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise FeatureError(
            f"{path}: not what an extractor found ({error}); delete it and extract again"
        ) from error
    results: dict[str, Found] = {}
    for image, one in found.items():
        try:
            results[image] = kind.from_json(one)
        except (ValueError, KeyError, TypeError) as error:
            raise FeatureError(f"{path}: picture {image}: {error}") from error
    return provenance, results


def object_labels(path: Path, *, score: float) -> dict[str, list[str]]:
    """Labels of each picture's objects of at least this score, best first, one for every object."""
    return {
        image: [item.label for item in one.items if item.score >= score]
        for image, one in _of(path, Objects).items()
    }


def object_scores(path: Path, *, score: float) -> dict[str, list[float]]:
    """The detector's scores of the same objects, in the same order, as :func:`object_labels`."""
    return {
        image: [item.score for item in one.items if item.score >= score]
        for image, one in _of(path, Objects).items()
    }


def ocr_text(path: Path, *, score: float) -> dict[str, str]:
    """The writing in each picture: lines of at least this score in reading order, joined by spaces."""
    return {
        image: " ".join(item.text for item in one.items if item.score >= score)
        for image, one in _of(path, Lines).items()
    }


def caption_texts(path: Path) -> dict[str, str]:
    """One caption a picture; pictures whose caption is empty are left out, as in published captions."""
    return {image: one.text for image, one in _of(path, Caption).items() if one.text.strip()}


def _of(path: Path, kind: type[T]) -> Mapping[str, T]:
    _, found = read_found(path)
    wrong = next((image for image, one in found.items() if not isinstance(one, kind)), None)
    if wrong is not None:
        raise FeatureError(f"{path} holds {type(found[wrong]).__name__}, not {kind.__name__}")
    return {image: one for image, one in found.items() if isinstance(one, kind)}
