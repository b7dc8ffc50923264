"""Profile ``paper`` from data to page on one's own machine: all rows, tiny models, generated tweets and pictures.

The commands are those that a reader types; only the files that a network would bring are made here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import fake_hub, generated_tweets
from support.pipeline_copy import copy_pipeline
from support.profile_settings import write_profile

from mner import config
from mner.base.files import read_json
from mner.config import Config
from mner.data.sources import DATASETS
from mner.evaluation.paper import Paper
from mner.evaluation.paper_reading import load_paper
from mner.evaluation.published_recipes import requirements
from mner.evaluation.reasons import ReasonKind
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.result_files import FILES, read_results
from mner.evaluation.score_results import ScoredCell, ScoreResults
from mner.evaluation.verdicts import NOT_COMPARABLE, Verdict, judge

pytestmark = pytest.mark.slow


IMAGE_MODELS = {
    "grid-resnet152": "hub:timm/resnet152.tv_in1k@1f8fa579af406a6f10e457a6dce6909c9157a70f",
    "grid-resnet101": "hub:microsoft/resnet-101@5b977138c80713ccee33a115e91899aea7a2f9a6",
    "crops-resnet152": "mean grid of crops: hub:timm/resnet152.tv_in1k@1f8fa579af406a6f10e457a6dce6909c9157a70f",
}
GRID, RELATIONS = "grid:resnet152", "grid:resnet152+relations:released"
READS = {
    **dict.fromkeys(("bilstm-crf", "cnn-bilstm-crf", "hbilstm-crf", "bert", "bert-crf", "ita-text"), "none"),
    **dict.fromkeys(("acoa", "acoa-interacting", "vg", "vg-interacting", "umt"), GRID),
    **dict.fromkeys(("object-agban", "object-agban-paper", "umgf"), "crops:resnet152"),
    **dict.fromkeys(("ocsga", "ocsga-paper", "ita-objects"), "objects:ocsga"),
    "iaik": "objects:ocsga+grid:resnet152",
    "rpbert": "grid:resnet101",
    **dict.fromkeys(("rgcn", "rgcn-figure", "rgcn-no-gate", "rgcn-no-inter", "rgcn-no-intra"), RELATIONS),
    **dict.fromkeys(("rgcn-no-both", "rgcn-released"), RELATIONS),
    "ita-captions": "captions:blip2",
    **dict.fromkeys(("ita-all", "ita-all-joint", "ita-all-cva"), "captions:blip2+objects:ocsga"),
}
"""What each row reads of the pictures; where there are no object labels, what is left of that."""
ENCODER, WEIGHTS, VISUAL = ReasonKind.ENCODER, ReasonKind.WEIGHTS, ReasonKind.VISUAL
MISSING, RECIPE = ReasonKind.MISSING, ReasonKind.RECIPE
REASONS = {
    **{key: {ENCODER, RECIPE} for key in ("bilstm-crf", "cnn-bilstm-crf", "hbilstm-crf")},
    **{key: {WEIGHTS, RECIPE} for key in ("bert", "bert-crf", "ita-text-xlmr")},
    **{key: {WEIGHTS, RECIPE} for key in ("umt", "umt-rerun", "rgcn")},
    **{key: {WEIGHTS, RECIPE} for key in ("rgcn-no-gate", "rgcn-no-inter", "rgcn-no-intra", "rgcn-no-both")},
    **{key: {WEIGHTS, MISSING, RECIPE} for key in ("rpbert-rerun", "umgf", "umgf-rerun")},
    "acoa": {ENCODER, VISUAL, RECIPE},
    "vg": {ENCODER, WEIGHTS, RECIPE},
    "ocsga": {ENCODER, RECIPE},
    "object-agban": {ENCODER, VISUAL, MISSING, RECIPE},
    "iaik": {ENCODER, VISUAL, MISSING, RECIPE},
    "ita-text-bert": {ENCODER, RECIPE},
    "ita-all-cva-xlmr": {WEIGHTS, VISUAL, RECIPE},
    "ita-all-cva-bert": {ENCODER, VISUAL, RECIPE},
}
"""Why printed rows cannot be compared with a rehearsal: random weights, one epoch, and what is missing anyway."""
NO_OBJECTS = {"ocsga", "ocsga-paper", "iaik", "ita-objects"}
"""Rows that Twitter-2017 cannot have."""


@dataclass(frozen=True)
class Rehearsed:
    """What the commands left: settings, scores of every cell, F1 of every run under every scorer."""

    root: Path
    config: Config
    paper: Paper
    cells: dict[tuple[str, str], ScoredCell]
    rescored: RescoredResults


def one_epoch(raw: dict[str, Any]) -> None:
    """One epoch and one seed of every row, and a detector that a hub can have."""
    raw["active"]["seeds"] = [1]
    raw["recipe"]["epochs"] = 1
    for row in raw["active"]["recipe"]["rows"].values():
        row.pop("by_dataset", None)
        row["epochs"] = 1
    raw["features"] = {"extractors": {"crops-resnet152": {"options": {"detector": fake_hub.DETECTOR}}}}


def typed(root: Path, environment: dict[str, str], *command: str) -> str:
    """Run a command of this project; its output, or an assertion that shows it."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    folder = tmp_path_factory.mktemp("rehearsal")
    root = copy_pipeline(folder / "checkout")
    write_profile(root, "paper", one_epoch)
    settings = config.load(root / "params.yaml")
    fake_hub.fill(folder / "hub", settings)
    generated_tweets.write_pictures(folder / "pictures")
    generated_tweets.write_data(root, folder / "sources", folder / "pictures")
    shutil.rmtree(root / "reports" / "results")  # kept results are of other data
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MNER_", "HF_"))}
    environment = kept | {
        "PYTHONPATH": str(root),
        "HF_HUB_CACHE": str(folder / "hub"),
        "HF_HUB_OFFLINE": "1",
        "MNER_CACHE": str(folder / "cache"),
        "MNER_IMAGES": str(folder / "pictures"),
        "MNER_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    for dataset in DATASETS:
        typed(root, environment, "stages.features", dataset)
        typed(root, environment, "stages.graphs", dataset)
    typed(root, environment, "mner.cli", "sweep", "--workers", "2")
    typed(root, environment, "stages.score", "paper")
    typed(root, environment, "stages.report", "paper")
    results = root / "results" / "paper"
    cells = read_results(ScoreResults, results / FILES[ScoreResults]).cells_by_place
    rescored = read_results(RescoredResults, results / FILES[RescoredResults])
    paper = load_paper(root / "reports/paper.yaml").requiring(requirements(settings.systems))
    return Rehearsed(root, settings, paper, cells, rescored)


def test_every_row_is_trained_and_reads_the_input_that_its_paper_names(rehearsed: Rehearsed) -> None:
    assert set(rehearsed.cells) == set(rehearsed.config.active.cells)
    for (dataset, system), cell in rehearsed.cells.items():
        if dataset == "twitter2017" and system in NO_OBJECTS:
            assert cell.state == "skipped", (dataset, system)
            continue
        expected = READS[system].replace("+objects:ocsga", "") if dataset == "twitter2017" else READS[system]
        assert (cell.state, cell.visual_input) == ("finished", expected), (dataset, system)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_picture_is_read_by_the_model_that_is_pinned(rehearsed: Rehearsed, dataset: str) -> None:
    files = {}
    for kind, model in IMAGE_MODELS.items():
        made = read_json(rehearsed.root / f"features/{dataset}/{kind}.json")["provenance"]["extractor"]
        assert made["model"] == model
        files[kind.partition("-")[2]] = made.get("grid", made)["file_sha256"]
    for (of, system), cell in rehearsed.cells.items():
        kind = rehearsed.config.active.regions.get(system)
        if of == dataset and kind is not None and cell.is_finished:
            assert cell.loaded.pictures_read == {"train": 1.0, "dev": 1.0, "test": 1.0}
            assert cell.loaded.regions_sha256 == (files[kind.partition("-")[2]],)


def test_no_verdict_is_given_and_each_for_the_right_reasons(rehearsed: Rehearsed) -> None:
    judged = set()
    for (dataset, system), cell in rehearsed.cells.items():
        runs = rehearsed.rescored.runs_of(dataset, system)
        for _, row in rehearsed.paper.rows_for(dataset, system):
            verdict = judge(cell, row, rehearsed.paper, 0.5, 0.05, runs)
            if verdict is None or cell.state == "skipped":
                continue
            judged.add(row.id)
            assert verdict.name == NOT_COMPARABLE
            assert {reason.kind for reason in verdict.reasons} == REASONS[row.id], (dataset, row.id)
            assert _recipe(verdict) <= {"", "epochs", "image_encoder", "batch_size"}, (dataset, row.id)
            if rehearsed.paper.requirements[system].recipe is not None:
                assert "epochs" in _recipe(verdict), (dataset, row.id)
    assert judged == set(REASONS)


def _recipe(verdict: Verdict) -> set[str]:
    """Fields of the recipe in which ours and theirs differ; an empty name where no recipe is known."""
    return {reason.detail for reason in verdict.reasons if reason.kind is RECIPE}


def test_weights_that_were_loaded_are_named_with_those_that_should_have_been(rehearsed: Rehearsed) -> None:
    cell = rehearsed.cells["twitter2017", "umt"]
    (row,) = [row for _, row in rehearsed.paper.rows_for("twitter2017", "umt") if row.id == "umt"]
    verdict = judge(cell, row, rehearsed.paper, 0.5, 0.05)
    assert verdict is not None
    weights = [reason for reason in verdict.reasons if reason.kind is WEIGHTS]
    loaded = [found[0][:12] for found in (cell.loaded.weights_sha256, cell.loaded.regions_sha256)]
    named = [rehearsed.paper.weights[name].sha256 for name in ("bert-base-cased", "resnet152")]
    for reason, ours, theirs in zip(weights, loaded, named, strict=True):
        assert ours in reason.ours
        assert str(theirs)[:12] in reason.theirs


def test_the_page_shows_every_row(rehearsed: Rehearsed) -> None:
    rendered = rehearsed.root / "reports/rendered/paper"
    page = (rendered / "index.html").read_text(encoding="utf-8")
    assert page.count(NOT_COMPARABLE) >= len(REASONS)
    tables = read_json(rendered / "tables.json")
    assert tables
    assert (rehearsed.root / "reports/rendered/index.html").is_file()
