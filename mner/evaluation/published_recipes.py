"""What a printed row asks of our runs: its recipe, field by field, and what its card requires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from mner.config.training_recipe import DEFAULTS
from mner.evaluation.paper import UNKNOWN, Requirements
from mner.evaluation.reasons import INFERRED, Reason, ReasonKind
from mner.evaluation.score_results import ScoredCell

NOT_RECORDED = "not recorded"
FIXED: Mapping[str, Any] = {"image_encoder": "not trained", **DEFAULTS}
"""What holds where a record does not say otherwise: features are made before training; the recipe's defaults."""


def recipe_reasons(cell: ScoredCell, asked: Requirements) -> tuple[Reason, ...]:
    """What of a finished cell's recipe is not as published; one reason where nothing published is known."""
    if asked.recipe is None:
        epochs = cell.recipe.get("epochs", NOT_RECORDED)
        return (Reason(ReasonKind.RECIPE, f"{epochs} epochs and the rest as recorded", UNKNOWN),)
    return tuple(_differences(cell, asked.recipe))


def recipe_caveats(asked: Requirements) -> tuple[Reason, ...]:
    """Whether the published recipe is itself only inferred."""
    return (Reason(ReasonKind.RECIPE, theirs=INFERRED),) if asked.recipe is not None and asked.inferred else ()


def _differences(cell: ScoredCell, published: Mapping[str, Any]) -> Iterator[Reason]:
    for field, value in published.items():
        if field == "frozen_layers":  # a reason of its own (mner.evaluation.comparable)
            continue
        theirs = value.get(cell.dataset, UNKNOWN) if isinstance(value, Mapping) else value
        ours = _ours(cell, field)
        if theirs == UNKNOWN or not _same(ours, theirs):
            yield Reason(ReasonKind.RECIPE, _said(ours), _said(theirs), field)


def _ours(cell: ScoredCell, field: str) -> Any:
    if field == "precision":  # what was computed in, not what was asked for
        return cell.precision or NOT_RECORDED
    return cell.recipe.get(field, FIXED.get(field, NOT_RECORDED))


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs))
    return bool(ours == theirs)


def _said(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


class OfCard(Protocol):
    """The part of a card (``mner.models.system.Card``) that a verdict reads."""

    @property
    def published_recipe(self) -> Mapping[str, object] | None: ...
    @property
    def recipe_inferred(self) -> str: ...
    @property
    def missing(self) -> tuple[str, ...]: ...


class OfRow(Protocol):
    """A row of ``params.yaml``: the file that holds its card."""

    @property
    def file(self) -> str: ...


def requirements(rows: Mapping[str, OfRow]) -> dict[str, Requirements]:
    """By row name, from the cards of the files that the rows name."""
    from mner.models.cards import card_of

    return {name: of_card(card_of(row.file)) for name, row in rows.items()}


def of_card(card: OfCard) -> Requirements:
    """What one card asks."""
    return Requirements(card.published_recipe, card.recipe_inferred, card.missing)
