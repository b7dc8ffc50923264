"""Profile ``paper`` trains each row by the recipe that its card states as published."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.profile_settings import settings

from mner.config.schema import CAPTION_TOKENS
from mner.models.system import load_system

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


def test_a_row_of_a_profile_may_read_regions_of_its_own() -> None:
    rows = {"umt": {"regions": "grid"}, "umgf": {"regions": "crops"}}
    config = replace(PAPER, active=replace(PAPER.active, recipe={**PAPER.active.recipe, "rows": rows}))
    on = "twitter2017"
    assert [config.regions_of(on, row) for row in ("umt", "umgf", "rgcn")] == ["grid", "crops", CAPTION_TOKENS]
    assert config.recipe_of("umt").epochs == PAPER.recipe_of("rgcn").epochs  # regions are no part of a recipe
