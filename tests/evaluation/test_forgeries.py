"""Runs that are not the published method, though configured as it is: none may be called by a printed number.

All of them reach the printed F1, or miss it by far; what decides is what they loaded, read and did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from support import pixel_profile as pixel

from mner.evaluation.paper import Paper, PaperRow
from mner.evaluation.published_recipes import of_card, requirements
from mner.evaluation.reasons import ReasonKind
from mner.evaluation.score_results import ScoredCell
from mner.evaluation.verdicts import NOT_COMPARABLE, REPRODUCED, Verdict, judge
from mner.models.cards import Card, ContractError

DATASET = "twitter2017"


@pytest.fixture(scope="module")
def paper() -> Paper:
    """Printed numbers with what the cards of our rows ask."""
    return pixel.PAPER.requiring(requirements(pixel.pixels().systems))


def _row(paper: Paper, system: str) -> PaperRow:
    return next(row for _, row in paper.rows_for(DATASET, system))


def _faithful(paper: Paper, system: str, regions: str = "grid", off: float = 0.0) -> ScoredCell:
    """Runs as published in all that a card asks: named weights, every picture, the published recipe."""
    figure = _row(paper, system).figure(DATASET, "F1")
    assert figure is not None
    values = tuple(figure.value + off + step for step in (-0.01, 0.0, 0.01))
    cell = pixel.finished(pixel.pixels(regions), DATASET, system, values)
    published = paper.requirements[system].recipe or {}
    recipe = {name: _on(value) for name, value in published.items()}
    return replace(cell, recipe={**cell.recipe, **recipe}, precision=recipe.get("precision", "float32"))


def _on(value: Any) -> Any:
    return value[DATASET] if isinstance(value, Mapping) else value


def _judged(paper: Paper, cell: ScoredCell) -> Verdict:
    row = _row(paper, cell.system)
    lens = {"rgcn": "rgcn-64"}.get(row.used[DATASET].scorer)
    runs = pixel.rescored(cell, {(lens, "umt"): 0.0} if lens else {})
    verdict = judge(cell, row, paper, 0.5, 0.05, runs)
    assert verdict is not None
    return verdict


def _loading(cell: ScoredCell, **changes: Any) -> ScoredCell:
    return replace(cell, loaded=replace(cell.loaded, **changes))


def _random_weights(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, weights_sha256=("f" * 64,))


def _random_image_weights(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, regions_sha256=("f" * 64,))


def _a_folder_called_resnet_152(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, regions_sha256=())


def _weights_of_some_runs(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, weights_sha256=(*cell.loaded.weights_sha256, "f" * 64))


def _unhashed_weights(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, weights_sha256=())


def _few_pictures(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, pictures_read=dict.fromkeys(("train", "dev", "test"), 265 / 4819))


def _few_pictures_of_test(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, pictures_read={**cell.loaded.pictures_read, "test": 0.989})


def _uncounted_pictures(cell: ScoredCell) -> ScoredCell:
    return _loading(cell, pictures_read={})


def _one_epoch(cell: ScoredCell) -> ScoredCell:
    return replace(cell, recipe={**cell.recipe, "epochs": 1})


def _rounded(cell: ScoredCell) -> ScoredCell:
    return replace(cell, precision="bfloat16")


FORGERIES: dict[Callable[[ScoredCell], ScoredCell], tuple[ReasonKind, tuple[str, ...]]] = {
    _random_weights: (ReasonKind.WEIGHTS, ("umt", "bert-crf", "rgcn", "rgcn-released")),
    _random_image_weights: (ReasonKind.WEIGHTS, ("umt", "rgcn", "rgcn-released")),
    _a_folder_called_resnet_152: (ReasonKind.WEIGHTS, ("umt",)),
    _weights_of_some_runs: (ReasonKind.WEIGHTS, ("umt", "bert-crf")),
    _unhashed_weights: (ReasonKind.WEIGHTS, ("umt", "bert-crf", "rgcn")),
    _few_pictures: (ReasonKind.PICTURES, ("umt", "rgcn")),
    _few_pictures_of_test: (ReasonKind.PICTURES, ("umt",)),
    _uncounted_pictures: (ReasonKind.PICTURES, ("umt",)),
    _one_epoch: (ReasonKind.RECIPE, ("umt", "bert-crf", "bert", "rgcn", "rgcn-released")),
    _rounded: (ReasonKind.RECIPE, ("umt", "bert-crf", "rgcn-released")),
}
CASES = [(forge, kind, system) for forge, (kind, systems) in FORGERIES.items() for system in systems]


@pytest.mark.parametrize("off", [0.0, -9.0, 9.0])
@pytest.mark.parametrize(
    ("forge", "kind", "system"), CASES, ids=[f"{forge.__name__}-{system}" for forge, _, system in CASES]
)
def test_a_forgery_is_not_comparable_for_its_one_reason(
    paper: Paper, forge: Callable[[ScoredCell], ScoredCell], kind: ReasonKind, system: str, off: float
) -> None:
    verdict = _judged(paper, forge(_faithful(paper, system, off=off)))
    assert verdict.name == NOT_COMPARABLE
    (reason,) = verdict.reasons
    assert reason.kind is kind
    assert reason.ours
    assert reason.theirs
    assert reason.ours != reason.theirs


@pytest.mark.parametrize("system", ["umt", "bert-crf", "bert", "rgcn", "rgcn-released"])
def test_what_is_forged_above_could_be_judged_otherwise(paper: Paper, system: str) -> None:
    assert _judged(paper, _faithful(paper, system)).name == REPRODUCED


@pytest.mark.parametrize(("system", "regions"), [("umgf", "crops"), ("umgf", "grid"), ("rpbert", "grid")])
def test_a_row_that_misses_what_its_paper_has_is_not_comparable_however_it_was_run(
    paper: Paper, system: str, regions: str
) -> None:
    """UMGF on a detector's crops; RpBERT without relation labels and word vectors."""
    verdict = _judged(paper, _faithful(paper, system, regions))
    assert verdict.name == NOT_COMPARABLE
    missing = {reason.theirs for reason in verdict.reasons if reason.kind is ReasonKind.MISSING}
    assert missing == set(paper.requirements[system].missing)
    assert missing


def test_a_row_of_unknown_recipe_or_without_its_card_claims_nothing(paper: Paper) -> None:
    cell = _faithful(paper, "bert-crf")
    for ignorant in (pixel.PAPER, paper.requiring({})):
        assert {reason.kind for reason in _judged(ignorant, cell).reasons} == {ReasonKind.RECIPE}


def test_weights_that_nobody_named_identify_nothing(paper: Paper) -> None:
    cell = _faithful(paper, "bert-crf")
    unnamed = Paper(paper.tables, paper.scorers, {}, paper.requirements)
    assert {reason.kind for reason in _judged(unnamed, cell).reasons} == {ReasonKind.WEIGHTS}


def test_a_card_lists_only_fields_of_a_recipe() -> None:
    with pytest.raises(ContractError, match="epoch"):
        Card(name="x", title="X", cite="nobody", published_recipe={"epoch": 3})
    card = Card(name="x", title="X", cite="nobody", published_recipe={"epochs": 3}, missing=("a thing",))
    assert of_card(card).missing == ("a thing",)
