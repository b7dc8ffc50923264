"""Agreement of two graphs worked by hand: the excess over exchanged lists, and scores of the places compared."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mner.data.corpus import ABSENT
from mner.graphs import graph_agreement as module
from mner.graphs.graph_agreement import agreement
from mner.graphs.relations import Relation, RelationGraph


def graph(rows: list[list[int]], scores: list[list[float]] | None = None) -> RelationGraph:
    places = torch.tensor(rows)
    values = torch.where(places == ABSENT, 0.0, 1.0) if scores is None else torch.tensor(scores)
    relation = Relation(places, values)
    sizes = {"train": len(rows), "dev": 0, "test": 0}
    return RelationGraph("g", tuple("abcdefgh"), sizes, relation, relation, {})


def test_the_excess_is_counted_in_deviations_of_the_exchanged_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([np.array([1, 2, 0]), np.array([2, 0, 1])])
    monkeypatch.setattr(module, "derangement", lambda count, generator: next(drawn))
    first, second = graph([[0, 1], [2, 3], [4, 5]]), graph([[0, 1], [2, 0], [4, 2]])
    found = agreement(first, second, "inter", 2, draws=2)
    # Own lists share 2, 1 and 1; the next one's 1, 1 and 0; those of the one after that, nothing.
    assert found.overlap == pytest.approx(4 / 3)
    assert found.exchanged == pytest.approx(1 / 3)
    assert found.excess == pytest.approx((4 / 3 - 1 / 3) / (2 / 3 / 2**0.5))


def test_nobody_is_given_the_own_list_in_exchange() -> None:
    for count in (2, 3, 10):
        given = module.derangement(count, np.random.default_rng(count))
        assert sorted(given.tolist()) == list(range(count))
        assert not (given == np.arange(count)).any()


def test_scores_are_means_over_the_places_that_are_filled_and_compared() -> None:
    rows = [[0, 1, 2], [1, 2, 0], [2, ABSENT, ABSENT], [3, 0, 1]]
    rising = graph(rows, [[0.1, 0.1, 9.0], [0.2, 0.2, 0.0], [0.3, 0.0, 0.0], [0.4, 0.4, 0.0]])
    filled = [*rows[:2], [2, 0, 1], rows[3]]
    other = graph(filled, [[1.0, 1.0, 0.0], [2.0, 2.0, 0.0], [3.0, 3.0, 0.0], [4.0, 4.0, 0.0]])
    assert agreement(rising, other, "inter", 2).scores == pytest.approx(1.0)
    assert agreement(rising, other, "intra", 3).scores == pytest.approx(-0.4)
