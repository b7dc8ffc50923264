"""Scoring rules on a whole test split of tags, and the standard one beside seqeval."""

from __future__ import annotations

import random

import pytest
from seqeval.metrics import f1_score

from mner.data.corpus import TYPES
from mner.evaluation.scorers import SCORERS

SENTENCES = 1000


@pytest.fixture(scope="module")
def split() -> tuple[list[list[str]], list[list[str]], list[list[int]]]:
    """Gold and predicted tags of drawn sentences, and word pieces a word."""
    rng = random.Random(4)
    gold = [_sentence(rng) for _ in range(SENTENCES)]
    predicted = [tags if rng.random() < 0.7 else ["O"] * len(tags) for tags in gold]
    pieces = [[1 + rng.randrange(2) for _ in tags] for tags in gold]
    return gold, predicted, pieces


def _sentence(rng: random.Random) -> list[str]:
    tags: list[str] = []
    while len(tags) < 12:
        kind = rng.choice(TYPES)
        tags += [f"B-{kind}", f"I-{kind}", "O"] if rng.random() < 0.4 else ["O", "O"]
    return tags


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_lens(benchmark, split, name: str) -> None:
    gold, predicted, pieces = split
    scores = benchmark(SCORERS[name].score, gold, predicted, pieces)
    assert 0 < scores.f1 < 1


def test_standard_lens_beside_seqeval(beside, split) -> None:
    gold, predicted, pieces = split
    ours = beside(
        lambda: SCORERS["conlleval"].score(gold, predicted, pieces).f1,
        lambda: f1_score(gold, predicted),
        at_least=1.0,
    )
    assert ours == pytest.approx(f1_score(gold, predicted))
