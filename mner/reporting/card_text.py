"""A system's card: what it is, what it reads, how it is trained, and what nobody knows about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mner.base.terminal import aligned_with_notes, wrapped
from mner.config import SystemSettings
from mner.config.training_recipe import OPTIMISER_WORDS, Recipe
from mner.evaluation.averages import text_encoder
from mner.models.cards import Card


@dataclass(frozen=True, slots=True)
class CardText:
    """A card as text: ``facts`` stand under the title, each of ``parts`` is a heading and its entries.

    ``absence`` says why a tweet without a picture may be read differently though pictures say nothing.
    """

    name: str
    title: str
    facts: Mapping[str, str]
    parts: Mapping[str, Mapping[str, str]]
    caveats: tuple[str, ...]
    absence: str = ""


def card_text(name: str, row: SystemSettings, card: Card, recipe: Recipe, encoder: str) -> CardText:
    """The card of one row: identity, options, the published recipe and ours, variants and caveats.

    ``encoder`` is the text encoder that the profile gives the row, by name.
    """
    reader = text_encoder({"name": encoder}, row.options)
    facts = {
        "cite": card.cite,
        "file": row.file,
        "reads": ", ".join(card.needs) or "text only",
        "decoder": {"own": "its own"}.get(card.decoder, card.decoder),
        "options": _said(row.options),
        **{f"on {dataset}": _said(options) for dataset, options in row.by_dataset.items()},
    }
    if row.relations:
        facts["relations"] = _said(row.relations)
    if card.reconstructed:
        facts["note"] = card.reconstructed
    if card.absence:
        facts["without a picture"] = card.absence
    if card.missing:
        facts["missing here"] = "; ".join(card.missing)
    parts = {
        "Recipe as published or proposed": dict(card.published or {"": "not stated"}),
        "Recipe in the active profile": {
            "text encoder": "none" if reader is None else reader.name,
            **{key: _said(value) for key, value in asdict(recipe).items()},
            "optimiser": OPTIMISER_WORDS[recipe.optimiser],
        },
    }
    if card.published_recipe is not None:
        asked = {field.replace("_", " "): _said(value) for field, value in card.published_recipe.items()}
        inferred = {"inferred from": card.recipe_inferred} if card.recipe_inferred else {}
        parts["Recipe that a verdict asks for"] = asked | inferred
    if card.variants:
        parts["Variants"] = dict(card.variants)
    return CardText(name, card.title, facts, parts, tuple(card.caveats) or ("none stated",), card.absence)


def render(name: str, row: SystemSettings, card: Card, recipe: Recipe, encoder: str) -> str:
    """The card of one row for a terminal."""
    text = card_text(name, row, card, recipe, encoder)
    lines = [f"{name}: {text.title}", "=" * (len(name) + len(text.title) + 2), "", *_entries(text.facts)]
    for heading, entries in text.parts.items():
        lines += ["", heading, *_entries(entries)]
    lines += ["", "Caveats", *(line for caveat in text.caveats for line in wrapped(f"- {caveat}", "", "  "))]
    return "\n".join(lines) + "\n"


def cards_markdown(cards: Sequence[CardText]) -> str:
    """All cards as one Markdown file; a card's heading is its name, so that ``cards.md#NAME`` leads to it."""
    lines = [
        "# Systems",
        "",
        "One card a row of the tables: what it is, how it is trained here, and what nobody knows.",
    ]
    for card in cards:
        lines += ["", f"## {card.name}", "", f"**{card.title}**", "", *_items(card.facts)]
        for heading, entries in card.parts.items():
            lines += ["", f"### {heading}: {card.name}", "", *_items(entries)]
        lines += ["", f"### Caveats: {card.name}", "", *(f"- {caveat}" for caveat in card.caveats)]
    return "\n".join(lines) + "\n"


def _said(value: Any) -> str:
    """A value of params.yaml in words."""
    if value is None or value == () or value == [] or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = {key: f"({_said(one)})" if isinstance(one, Mapping) else _said(one) for key, one in value.items()}
        return ", ".join(f"{key}={text}" for key, text in parts.items())
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_said(one) for one in value) + "]"
    return str(value)


def _items(entries: Mapping[str, str]) -> list[str]:
    return [f"- {name}: {text}" if name else f"- {text}" for name, text in entries.items()]


def _entries(entries: Mapping[str, str]) -> list[str]:
    return aligned_with_notes(list(entries.items()), "  ")
