"""What the cards of a profile's rows ask before their runs may be held against printed numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mner.paper import Requirements


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
    from mner.models.system import load_system

    return {name: of_card(load_system(row.file).CARD) for name, row in rows.items()}


def of_card(card: OfCard) -> Requirements:
    """What one card asks."""
    return Requirements(card.published_recipe, card.recipe_inferred, card.missing)
