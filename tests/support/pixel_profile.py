"""Profile paper over pixels, regions read by a ResNet-152, and finished cells as its runs would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mner.config import Config, ExtractorSettings
from mner.evaluation.averages import text_encoder
from mner.evaluation.paper import Requirements, load_paper
from mner.evaluation.rescoring import ALL_LENSES
from mner.training.experiment import Cell
from support.profile_settings import settings

ROOT = Path(__file__).resolve().parents[2]
PAPER = load_paper(ROOT / "reports" / "paper.yaml")
DATASETS = ("twitter2015", "twitter2017")
COPIES = {"twitter2015": ("umt", "hvpnet", "rgcn", "zhang2018"), "twitter2017": ("umt",)}
RESNET = {"model": "microsoft/resnet-152"}
REGIONS = {
    "grid": ExtractorSettings("grid-hub", 8, RESNET),
    "crops": ExtractorSettings("crops", 8, {"grid": {"name": "grid-hub", **RESNET}}),
}


def pixels(regions: str = "grid", profile: str = "paper") -> Config:
    """A profile, and pictures' ``grid`` or ``crops`` as regions of both data sets."""
    config = settings(profile)
    kinds = dict.fromkeys(DATASETS, ("caption-tokens", regions))
    features = replace(config.features, kinds=kinds, extractors=config.features.extractors | REGIONS)
    data = replace(config.data, regions=dict.fromkeys(DATASETS, regions))
    active = replace(config.active, regions={}, options={})
    return replace(config, features=features, data=data, active=active)


def asking_nothing(config: Config) -> dict[str, Requirements]:
    """By row: a card that every recipe satisfies."""
    return dict.fromkeys(config.systems, Requirements({}))


def finished(config: Config, dataset: str, system: str, values: tuple[float, ...]) -> dict[str, Any]:
    """The cell of ``scores.json`` whose runs reached these F1 under conlleval, on our own copy.

    They loaded the weights that ``reports/paper.yaml`` names and read every picture.
    """
    cell = Cell(config, dataset, system, ROOT)
    named = PAPER.weights.get(cell.encoder.name)
    return {
        "dataset": dataset,
        "system": system,
        "state": "finished",
        "reason": None,
        "encoder": text_encoder({"name": cell.encoder.name}, cell.options),
        "visual_input": cell.visual_input(),
        "data_copy": config.data.copy,
        "recipe": asdict(cell.recipe),
        "options": dict(cell.options),
        "precision": "float32",
        "loaded": {
            "weights_sha256": [named.sha256 if named else "0" * 64],
            "regions_sha256": [PAPER.weights["resnet152"].sha256],
            "pictures_read": dict.fromkeys(("train", "dev", "test"), 1.0),
        },
        "views": {"test.own": {"f1": {"values": list(values), "records": _records(dataset, system, len(values))}}},
    }


def _records(dataset: str, system: str, runs: int) -> list[str]:
    return [f"runs/paper/{dataset}/{system}/{seed}/record.json" for seed in range(runs)]


def rescored(
    cell: Mapping[str, Any], moved: Mapping[tuple[str, str], float], copies: tuple[str, ...] | None = None
) -> list[dict[str, Any]]:
    """The cell's runs of ``lenses.json``: its own F1 everywhere, ``moved`` by some points under (lens, copy)."""
    held = COPIES[cell["dataset"]] if copies is None else copies
    f1 = cell["views"]["test.own"]["f1"]
    return [
        {
            "record": record,
            "dataset": cell["dataset"],
            "system": cell["system"],
            "seed": seed,
            "data_copy": cell["data_copy"],
            "copies": {
                copy: {"test.own": {lens: {"f1": value + moved.get((lens, copy), 0.0)} for lens in ALL_LENSES}}
                for copy in held
            },
        }
        for seed, (record, value) in enumerate(zip(f1["records"], f1["values"], strict=True))
    ]
