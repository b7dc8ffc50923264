"""Work grows with runs, not with pairs of runs."""

from __future__ import annotations

import random
from itertools import combinations
from statistics import fmean

import pytest

from mner.data.corpus import LABELS
from mner.reporting.repetition import _Disagreement, words_otherwise

pytestmark = pytest.mark.fault("survived")

CELLS = (("d", "a"), ("d", "b"))


def _tags(seed: int, sentences: int = 9) -> list[list[str]]:
    rng = random.Random(seed)
    return [[rng.choice(LABELS) for _ in range(1 + number % 4)] for number in range(sentences)]


def test_disagreement_counted_word_by_word_is_the_mean_over_all_pairs_of_a_cell() -> None:
    runs = [(cell, _tags(seed)) for seed, cell in enumerate([*CELLS * 3, CELLS[0]])]
    runs += [(CELLS[1], _tags(99, sentences=4))]  # other sentences: no pair with it counts
    shares = [
        100 * counted[1] / counted[0]
        for (cell, one), (other_cell, other) in combinations(runs, 2)
        if cell == other_cell and (counted := words_otherwise(one, other))
    ]
    apart = _Disagreement()
    for cell, tags in runs:
        apart.add(cell, tags)
    assert apart.mean() == pytest.approx(fmean(shares))


def test_one_run_a_cell_disagrees_with_nothing() -> None:
    apart = _Disagreement()
    for cell in CELLS:
        apart.add(cell, _tags(1))
    assert apart.mean() is None
