"""Dev F1, which selects the epoch, is conlleval's F1 pooled over the split."""

from __future__ import annotations

import random

import pytest

from mner.data.corpus import LABELS
from mner.tracking.dev_score import dev_f1, mean_dev_f1


def test_dev_f1_follows_from_counts_of_entities() -> None:
    draw = random.Random(7)
    for _ in range(100):
        lengths = [draw.randint(1, 9) for _ in range(draw.randint(1, 6))]
        gold, predicted = (
            [[draw.choice(LABELS) if draw.random() < share else "O" for _ in range(n)] for n in lengths]
            for share in (0.6, draw.random())
        )
        for tags, guess in zip(gold, predicted, strict=True):
            if draw.random() < 0.5:
                guess[:] = tags
        assert dev_f1(gold, predicted) == _from_counts(gold, predicted)


def test_dev_f1_of_nothing_is_zero() -> None:
    assert dev_f1([["O", "O"]], [["O", "O"]]) == 0.0
    assert dev_f1([["B-PER", "O"]], [["O", "O"]]) == 0.0


def _from_counts(gold: list[list[str]], predicted: list[list[str]]) -> float:
    """To the last bit: what selected the epochs of the kept runs."""
    wanted = {(row, *entity) for row, tags in enumerate(gold) for entity in _entities(tags)}
    given = {(row, *entity) for row, tags in enumerate(predicted) for entity in _entities(tags)}
    precision = len(wanted & given) / len(given) if given else 0.0
    recall = len(wanted & given) / len(wanted) if wanted else 0.0
    return 100.0 * (2.0 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _entities(tags: list[str]) -> set[tuple[int, int, str]]:
    found, first, kind = set(), 0, ""
    for index, tag in enumerate((*tags, "O")):
        prefix, _, this = tag.partition("-")
        if kind and (prefix != "I" or this != kind):
            found.add((first, index, kind))
            kind = ""
        if this and not kind:
            first, kind = index, this
    return found


def test_the_mean_over_batches_leaves_out_an_incomplete_batch_and_weighs_each_alike() -> None:
    gold = [["B-PER"], ["B-PER"], ["B-LOC"], ["B-LOC"], ["B-ORG"]]
    found = [["B-PER"], ["O"], ["O"], ["O"], ["B-ORG"]]
    assert mean_dev_f1(gold, found, 2) == pytest.approx((dev_f1(gold[:2], found[:2]) + 0) / 2)
    assert mean_dev_f1(gold, found, 1) == pytest.approx(100 * 2 / 5)
    for whole in (None, 6):
        assert mean_dev_f1(gold, found, whole) == dev_f1(gold, found)
    assert mean_dev_f1(gold, found, 5) == dev_f1(gold, found)
