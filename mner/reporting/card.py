"""A system's card as text: what it is, what it reads, how it is trained, and what nobody knows about it."""

from __future__ import annotations

import textwrap
from dataclasses import asdict

from mner.config import SystemSettings
from mner.models.system import Card
from mner.training.recipe import Recipe

WIDTH = 100


def render(name: str, row: SystemSettings, card: Card, recipe: Recipe) -> str:
    """The card of one row: identity, options, the published recipe beside ours, variants and doubts."""
    lines = [f"{name}: {card.title}", "=" * (len(name) + len(card.title) + 2), ""]
    facts = {
        "cite": card.cite,
        "file": row.file,
        "reads": ", ".join(card.needs) or "text only",
        "decoder": {"own": "its own"}.get(card.decoder, card.decoder),
        "options": ", ".join(f"{key}={value}" for key, value in row.options.items()) or "none",
    }
    if card.reconstructed:
        facts["note"] = card.reconstructed
    lines += _entries(facts)
    lines += ["", "Recipe as published or proposed", *_entries(dict(card.published or {"": "not stated"}))]
    lines += ["", "Recipe in the active profile", *_entries({k: str(v) for k, v in asdict(recipe).items()})]
    if card.variants:
        lines += ["", "Variants", *_entries(dict(card.variants))]
    lines += ["", "Doubts", *(_wrapped(f"- {doubt}", "  ") for doubt in card.doubts or ("none stated",))]
    return "\n".join(lines) + "\n"


def _entries(entries: dict[str, str]) -> list[str]:
    width = max((len(key) for key in entries), default=0)
    return [_wrapped(f"  {key.ljust(width)}  {value}", " " * (width + 4)) for key, value in entries.items()]


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent)
