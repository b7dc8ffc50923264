"""The computations behind the claims of the documentation, on cases small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mner.data.tag_codes import encode
from mner.evaluation.claim_numbers import (
    ScorerGain,
    coverage_of_narrowest,
    equal_lists,
    pooled_interval,
    scorer_gain,
)
from mner.evaluation.scorers import conlleval, rgcn

PLACE = ("twitter2017", "bert-crf", "quick")


def test_the_parts_of_the_scorers_gain_add_up_to_it() -> None:
    gold = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"]] * 50
    predicted = [["B-PER", "I-PER", "O"], ["O", "O", "B-LOC"]] * 50
    pieces = [[2, 1, 1], [1, 3, 1]] * 50
    gain = scorer_gain(PLACE, encode(gold), encode(predicted), pieces)
    under = 100 * rgcn(encode(gold), encode(predicted), pieces, batch=64).f1
    assert gain.f1 == pytest.approx(100 * conlleval(encode(gold), encode(predicted)).f1)
    assert gain.f1 + gain.whole == pytest.approx(under)
    assert gain.subwords > 0, "the entity of two words is cut in two, both right"


def test_words_of_one_subword_leave_nothing_to_cut() -> None:
    gold = [["B-PER", "O"], ["O", "B-LOC"]] * 64
    predicted = [["B-PER", "O"], ["O", "O"]] * 64
    gain = scorer_gain(PLACE, encode(gold), encode(predicted), [[1, 1]] * 128)
    # The program rounds to four digits, that is hundredths of a point.
    assert (gain.subwords, gain.left_out, gain.averaging) == (pytest.approx(0, abs=0.006),) * 3
    assert isinstance(gain, ScorerGain)


def test_a_pooled_interval_borrows_the_spread_of_other_cells() -> None:
    alone = pooled_interval([1.0, 1.02], [[1.0, 1.02]])
    pooled = pooled_interval([1.0, 1.02], [[1.0, 1.02], [3.0, 4.0], [0.0, 1.0], [5.0]])
    assert (alone.freedom, pooled.freedom, pooled.cells) == (1, 3, 3)
    assert pooled.deviation == pytest.approx(((0.0002 + 0.5 + 0.5) / 3) ** 0.5)
    assert pooled.high - pooled.low > alone.high - alone.low
    with pytest.raises(ValueError, match="two runs"):
        pooled_interval([1.0], [[1.0]])


def test_intervals_that_are_narrow_by_chance_miss_more_often() -> None:
    generator = np.random.default_rng(1)
    all_of_them = coverage_of_narrowest(2, 1.0, generator, trials=50_000)
    narrowest = coverage_of_narrowest(2, 0.25, generator, trials=50_000)
    assert all_of_them == pytest.approx(0.95, abs=0.01)
    assert 0.72 < narrowest < 0.88


def test_equal_lists_are_told_apart_by_how_far_apart_they_stand() -> None:
    one, other, third = ([("a", 0.5)], [("b", 0.5)], [("c", 0.25)])
    lists: list[list[tuple[str, float]] | None] = [one, one, other, third, None]
    lists += [[(str(number), 1.0)] for number in range(300)]
    lists += [other, third, third]
    found = equal_lists(lists)
    assert found.near == ((0, 1),)
    assert found.far == ((2, 305), (3, 306, 307))
    assert found.sizes_of_far == {2: 1, 3: 1}
