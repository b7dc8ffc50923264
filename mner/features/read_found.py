"""Read what extractors found in pictures, in the forms that side data has: labels, text, captions by image id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from mner.features.found import Caption, Found, Lines, Objects, Tags
from mner.features.store import FeatureError

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
