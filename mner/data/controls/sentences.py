"""Sentences of the controls: a small tweet grammar whose ambiguous names no text can resolve.

An *easy* entity has the type its template asks for, so the words tell it. An *ambiguous* name is invented and
stands in templates that fit every type; its type is drawn apart from the text, so the words cannot tell it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mner.data.controls.vocabulary import (
    AMBIGUOUS_TEMPLATES,
    CLOSERS,
    DAYS,
    EASY_TEMPLATES,
    FAMILY_NAMES,
    FIRM_KINDS,
    FIRM_NAMES,
    GIVEN_NAMES,
    HANDLE_ENDS,
    HANDLE_FRONTS,
    HASHTAGS,
    JOINERS,
    MOODS,
    OPENERS,
    PLACE_FRONTS,
    PLACE_NAMES,
    PLAIN_TEMPLATES,
    TOWNS,
    WORK_KINDS,
    WORK_NAMES,
)
from mner.data.corpus import OUTSIDE, TYPES

AMBIGUOUS_SLOT = "{X}"
SECOND_CLAUSE_SHARE = 0.25
OPENER_SHARE = 0.4
CLOSER_SHARE = 0.7
ATTEMPTS = 1000


@dataclass(frozen=True, slots=True)
class Draft:
    """A sentence before it has a picture.

    ``subject`` is the type of the entity a fitting picture would show: the ambiguous name's where there is
    one, else the first entity's, else None. ``ambiguous`` is the type of the ambiguous name, or None.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    subject: str | None
    ambiguous: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence with its plan: the draft, the id of its picture, the type the picture shows (None: absent)."""

    draft: Draft
    image: str
    shown: str | None


def tags_of(name: Sequence[str], kind: str) -> list[str]:
    """BIO tags of one entity: ``B-kind`` on its first word, ``I-kind`` on the others."""
    return [f"B-{kind}", *[f"I-{kind}"] * (len(name) - 1)]


def ambiguous_mentions(count: int, names: Sequence[str], random_types: random.Random) -> list[tuple[str, str]]:
    """``count`` (name, type) pairs in random order, every name with every type as evenly as ``count`` allows.

    Without the balance a name would lean towards a type by chance and memorising it would pay a little.
    """
    pairs = [(name, kind) for name in names for kind in TYPES]
    mentions = pairs * (count // len(pairs))
    shuffled_names = random_types.sample(list(names), len(names))
    shuffled_types = random_types.sample(TYPES, len(TYPES))
    rest = [(name, kind) for name in shuffled_names for kind in shuffled_types]
    mentions += rest[: count - len(mentions)]
    random_types.shuffle(mentions)
    return mentions


def draft_split(
    plain: int,
    easy: int,
    mentions: Sequence[tuple[str, str]],
    seen: set[tuple[str, ...]],
    random_text: random.Random,
) -> list[Draft]:
    """Sentences of one split in random order: ``plain`` without entities, ``easy`` ones, one per mention.

    ``seen`` holds every word sequence used so far, in any split, and grows: no sentence occurs twice.
    """
    drafts = [_draft_new(_plain_sentence, seen, random_text) for _ in range(plain)]
    drafts += [_draft_new(_easy_sentence, seen, random_text) for _ in range(easy)]
    for name, kind in mentions:

        def ambiguous(rng: random.Random, name: str = name, kind: str = kind) -> Draft:
            return _ambiguous_sentence(name, kind, rng)

        drafts.append(_draft_new(ambiguous, seen, random_text))
    random_text.shuffle(drafts)
    return drafts


def _draft_new(compose: Callable[[random.Random], Draft], seen: set[tuple[str, ...]], rng: random.Random) -> Draft:
    for _ in range(ATTEMPTS):
        draft = compose(rng)
        if draft.words not in seen:
            seen.add(draft.words)
            return draft
    raise ValueError(
        f"the controls' grammar found no new sentence in {ATTEMPTS} attempts after {len(seen)}; "
        "ask for fewer sentences in params.yaml or add templates to mner/data/controls/vocabulary.py"
    )


def _plain_sentence(rng: random.Random) -> Draft:
    core = rng.choice(PLAIN_TEMPLATES).format(day=rng.choice(DAYS), mood=rng.choice(MOODS))
    words, tags = _decorated([(word, OUTSIDE) for word in core.split()], rng)
    return Draft(words, tags, None, None)


def _easy_sentence(rng: random.Random) -> Draft:
    kind = rng.choice(TYPES)
    tagged = _easy_clause(kind, rng) + _second_clause(rng)
    words, tags = _decorated(tagged, rng)
    return Draft(words, tags, kind, None)


def _ambiguous_sentence(name: str, kind: str, rng: random.Random) -> Draft:
    core = _filled(rng.choice(AMBIGUOUS_TEMPLATES), AMBIGUOUS_SLOT, name, kind)
    words, tags = _decorated(core + _second_clause(rng), rng)
    return Draft(words, tags, kind, kind)


def _easy_clause(kind: str, rng: random.Random) -> list[tuple[str, str]]:
    return _filled(rng.choice(EASY_TEMPLATES[kind]), f"{{{kind}}}", easy_name(kind, rng), kind)


def _second_clause(rng: random.Random) -> list[tuple[str, str]]:
    if rng.random() >= SECOND_CLAUSE_SHARE:
        return []
    joiner = [(word, OUTSIDE) for word in rng.choice(JOINERS).split()]
    return joiner + _easy_clause(rng.choice(TYPES), rng)


def easy_name(kind: str, rng: random.Random) -> str:
    """A generic or fictional name of one type."""
    if kind == "PER":
        given = rng.choice(GIVEN_NAMES)
        return given if rng.random() < 0.3 else f"{given} {rng.choice(FAMILY_NAMES)}"
    if kind == "LOC":
        town = rng.choice(TOWNS)
        return town if rng.random() < 0.4 else f"{rng.choice(PLACE_FRONTS)} {rng.choice(PLACE_NAMES)}"
    if kind == "ORG":
        return f"{rng.choice(FIRM_NAMES)} {rng.choice(FIRM_KINDS)}"
    return f"{rng.choice(WORK_NAMES)} {rng.choice(WORK_KINDS)}"


def _filled(template: str, slot: str, name: str, kind: str) -> list[tuple[str, str]]:
    tagged: list[tuple[str, str]] = []
    for word in template.split():
        if word == slot:
            parts = name.split()
            tagged += zip(parts, tags_of(parts, kind), strict=True)
        else:
            tagged.append((word, OUTSIDE))
    return tagged


def _decorated(core: list[tuple[str, str]], rng: random.Random) -> tuple[tuple[str, ...], tuple[str, ...]]:
    before = _decoration(OPENERS, OPENER_SHARE, rng)
    after = _decoration(CLOSERS, CLOSER_SHARE, rng)
    tagged = [*before, *core, *after]
    return tuple(word for word, _ in tagged), tuple(tag for _, tag in tagged)


def _decoration(choices: Sequence[str], share: float, rng: random.Random) -> list[tuple[str, str]]:
    if rng.random() >= share:
        return []
    words = []
    for word in rng.choice(choices).split():
        if word == "{handle}":
            word = f"@{rng.choice(HANDLE_FRONTS)}_{rng.choice(HANDLE_ENDS)}"
        elif word == "{hashtag}":
            word = rng.choice(HASHTAGS)
        words.append((word, OUTSIDE))
    return words
