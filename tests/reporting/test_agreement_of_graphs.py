"""Agreement of two graphs, their concentration, what is rendered of both, and graphs named on the command line."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from support import tiny
from support.messages import names

from mner.config.graph_recipe import GraphRecipe
from mner.data.corpus import Corpus, Sentence
from mner.features.store import ABSENT
from mner.graphs.graph_agreement import (
    Agreement,
    Hubness,
    agreement,
    compare_graphs,
    hubness,
    overlap_at,
    recipe_named,
)
from mner.graphs.published_lists import published_facts, share_within_ties
from mner.graphs.relations import GraphError, Relation, RelationGraph
from mner.reporting.graph_tables import agreement_table, figure, hubness_table, published_table, tables

COUNT, POOL, K = 600, 90, 5


def made_of(rows: torch.Tensor, scores: torch.Tensor | None = None, images=None) -> RelationGraph:
    scores = torch.where(rows == ABSENT, 0.0, 1.0) if scores is None else scores
    images = images or tuple(f"p{i:03}" for i in range(POOL))
    relation = Relation(rows, scores)
    return RelationGraph("g", images, {"train": len(rows), "dev": 0, "test": 0}, relation, relation, {})


def random_graph(seed: int) -> RelationGraph:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.stack([torch.randperm(POOL, generator=generator)[:K] for _ in range(COUNT)])
    return made_of(rows, torch.rand(COUNT, K, generator=generator))


def test_a_graph_agrees_with_itself_entirely():
    graph = random_graph(0)
    found = agreement(graph, graph, "inter", K)
    assert (found.lists, found.overlap, found.first, found.scores) == (COUNT, K, 1.0, pytest.approx(1.0))
    assert found.excess > 10


def test_independent_lists_agree_by_chance_and_the_excess_says_so():
    found = agreement(random_graph(0), random_graph(1), "intra", K, pool=POOL + 1)
    assert found.chance == pytest.approx(K * K / POOL)
    assert found.overlap == pytest.approx(found.chance, abs=0.06)
    assert found.exchanged == pytest.approx(found.chance, abs=0.06)
    assert abs(found.excess) < 4
    assert abs(found.scores) < 0.15


def test_common_hubs_are_no_agreement():
    hubs = torch.arange(K)[None].expand(COUNT, K).clone()
    found = agreement(made_of(hubs), made_of(hubs.flip(1)), "inter", K)
    assert (found.overlap, found.exchanged, found.excess, found.first) == (K, K, 0.0, 0.0)
    assert found.scores is None


def test_agreement_goes_by_picture_not_by_row():
    graph = random_graph(2)
    order = torch.randperm(POOL, generator=torch.Generator().manual_seed(3))
    images = tuple(graph.images[i] for i in order.tolist())
    back = order.argsort()
    moved = replace(graph, images=images, inter=Relation(back[graph.inter.rows], graph.inter.scores))
    assert agreement(graph, moved, "inter", K).overlap == K


def test_absent_neighbours_are_shared_by_nobody():
    a = np.array([[0, 1, ABSENT], [ABSENT] * 3])
    b = np.array([[1, ABSENT, ABSENT], [ABSENT] * 3])
    assert overlap_at(a, b).tolist() == [1, 0]


def test_graphs_that_cannot_be_compared_are_refused():
    graph = random_graph(0)
    with pytest.raises(GraphError, match="graphs of different sentences"):
        agreement(graph, replace(graph, split_sizes={"train": 1, "dev": 1, "test": 1}), "inter", K)
    with pytest.raises(GraphError, match="no sentence has inter neighbours in both"):
        agreement(graph, made_of(torch.full((COUNT, K), ABSENT)), "inter", K)
    with pytest.raises(GraphError, match=names("'outer'")):
        agreement(graph, graph, "outer", K)


def test_hubness_by_hand():
    corpus = Corpus(
        "toy",
        (Sentence(0, "a", ("w",), None), Sentence(1, "b", ("w",), None)),
        (),
        (Sentence(0, "t", ("w",), None),),
    )
    rows = torch.tensor([[2, 1], [2, ABSENT], [0, 1]])
    relation = Relation(rows, torch.ones(3, 2))
    graph = RelationGraph("g", ("a", "b", "t"), {"train": 2, "dev": 0, "test": 1}, relation, relation, {})
    found = hubness(graph, "inter", corpus, 2)
    assert (found.lists, found.places, found.distinct, found.held) == (3, 5, 3, (2, 2, 1))
    assert found.top == pytest.approx(2 / 3)
    assert found.top_hundred == 1.0
    assert found.test == pytest.approx(2 / 5)
    assert found.test_in_train == pytest.approx(2 / 3)


def test_hubness_counts_the_most_frequent_picture_and_nothing_where_there_is_nothing():
    corpus = Corpus("toy", tuple(Sentence(i, "a", ("w",), None) for i in range(4)), (), ())
    found = hubness(made_of(torch.tensor([[2, 1], [2, ABSENT], [1, 2], [ABSENT] * 2])), "intra", corpus, 2)
    assert (found.held, found.lists, found.top) == ((3, 2), 3, 1.0)
    assert hubness(made_of(torch.tensor([[2, 1], [2, 0], [1, 2], [2, 1]])), "intra", corpus, 1).held == (3, 1)
    nothing = hubness(made_of(torch.full((4, 2), ABSENT)), "inter", corpus, 2)
    assert (nothing.lists, nothing.places, nothing.distinct, nothing.held) == (0, 0, 0, ())
    assert (nothing.top, nothing.top_hundred, nothing.test, nothing.test_in_train) == (0.0, 0.0, 0.0, 0.0)


def test_scores_correlate_by_list_unless_one_side_is_constant():
    rows = random_graph(4).inter.rows[:4]
    rising, flat = torch.arange(4.0)[:, None].expand(4, K) / 3, torch.ones(4, K)
    graphs = {
        name: made_of(rows, scores) for name, scores in (("up", rising), ("down", 1 - rising), ("flat", flat))
    }

    def correlation(first: str, second: str) -> float | None:
        return agreement(graphs[first], graphs[second], "inter", K).scores

    assert correlation("up", "up") == pytest.approx(1.0)
    assert correlation("up", "down") == pytest.approx(-1.0)
    assert correlation("flat", "up") is None
    assert correlation("up", "flat") is None


def test_lists_drawn_among_ties_attain_everything_although_they_overlap_little():
    kinds = np.arange(60) % 3
    vectors = torch.nn.functional.one_hot(torch.tensor(kinds)).float()
    own = np.arange(60)
    generator = np.random.default_rng(0)
    drawn = [generator.choice(np.flatnonzero((kinds == kinds[i]) & (own != i)), 5, replace=False) for i in own]
    assert share_within_ties(vectors, vectors, drawn, own, 5) == 1.0
    elsewhere = [generator.choice(np.flatnonzero(kinds != kinds[i]), 5, replace=False) for i in own]
    assert share_within_ties(vectors, vectors, elsewhere, own, 5) == 0.0
    half = [[*good[:2], *bad[:2]] for good, bad in zip(drawn, elsewhere, strict=True)]
    assert share_within_ties(vectors, vectors, half, own, 5) == 0.5


def test_a_pictures_own_place_is_granted_to_nobody():
    vectors = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.8, 0.6], [0.0, 1.0]])
    assert share_within_ties(vectors[:1], vectors, [[1]], [0], 1) == 1.0
    assert share_within_ties(vectors[:1], vectors, [[1]], [ABSENT], 1) == 0.0
    assert share_within_ties(vectors[:1], vectors, [[2]], [0], 1) == 0.0
    assert share_within_ties(vectors[:1], vectors, [[2]], [0], 2) == 1.0


def test_ties_of_nothing_are_refused():
    vectors = torch.eye(3)
    with pytest.raises(GraphError, match="no list names a picture"):
        share_within_ties(vectors, vectors, [[], [], []], [0, 1, 2], 1)
    with pytest.raises(GraphError, match="the 3 best of 3 pictures are all of them"):
        share_within_ties(vectors, vectors, [[1], [0], [0]], [0, 1, 2], 3)


def test_a_graphs_name_is_read_back():
    shared = GraphRecipe(kind="released", k=5, pool="all", encoder="minilm", control="self_only")
    made = recipe_named("rebuilt+captions-catr+objects-count+k-3+other_tweet", shared)
    expected = replace(shared, kind="rebuilt", captions="catr", objects="count", k=3, control="other_tweet")
    assert made == expected
    plain = replace(shared, control=None)
    assert recipe_named(expected.name(plain), plain) == expected
    with pytest.raises(GraphError, match="'colour-red' is no control"):
        recipe_named("rebuilt+colour-red", shared)
    with pytest.raises(GraphError, match=names("'rebult+k-3'", "'rebult'")):
        recipe_named("rebult+k-3", shared)
    with pytest.raises(GraphError, match=r"graph 'rebuilt\+k-many': invalid literal"):
        recipe_named("rebuilt+k-many", shared)


def test_graphs_of_a_data_set_are_compared_and_rendered(tmp_path):
    with tiny.one_thread():
        settings = tiny.make_world(tmp_path)
        compared = compare_graphs(settings, tiny.DATASET, tmp_path, [], 2)
        pair = compare_graphs(settings, tiny.DATASET, tmp_path, ["rebuilt", "rebuilt+other_tweet"], 2)
    text = tables(compared)
    assert "released / rebuilt+captions-planted+objects-count" in text
    assert text.count("| inter") == 2 + 3
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.count("|") in (11, 10)
    drawn = figure(compared)
    assert drawn == figure(compared), "the same input gives the same bytes"
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    found = pair.agreements["rebuilt / rebuilt+other_tweet", "inter"]
    assert [one.k for one in found] == [1, 2]
    assert found[1].overlap < 2
    with pytest.raises(GraphError, match="name two graphs"):
        compare_graphs(settings, tiny.DATASET, tmp_path, ["rebuilt"], 2)


def cells(table: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"
    ]


def test_every_number_of_the_tables_stands_under_its_name():
    found = Agreement(600, 5, 1.2344, 0.25, 0.5, -3.14, 0.1234, None)
    table = agreement_table("t", [("a / b", "inter", found), ("a / c", "intra", replace(found, scores=0.126))])
    head, _, first, second = cells(table)
    assert table.startswith("### t\n\n| A against B")
    assert dict(zip(head, first, strict=True)) == {
        **{"A against B": "a / b", "relation": "inter", "lists": "600", "k": "5", "overlap": "1.234"},
        **{"chance": "0.250", "exchanged": "0.500", "excess": "-3.1 s.d.", "first": "12.3 %", "ρ": "–"},
    }
    assert (second[:2], second[-1]) == (["a / c", "intra"], "+0.13")
    spread = Hubness(3, 5, 4, 0.6667, 0.9, 0.4, 0.05, (2, 1, 1, 1))
    head, _, row = cells(hubness_table("t", [("released", "inter", spread)]))
    assert dict(zip(head, row, strict=True)) == {
        **{"graph": "released", "relation": "inter", "lists": "3", "places": "5", "distinct": "4"},
        **{"top": "66.7 %", "top 100": "90.0 %", "test": "40.0 %", "test in train": "5.0 %"},
    }


def test_the_last_number_of_places_is_the_one_in_the_table_and_published_lists_are_counted(tmp_path):
    with tiny.one_thread():
        settings = tiny.make_world(tmp_path)
        compared = compare_graphs(settings, tiny.DATASET, tmp_path, ["rebuilt", "rebuilt+self_only"], 2)
    head, _, *rows = cells(tables(compared))
    assert [row[head.index("k")] for row in rows if row[0] == "rebuilt / rebuilt+self_only"] == ["2", "2"]
    table = published_table(tiny.DATASET, tmp_path / "data" / tiny.DATASET)
    head, _, *rows = cells(table)
    assert (head, table.splitlines()[0]) == (["what", "count"], f"### {tiny.DATASET}: published lists")
    assert any(what.startswith("intra, for comparison") for what, _ in rows), "object labels are read"
    assert any("planted caption" in what for what, _ in rows), "captions are read"


def entry(inter, intra) -> dict[str, list]:
    made = {}
    for kind, pairs in (("inter", inter), ("intra", intra)):
        made[f"{kind}_images"] = [image for image, _ in pairs]
        made[f"{kind}_scores"] = [score for _, score in pairs]
    return made


def test_planted_lists_tell_how_they_were_made():
    words = [("x",), ("x",), ("y",), ("z",)]
    sentences = tuple(Sentence(i, f"i{i}", one, None) for i, one in enumerate(words))
    equal = [("i2", 0.9), ("i3", 0.9)]
    lists = [
        entry(equal, [("i1", 1.0), ("i2", 0.99)]),
        entry([("i2", 0.9), ("i3", 0.8)], [("i0", 1.0), ("i2", 0.99)]),
        entry(equal, [("i0", 0.99), ("i1", 0.99)]),
        entry([("i0", 0.5), ("i1", 0.4)], [("i0", 0.0), ("i1", 0.0)]),
    ]
    retrieval = {"train": lists, "dev": [], "test": []}
    captions = {"one": {"i0": "a", "i1": "b", "i2": "c", "i3": "c"}}
    objects = {"i0": ["cat", "cat"], "i1": ["cat"], "i2": ["dog"], "i3": []}
    facts = published_facts(Corpus("t", sentences, (), ()), retrieval, captions, objects)
    found = {fact.what: fact.value for fact in facts}
    assert found["inter: pairs of tweets with the same words"] == "1"
    assert found["inter: of them, pairs with the same list"] == "0"
    assert found["inter: pairs of equal lists, all scores included"] == "1"
    assert found["inter: of them, pairs of tweets with the same words"] == "0"
    assert found["inter: tied neighbours with the same one caption"] == "2 of 2"
    assert found["inter: neighbours with the same one caption that tie"] == "2 of 3"
    assert found["intra: pictures all of whose scores are 0"] == "1 of 4"
    assert found["intra: classes of pictures joined by score 1"] == "2, the largest of 2, 1"
    assert found["intra: pairs inside a class with another score than 1"] == "0"
    assert found["intra: pairs of classes with several scores, all of them equal"] == "1 of 1"
    assert found["intra, for comparison: distinct sets of kinds in the object labels"] == "2, the largest of 2, 1"
    assert found["intra, for comparison: distinct counts of kinds in the object labels"].startswith("3,")


def test_pictures_joined_by_score_one_are_classes_of_their_own():
    """Three pairs, one of which is joined through a third picture, and five single pictures."""
    joined = {"i0": "i1", "i2": "i3", "i4": "i5", "i5": "i6"}
    images = [f"i{number}" for number in range(12)]
    sentences = tuple(Sentence(place, image, ("w",), None) for place, image in enumerate(images))
    lists = [entry([("x", 0.5)], [(joined.get(image, "x"), 1.0 if image in joined else 0.5)]) for image in images]
    facts = published_facts(Corpus("t", sentences, (), ()), {"train": lists, "dev": [], "test": []}, {}, None)
    found = {fact.what: fact.value for fact in facts}
    assert found["intra: classes of pictures joined by score 1"] == "8, the largest of 3, 2, 2, 1, 1"
    assert found["intra: range of scores between classes"] == "0.50000 to 0.50000"
