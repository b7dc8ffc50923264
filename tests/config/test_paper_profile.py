"""Profile ``paper`` trains each row by the recipe that its card states as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.profile_settings import settings

from mner.base.shipped_files import shipped
from mner.config import composed, settings_of
from mner.config.schema import CAPTION_TOKENS
from mner.evaluation.paper_reading import load_paper
from mner.models.system import load_system
from mner.training.experiment import Cell

PAPER = settings("paper")
NOT_OF_A_RECIPE = {"image_encoder"}
SMALLER_BATCHES = {"ita-all-joint", "ita-all-cva"}
"""Two views a sentence: half as many sentences a batch."""


@pytest.mark.parametrize("row", PAPER.active.systems)
@pytest.mark.parametrize("dataset", PAPER.active.datasets)
def test_a_row_has_its_published_recipe(row: str, dataset: str) -> None:
    recipe = PAPER.recipe_of(row, dataset)
    published = load_system(PAPER.systems[row].file).CARD.published_recipe or {}
    for field, value in published.items():
        if field in NOT_OF_A_RECIPE or (field == "batch_size" and row in SMALLER_BATCHES):
            continue
        assert getattr(recipe, field) == (value[dataset] if isinstance(value, dict) else value), field


def test_values_of_a_data_set_are_those_of_that_data_set_alone() -> None:
    assert [PAPER.recipe_of("umt", name).epochs for name in ("twitter2015", "twitter2017")] == [24, 22]
    assert PAPER.recipe_of("umt").epochs == 24


def test_no_row_of_the_paper_is_trained_in_less_than_float32() -> None:
    assert {PAPER.recipe_of(row).precision for row in PAPER.active.systems} == {"float32"}


@pytest.mark.parametrize("dataset", PAPER.active.datasets)
@pytest.mark.parametrize(
    ("row", "visual"),
    [
        ("umt", "grid:resnet152"),
        ("vg", "grid:resnet152"),
        ("rpbert", "grid:resnet101"),
        ("umgf", "crops:resnet152"),
        ("rgcn", "grid:resnet152+relations:released"),
        ("rgcn-released", "grid:resnet152+relations:released"),
    ],
)
def test_a_row_reads_the_regions_that_its_paper_names(row: str, visual: str, dataset: str) -> None:
    assert Cell(PAPER, dataset, row, Path()).visual_input() == visual


def test_every_model_that_makes_regions_is_pinned_and_named_among_the_papers_weights() -> None:
    paper = load_paper(shipped("paper.yaml"))
    for kind in set(PAPER.active.regions.values()):
        options = PAPER.features.extractors[kind].options
        model = options.get("grid", options)
        named = paper.weights[kind.partition("-")[2]]
        assert (model["model"], model["revision"]) == (named.origin, named.revision)
        assert named.sha256


def test_regions_and_options_of_a_row_are_no_part_of_other_rows() -> None:
    active = replace(PAPER.active, regions={"umt": "grid-resnet101"}, options={"umgf": {"nodes": "first"}})
    config, on = replace(PAPER, active=active), "twitter2017"
    assert [config.regions_of(on, row) for row in ("umt", "rgcn")] == ["grid-resnet101", CAPTION_TOKENS]
    assert config.kinds_of(on) == (CAPTION_TOKENS, "grid-resnet101")
    assert config.options_of("umgf", on)["nodes"] == "first"
    assert config.options_of("umt", on) == PAPER.systems["umt"].options
    assert config.recipe_of("umt") == PAPER.recipe_of("umt")


@pytest.mark.parametrize("kept", [("bert",), ("umt", "bert-crf"), ("rpbert",)])
def test_a_shorter_list_of_systems_needs_no_second_edit(kept: tuple[str, ...]) -> None:
    raw = composed("paper")
    raw["active"]["systems"] = list(kept)
    config = settings_of(raw, Path("params.yaml"))
    regions = {PAPER.active.regions[row] for row in kept if row in PAPER.active.regions}
    assert set(config.kinds_of("twitter2017")) == {CAPTION_TOKENS, *regions}
    assert config.recipe_of(kept[0]) == PAPER.recipe_of(kept[0])
