"""Cards: what a row is and what sets it apart, its recipe as published beside ours, and every caveat."""

from __future__ import annotations

import html
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.profile_settings import settings as profile_settings

from mner.config import Config, SystemSettings
from mner.config.training_recipe import OPTIMISER_WORDS
from mner.models.cards import Card
from mner.reporting.card_text import CardText, card_text, cards_markdown, render
from mner.reporting.site import render_cards

ROOT = Path(__file__).resolve().parents[2]
CARD = Card("row", "A <row>", "A & B: Title. 2020")
ROW = SystemSettings("mner/systems/row.py", {}, {})


@pytest.fixture(scope="module")
def settings() -> Config:
    return profile_settings()


def _text(settings: Config, row: SystemSettings = ROW, card: Card = CARD) -> CardText:
    return card_text("row", row, card, settings.recipe_of("umt"), "minilm")


def test_a_card_says_what_a_row_is_and_reads(settings: Config) -> None:
    assert _text(settings).facts == {
        **{"cite": "A & B: Title. 2020", "file": "mner/systems/row.py", "reads": "text only", "decoder": "crf"},
        "options": "none",
    }
    card = replace(CARD, needs=("captions", "objects"), decoder="own", reconstructed="no code", absence="a reason")
    options = {
        "gate": "tie",
        "heads": 8,
        "joint": True,
        "start": None,
        "layers": [1, 2],
        "words": {"vectors": "v"},
    }
    row = replace(ROW, options=options, by_dataset={"twitter2017": {"cut": False, "deep": ()}})
    text = _text(settings, row, card)
    assert text.absence == "a reason"
    assert list(text.facts.items())[2:] == [
        ("reads", "captions, objects"),
        ("decoder", "its own"),
        ("options", "gate=tie, heads=8, joint=yes, start=none, layers=[1, 2], words=(vectors=v)"),
        ("on twitter2017", "cut=no, deep=none"),
        ("note", "no code"),
        ("without a picture", "a reason"),
    ]


def test_rows_that_differ_in_their_relation_graph_alone_have_cards_that_say_so(settings: Config) -> None:
    rows = {name: row for name, row in settings.systems.items() if row.file == settings.systems["rgcn"].file}
    texts = {name: _text(settings, row) for name, row in rows.items()}
    for name, row in rows.items():
        assert ("relations" in texts[name].facts) == bool(row.relations), name
    assert texts["rgcn-train-pool"].facts["relations"] == "kind=rebuilt, pool=train"
    cards = [(text.facts, text.parts) for text in texts.values()]
    assert all(one not in cards[:place] for place, one in enumerate(cards)), "no two rows have one card"


def test_the_published_recipe_stands_beside_ours_and_what_is_not_stated_is_said(settings: Config) -> None:
    bare = _text(settings)
    assert list(bare.parts) == ["Recipe as published or proposed", "Recipe in the active profile"]
    assert bare.parts["Recipe as published or proposed"] == {"": "not stated"}
    assert bare.caveats == ("none stated",)
    ours = bare.parts["Recipe in the active profile"]
    recipe = settings.recipe_of("umt")
    assert list(ours) == ["text encoder", *asdict(recipe)]
    assert (ours["text encoder"], ours["epochs"]) == ("minilm", str(recipe.epochs))
    assert ours["optimiser"] == OPTIMISER_WORDS[recipe.optimiser]
    assert ours["keep_weights"] == ("yes" if recipe.keep_weights else "no")
    card = replace(CARD, published={"epochs": "25 (code)"}, variants={"row-b": "without"}, caveats=("one", "two"))
    content = _text(settings, card=card)
    assert content.parts["Recipe as published or proposed"] == {"epochs": "25 (code)"}
    assert content.parts["Variants"] == {"row-b": "without"}
    assert content.caveats == ("one", "two")


def test_a_row_that_reads_word_vectors_does_not_claim_the_profiles_encoder(settings: Config) -> None:
    words = {"words": {"vectors": "glove-6b-50d"}}
    reads = _text(settings, replace(ROW, options=words)).parts["Recipe in the active profile"]["text encoder"]
    assert reads == "glove-6b-50d"


def test_every_skin_of_a_card_holds_all_of_it(settings: Config) -> None:
    card = replace(
        CARD, published={"epochs": "25"}, variants={"row-b": "without"}, caveats=("a caveat", "another")
    )
    text = _text(settings, card=card)
    shown = render("row", ROW, card, settings.recipe_of("umt"), "minilm")
    assert shown.splitlines()[:3] == ["row: A <row>", "=" * len("row: A <row>"), ""]
    assert shown.endswith("\n\nCaveats\n- a caveat\n- another\n")
    bare = replace(CARD, published={"": "not stated"})
    marked = cards_markdown([text, _text(settings, card=bare)])
    for heading in ("## row", "**A <row>**", *(f"### {name}: row" for name in (*text.parts, "Caveats"))):
        assert f"\n\n{heading}\n" in marked, heading
    assert marked.startswith("# Systems\n\n")
    assert "\n- a caveat\n- another\n" in marked
    assert "\n- not stated\n" in marked, "an entry without a name is its text alone"
    page = render_cards([text], settings.active, ROOT / "reports" / "templates")
    assert f"profile <strong>{settings.active.name}</strong>" in page
    terminal = re.sub(r"\s+", " ", shown)
    for name, entry in (*text.facts.items(), *(item for part in text.parts.values() for item in part.items())):
        assert f"{name} {entry}" in terminal
        assert f"\n- {name}: {entry}\n" in marked
        assert f"<dt>{name.replace('_', ' ')}</dt><dd>{html.escape(entry)}</dd>" in page
    for heading in text.parts:
        assert f"\n\n{heading}\n  " in shown
    assert "A &lt;row&gt;" in page
