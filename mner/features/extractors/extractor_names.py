"""Extractors by name: the one place that knows which there are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mner.config.strict import nearest
from mner.data.download import fetch
from mner.features.extractors.contract import Extractor, ExtractorError
from mner.features.found import CROP_PARTS

NAMES: tuple[str, ...] = (
    "grid-efficientnet-lite2",
    "grid-hub",
    "grid-torchvision",
    "crops",
    "objects-yolox-nano",
    "objects-detr",
    "ocr-rapidocr",
    "ocr-tesseract",
    "tags-efficientnet-lite2",
    "captions-blip",
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an extractor may use: a device, threads of ONNX Runtime, places of public files, the network."""

    device: torch.device
    cache: Path
    mirrors: Sequence[Path] = ()
    network: bool = True
    threads: int = 1


def load_extractor(name: str, around: Surroundings, options: Mapping[str, Any] | None = None) -> Extractor:
    """The extractor called ``name`` (one of :data:`NAMES`), ready to use.

    ``options`` are the keyword options of its loading function (``pool``, ``score``, ``model``, ``revision`` ...).
    Those of ``crops`` are ``objects``, and ``detector`` and ``grid``: each a mapping with ``name`` and the options
    of that extractor.

    Raises:
        ExtractorError: unknown name or option, or something it needs is not at hand; the message says what to do.
        SourceError: a public file cannot be had.
    """
    options = dict(options or {})
    hub = {"device": around.device, "network": around.network}
    runtime = {"device": around.device, "threads": around.threads}
    match name:
        case "grid-efficientnet-lite2":
            from mner.features.extractors.efficientnet import load_grid

            return _called(load_grid, name, options, device=around.device)
        case "tags-efficientnet-lite2":
            from mner.features.extractors.efficientnet import load_tags

            return _called(load_tags, name, options, device=around.device)
        case "grid-hub":
            from mner.features.extractors.hub_grid import load_hub_grid

            return _called(load_hub_grid, name, options, **hub)
        case "grid-torchvision":
            from mner.features.extractors.torchvision_resnet import load_torchvision_resnet

            return _called(load_torchvision_resnet, name, options, **hub)
        case "objects-yolox-nano":
            return _yolox(name, around, options, runtime)
        case "objects-detr":
            from mner.features.extractors.detr import load_detr

            return _called(load_detr, name, options, **hub)
        case "crops":
            return _crops(name, around, options)
        case "ocr-rapidocr":
            from mner.features.extractors.rapid_ocr import load_rapidocr

            return _called(load_rapidocr, name, options, **runtime)
        case "ocr-tesseract":
            from mner.features.extractors.tesseract import load_tesseract

            return _called(load_tesseract, name, options)
        case "captions-blip":
            from mner.features.extractors.blip import load_blip

            return _called(load_blip, name, options, **hub)
    raise ExtractorError(f"unknown extractor {name!r}; {nearest(name, NAMES)}")


def _yolox(name: str, around: Surroundings, options: dict[str, Any], runtime: dict[str, Any]) -> Extractor:
    from mner.features.extractors.yolox import load_yolox, weight_source

    weights = fetch(weight_source(), cache=around.cache, mirrors=around.mirrors, network=around.network)
    return _called(load_yolox, name, options, weights=weights, **runtime)


def _crops(name: str, around: Surroundings, options: dict[str, Any]) -> Extractor:
    from mner.features.extractors.crops import CropRegions

    loaded = {}
    for part, default in CROP_PARTS.items():
        wanted = dict(options.pop(part, default))
        if "name" not in wanted:
            raise ExtractorError(f"{name}: {part} lacks its name, such as {default}")
        loaded[part] = load_extractor(wanted.pop("name"), around, wanted)
    return _called(CropRegions, name, options, **loaded)


def _called(factory: Callable[..., Extractor], name: str, options: Mapping[str, Any], **context: Any) -> Extractor:
    """``factory`` with options it knows; an unknown one is an error that names the nearest."""
    known = tuple(parameter for parameter in inspect.signature(factory).parameters if parameter not in context)
    for option in options:
        if option not in known:
            raise ExtractorError(f"{name}: unknown option {option!r}; {nearest(option, known)}")
    return factory(**context, **options)
