"""Profile paper over pixels, regions read by a ResNet-152, and finished cells as its runs would leave them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from mner.config import Config, ExtractorSettings
from mner.evaluation.averages import text_encoder
from mner.evaluation.paper import Requirements
from mner.evaluation.paper_reading import load_paper
from mner.evaluation.rescored_results import Rescored, RescoredRun
from mner.evaluation.rescoring import ALL_SCORERS
from mner.evaluation.score_results import OWN, Loaded, ScoredCell, Summary, ViewSummary
from mner.training.experiment import Cell
from support.profile_settings import settings

ROOT = Path(__file__).resolve().parents[2]
PAPER = load_paper(ROOT / "reports" / "paper.yaml")
DATASETS = ("twitter2015", "twitter2017")
VERSIONS = {"twitter2015": ("umt", "hvpnet", "rgcn", "zhang2018"), "twitter2017": ("umt",)}
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


def finished(config: Config, dataset: str, system: str, values: tuple[float, ...]) -> ScoredCell:
    """The cell of ``scores.json`` whose runs reached these F1 under conlleval, on our own dataset version.

    They loaded the weights that ``reports/paper.yaml`` names and read every picture.
    """
    cell = Cell(config, dataset, system, ROOT)
    named = PAPER.weights.get(cell.encoder.name)
    records = tuple(_records(dataset, system, len(values)))
    mean = statistics.fmean(values) if values else 0.0
    f1 = Summary(mean, None, len(values), values, tuple(range(len(values))), records, records)
    return ScoredCell(
        dataset,
        system,
        "finished",
        encoder=text_encoder({"name": cell.encoder.name}, cell.options),
        visual_input=cell.visual_input(),
        dataset_version=config.data.copy,
        recipe=asdict(cell.recipe),
        options=dict(cell.options),
        precision="float32",
        loaded=Loaded(
            ((named.sha256 if named else None) or "0" * 64,),
            (PAPER.weights["resnet152"].sha256 or "",),
            dict.fromkeys(("train", "dev", "test"), 1.0),
        ),
        views={OWN: ViewSummary(None, None, f1)},
    )


def _records(dataset: str, system: str, runs: int) -> list[str]:
    return [f"runs/paper/{dataset}/{system}/{seed}/record.json" for seed in range(runs)]


def rescored(
    cell: ScoredCell, moved: Mapping[tuple[str, str], float], versions: tuple[str, ...] | None = None
) -> list[RescoredRun]:
    """The cell's runs: its own F1 everywhere, ``moved`` by some points under (scorer, version)."""
    held = VERSIONS[cell.dataset] if versions is None else versions
    f1 = cell.own_f1
    return [
        RescoredRun(
            record,
            cell.dataset,
            cell.system,
            seed,
            cell.dataset_version,
            {
                version: {
                    OWN: {name: Rescored(f1=value + moved.get((name, version), 0.0)) for name in ALL_SCORERS}
                }
                for version in held
            },
        )
        for seed, (record, value) in enumerate(zip(f1.records, f1.values, strict=True))
    ]
