"""Retrieval lists of the neighbour control: pictures of other sentences that show what the own one does not."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from mner.data.controls_text import Example
from mner.data.corpus import TYPES

RETRIEVAL_K = 10
SCORE = 1.0
KINDS = ("inter", "intra")
Lists = dict[str, Any]


def no_lists(examples: Sequence[Example]) -> list[None]:
    """What a control without relations of its own says: nothing was retrieved."""
    return [None] * len(examples)


def planted_lists(examples: Sequence[Example], rng: random.Random) -> list[Lists]:
    """Two lists a sentence, of ``RETRIEVAL_K`` pictures that show its subject's type, all with score 1.

    Pictures are those of the split's other sentences, drawn anew for each list. A sentence without an entity gets
    pictures of any one type. Lists are shorter where fewer pictures show a type.
    """
    showing = {kind: [one.image for one in examples if one.shown == kind] for kind in TYPES}
    return [_lists_of(one, showing[one.draft.subject or rng.choice(TYPES)], rng) for one in examples]


def _lists_of(example: Example, fitting: Sequence[str], rng: random.Random) -> Lists:
    others = [image for image in fitting if image != example.image]
    found: Lists = {}
    for kind in KINDS:
        images = rng.sample(others, min(RETRIEVAL_K, len(others)))
        found |= {f"{kind}_images": images, f"{kind}_scores": [SCORE] * len(images)}
    return found


def listed_types(examples: Sequence[Example], lists: Sequence[Mapping[str, Any] | None]) -> list[set[str | None]]:
    """The types that the pictures of each sentence's lists show; empty where it has none."""
    shown = {one.image: one.shown for one in examples}
    return [
        {shown[image] for kind in KINDS for image in entry[f"{kind}_images"]} if entry else set()
        for entry in lists
    ]
