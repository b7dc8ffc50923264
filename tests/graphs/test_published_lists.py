"""What published lists tell of how they were made: classes, scores between them, and what objects would allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import torch

from mner.data.corpus import ABSENT, Corpus, Sentence
from mner.graphs import published_lists as ties
from mner.graphs.published_lists import published_facts, share_within_ties

Scored = Sequence[tuple[str, float]]
CAT, DOG = ["cat", "cat"], ["dog"]
OBJECTS = {"i0": CAT, "i1": ["cat"], "i2": DOG, "i3": DOG, "i4": CAT, "nowhere": []}


def _facts(intra: Mapping[str, Scored], objects: Mapping[str, Sequence[str]] | None = None) -> dict[str, str]:
    """Facts of the lists of these tweets, whose words are their own."""
    sentences = tuple(Sentence(place, image, (image,), None) for place, image in enumerate(intra))
    lists = [
        {
            **{"inter_images": ["x"], "inter_scores": [0.5]},
            **{"intra_images": [name for name, _ in found], "intra_scores": [score for _, score in found]},
        }
        for found in intra.values()
    ]
    retrieval = {"train": lists, "dev": [], "test": []}
    facts = published_facts(Corpus("t", sentences, (), ()), retrieval, {}, objects)
    return {fact.what: fact.value for fact in facts}


def test_scores_between_classes_are_held_against_each_other_where_there_are_several() -> None:
    found = _facts({"i0": [("i1", 0.5)], "i1": [("i2", 0.3), ("i3", 0.3)], "i2": [("i1", 0.4)]})
    assert found["intra: pairs of classes with several scores, all of them equal"] == "0 of 1"
    assert found["intra: range of scores between classes"] == "0.30000 to 0.50000"
    nothing = _facts({"i0": [("i1", 1.0)], "i1": [("i0", 0.0)]})
    assert nothing["intra: range of scores between classes"] == "none"
    assert nothing["intra: pairs of classes with several scores, all of them equal"] == "0 of 0"


def test_neighbours_are_held_against_the_best_by_kinds_and_against_exchanged_lists() -> None:
    lists = {"i0": [("i1", 0.9)], "i1": [("i0", 0.9)], "i2": [("i3", 0.9)], "i3": [("i0", 0.9)]}
    found = _facts(lists | {"i4": [("i0", 0.0)]}, OBJECTS)
    said = "intra, for comparison: neighbours among the 1 best by {} of kinds, ties granted"
    assert found[said.format("sets")] == "75.0 %, exchanged 0.0 %", "a list whose scores are all 0 says nothing"
    assert found[said.format("counts")] == "75.0 %, exchanged 0.0 %", "of one kind, counts point the same way"
    longer = _facts(lists | {"i2": [("i3", 0.9), ("i0", 0.1)]}, OBJECTS)
    assert said.format("sets").replace("1 best", "2 best") in longer


def test_where_every_picture_would_be_among_the_best_nothing_is_compared() -> None:
    found = _facts({"i0": [("i1", 0.9)]}, {"i0": CAT})
    assert not any("among the" in what for what in found)
    assert found["intra, for comparison: distinct sets of kinds in the object labels"] == "1, the largest of 1"


def test_lists_are_held_against_all_pictures_however_many_are_looked_at_in_one_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = torch.nn.functional.one_hot(torch.arange(7) % 3).float()
    listed, own = [[3], [4], [0], [6], [1], [2], [5]], list(range(7))
    whole = share_within_ties(keys, keys, listed, own, 1)
    assert whole == pytest.approx(5 / 7)
    for block in (1, 2, 6):
        monkeypatch.setattr(ties, "BLOCK", block)
        assert share_within_ties(keys, keys, listed, own, 1) == whole


def test_a_query_that_is_no_picture_of_the_pool_may_get_every_one() -> None:
    keys = torch.eye(3)
    assert share_within_ties(keys[2:], keys, [[2]], [ABSENT], 1) == 1.0
    assert share_within_ties(keys[2:], keys, [[2]], [2], 1) == 0.0


def test_groups_of_equal_lists_are_counted_near_and_far_apart() -> None:
    at = {0: "a", 1: "b", 150: "a", 250: "b", 251: "b", 300: "c"}  # a: near; b: three lists, far apart
    sentences = tuple(Sentence(place, f"i{place}", (f"w{place}",), None) for place in range(301))
    lists = [
        {
            **{"inter_images": [at.get(place, f"own{place}")], "inter_scores": [0.5]},
            **{"intra_images": [], "intra_scores": []},
        }
        for place in range(301)
    ]
    facts = published_facts(Corpus("t", sentences, (), ()), {"train": lists, "dev": [], "test": []}, {}, None)
    found = {fact.what: fact.value for fact in facts}
    assert found["inter: groups of equal lists within 200 positions"] == "1 of 2"
    assert found["inter: groups of equal lists further apart than 200 positions"] == "1 of 3 lists"
