"""Is the recipe of our runs the published one? Field by field, over what a recipe here can say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mner.evaluation.reasons import INFERRED, Reason, ReasonKind
from mner.paper import UNKNOWN, Requirements

NOT_RECORDED = "not recorded"
FIXED = {"image_encoder": "not trained", "shuffled": "each epoch", "loss": "mean"}
"""What holds for all our runs: features are made before training, sentences are shuffled, losses averaged."""


def recipe_reasons(cell: Mapping[str, Any], asked: Requirements) -> tuple[Reason, ...]:
    """What of a finished cell's recipe is not as published; one reason where nothing published is known."""
    if asked.recipe is None:
        epochs = cell["recipe"].get("epochs", NOT_RECORDED)
        return (Reason(ReasonKind.RECIPE, f"{epochs} epochs and the rest as recorded", UNKNOWN),)
    return tuple(_differences(cell, asked.recipe))


def recipe_caveats(asked: Requirements) -> tuple[Reason, ...]:
    """Whether the published recipe is itself only inferred."""
    return (Reason(ReasonKind.RECIPE, theirs=INFERRED),) if asked.recipe is not None and asked.inferred else ()


def _differences(cell: Mapping[str, Any], published: Mapping[str, Any]) -> Iterator[Reason]:
    for field, value in published.items():
        if field == "frozen_layers":  # a reason of its own (mner.evaluation.comparable)
            continue
        theirs = value.get(cell["dataset"], UNKNOWN) if isinstance(value, Mapping) else value
        ours = _ours(cell, field)
        if theirs == UNKNOWN or not _same(ours, theirs):
            yield Reason(ReasonKind.RECIPE, _said(ours), _said(theirs), field)


def _ours(cell: Mapping[str, Any], field: str) -> Any:
    if field == "precision":  # what was computed in, not what was asked for
        return cell.get("precision") or NOT_RECORDED
    return cell["recipe"].get(field, FIXED.get(field, NOT_RECORDED))


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs))
    return bool(ours == theirs)


def _said(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
