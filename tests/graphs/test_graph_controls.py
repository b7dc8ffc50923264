"""Graphs broken on purpose: what each control keeps and what it takes away; and which graph a row reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import tiny
from support.messages import names

from mner import config
from mner.config import ConfigError
from mner.config.graph_recipe import CONTROLS, GraphRecipe, RelationSettings
from mner.data.corpus import ABSENT, Corpus, Sentence
from mner.graphs.graph_building import GraphBuilder, build_graphs
from mner.graphs.graph_controls import controlled, train_pool_only
from mner.graphs.relations import GraphError, Relation, RelationGraph, read_graph

SIZES = {"train": 12, "dev": 5, "test": 6}


def corpus() -> Corpus:
    made = {
        name: tuple(Sentence(i, f"{name}{i}", ("w",), None) for i in range(size)) for name, size in SIZES.items()
    }
    return Corpus("toy", **made)


def graph(seed: int = 0) -> RelationGraph:
    generator = torch.Generator().manual_seed(seed)
    images = tuple(sorted(f"{name}{i}" for name, size in SIZES.items() for i in range(size)))
    own = {image: row for row, image in enumerate(images)}
    ids = [f"{name}{i}" for name, size in SIZES.items() for i in range(size)]

    def relation() -> Relation:
        drawn = [torch.randperm(len(images), generator=generator) for _ in ids]
        rows = torch.stack([order[order != own[i]][:4] for i, order in zip(ids, drawn, strict=True)])
        scores = torch.rand(len(ids), 4, generator=generator).sort(1, descending=True).values
        rows[3], scores[3] = ABSENT, 0.0
        rows[7, 2:], scores[7, 2:] = ABSENT, 0.0
        return Relation(rows, scores)

    return RelationGraph("toy", images, SIZES, relation(), relation(), {"source": "drawn"})


def relations(graph: RelationGraph) -> tuple[Relation, Relation]:
    return graph.inter, graph.intra


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_is_a_function_of_its_seed_and_says_its_name(control):
    before = graph()
    first, again, other = (controlled(before, corpus(), control, seed) for seed in (1, 1, 2))
    for a, b in zip(relations(first), relations(again), strict=True):
        assert torch.equal(a.rows, b.rows)
        assert torch.equal(a.scores, b.scores)
    same = all(torch.equal(a.scores, b.scores) for a, b in zip(relations(first), relations(other), strict=True))
    assert same == (control == "self_only")
    assert first.name == f"toy+{control}"
    assert first.provenance == {"source": "drawn", "control": control, "seed": 1}
    assert (first.images, first.split_sizes) == (before.images, before.split_sizes)
    assert torch.equal(before.inter.scores, graph().inter.scores), "the graph itself must stay as it was"


def test_other_tweets_lists_are_given_once_within_the_split_and_never_hold_the_own_picture():
    before, made = graph(), controlled(graph(), corpus(), "other_tweet", 0)
    ids = [one.image for split in SIZES for one in corpus().split(split)]
    start = 0
    for size in SIZES.values():
        part = range(start, start + size)
        start += size
        for old, new in zip(relations(before), relations(made), strict=True):
            givers = []
            for number in part:
                own = before.images.index(ids[number])
                kept = [row for row in new.rows[number].tolist() if row != ABSENT]
                assert own not in kept
                candidates = [
                    other
                    for other in part
                    if [r for r in old.rows[other].tolist() if r not in (ABSENT, own)] == kept
                ]
                assert candidates, "the list is that of a sentence of the same split"
                assert candidates != [number], "and not the sentence's own"
                givers += candidates if len(candidates) == 1 else []
            assert len(givers) == len(set(givers))
    for relation in relations(made):
        gap = relation.rows == ABSENT
        assert not (gap[:, :-1] & ~gap[:, 1:]).any(), "gaps stand at the end"
        assert (relation.scores[gap] == 0).all()


def test_both_relations_come_from_the_same_other_tweet():
    before = graph()
    before = replace(before, intra=before.inter)
    made = controlled(before, corpus(), "other_tweet", 0)
    assert torch.equal(made.inter.rows, made.intra.rows)


def test_shuffled_scores_keep_neighbours_and_the_scores_of_each_split():
    before, made = graph(), controlled(graph(), corpus(), "shuffled_scores", 0)
    for old, new in zip(relations(before), relations(made), strict=True):
        assert torch.equal(old.rows, new.rows)
        assert not torch.equal(old.scores, new.scores)
        assert (new.scores[new.rows == ABSENT] == 0).all()
        start = 0
        for size in SIZES.values():
            part = slice(start, start + size)
            start += size
            assert Counter(old.scores[part].flatten().tolist()) == Counter(new.scores[part].flatten().tolist())


def test_self_only_puts_the_own_picture_in_every_neighbours_place():
    before = replace(graph(), images=graph().images[:-1])  # one tweet's own picture was retrieved by nobody
    before = replace(before, inter=_without_row(before.inter, 22), intra=_without_row(before.intra, 22))
    made = controlled(before, corpus(), "self_only", 0)
    own = [one.image for split in SIZES for one in corpus().split(split)]
    assert set(made.images) == set(own)
    for old, new in zip(relations(before), relations(made), strict=True):
        assert torch.equal(old.rows == ABSENT, new.rows == ABSENT)
        assert torch.equal(old.scores, new.scores)
        for image, rows in zip(own, new.rows.tolist(), strict=True):
            assert {made.images[row] for row in rows if row != ABSENT} <= {image}


def test_own_pictures_that_nobody_retrieved_join_in_the_order_of_their_ids():
    before = replace(graph(), images=tuple(f"other{number}" for number in range(len(graph().images))))
    made = controlled(before, corpus(), "self_only", 0)
    own = sorted(one.image for split in SIZES for one in corpus().split(split))
    assert made.images == (*before.images, *own)


@pytest.mark.parametrize("seed", range(3))
def test_even_two_tweets_exchange_their_lists(seed):
    small = Corpus(
        "toy",
        **{name: tuple(Sentence(i, f"{name}{i}", ("w",), None) for i in range(2)) for name in SIZES},
    )
    rows = torch.arange(6)[:, None]
    relation = Relation(rows, torch.ones(6, 1))
    images = tuple(f"p{number}" for number in range(6))
    before = RelationGraph("toy", images, dict.fromkeys(SIZES, 2), relation, relation, {})
    assert controlled(before, small, "other_tweet", seed).inter.rows[:, 0].tolist() == [1, 0, 3, 2, 5, 4]


def _without_row(relation: Relation, row: int) -> Relation:
    gone = relation.rows == row
    return Relation(torch.where(gone, ABSENT, relation.rows), torch.where(gone, 0.0, relation.scores))


def test_what_no_control_can_do_is_refused():
    with pytest.raises(GraphError):
        controlled(graph(), corpus(), "mirror", 0)
    lonely = replace(graph(), split_sizes={"train": 16, "dev": 1, "test": 6})
    with pytest.raises(GraphError):
        controlled(lonely, corpus(), "other_tweet", 0)


def test_published_lists_of_the_training_pool_hold_training_pictures_in_their_order():
    entry = {
        "inter_images": ["test0", "train1", "dev2", "train0"],
        "inter_scores": [0.9, 0.8, 0.7, 0.6],
        "intra_images": ["dev0"],
        "intra_scores": [1.0],
    }
    lists = {split: [None] * size for split, size in SIZES.items()}
    lists["dev"][0] = entry
    made = train_pool_only(lists, corpus())
    assert made["dev"][0] == {
        "inter_images": ["train1", "train0"],
        "inter_scores": [0.8, 0.6],
        "intra_images": [],
        "intra_scores": [],
    }
    assert made["train"] == [None] * SIZES["train"]


def test_a_recipes_name_says_what_differs():
    shared = GraphRecipe(kind="released", k=5, pool="all", encoder="minilm")
    assert shared.name(shared) == "released"
    assert replace(shared, control="self_only").name(shared) == "released+self_only"
    assert replace(shared, kind="rebuilt", pool="train").name(shared) == "rebuilt+pool-train"
    broken = replace(shared, control="other_tweet")
    assert broken.name(broken) == "released+other_tweet", "a control shows even where all rows share it"


@pytest.mark.parametrize("field", ["kind", "pool", "objects", "index", "control"])
def test_a_recipe_refuses_unknown_words(field):
    with pytest.raises(ValueError, match=names("'guess'")):
        GraphRecipe(**{"kind": "released", "k": 5, "pool": "all", "encoder": "minilm", field: "guess"})


def test_shared_choices_are_refused_as_those_of_one_graph_are():
    good = {"k": 5, "pool": "all", "encoder": "minilm", "kind": {"twitter2015": "released", "toy": "rebuilt"}}
    assert RelationSettings(**good).of("toy")["kind"] == "rebuilt"
    with pytest.raises(ValueError, match=names("'test'")):
        RelationSettings(**good | {"pool": "test"})
    with pytest.raises(ValueError, match="null, other_tweet"):
        RelationSettings(**good | {"control": "guess"})
    with pytest.raises(ValueError, match=names("k", 0)):
        RelationSettings(**good | {"k": 0})


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("world")
    tiny.make_world(root)
    return root


def add_rows(raw) -> None:
    row = raw["systems"]["rgcn"]
    for name, changes in {
        "rgcn-elsewhere": {"control": "other_tweet"},
        "rgcn-train-pool": {"pool": "train"},
        "rgcn-published": {"kind": "released"},
        "rgcn-published-train": {"kind": "released", "pool": "train"},
    }.items():
        raw["systems"][name] = {**row, "relations": changes}
    raw["active"]["systems"] = ["rgcn", "rgcn-elsewhere", "rgcn-train-pool", "rgcn-published"]


def test_a_row_may_name_its_own_graph_and_the_stage_builds_what_active_rows_read(world):
    settings = tiny.change_parameters(world, add_rows)
    paths = build_graphs(settings, tiny.DATASET, world, torch.device("cpu"))
    assert [path.stem for path in paths] == ["rebuilt", "rebuilt+other_tweet", "rebuilt+pool-train", "released"]
    shared, elsewhere, train_pool, published = map(read_graph, paths)
    assert shared.images == elsewhere.images
    assert not torch.equal(shared.inter.rows, elsewhere.inter.rows)
    assert all(image.startswith("train") for image in train_pool.images)
    assert train_pool.provenance["of_test"] == {"pool": 0.0, "inter": 0.0, "intra": 0.0}
    assert 0 < shared.provenance["of_test"]["pool"] < 1
    assert published.provenance["source"].startswith("published")
    only = GraphBuilder(settings, tiny.DATASET, world, torch.device("cpu")).write("rgcn-published-train")
    assert only.stem == "released+pool-train"
    assert all(image.startswith("train") for image in read_graph(only).images)
    for row in ("rgcn", "rgcn-elsewhere"):
        assert settings.graph_of(tiny.DATASET, row) in {path.stem for path in paths}


def test_a_row_that_names_an_unknown_choice_is_refused_when_the_parameters_are_read(world):
    add = {"relations": {"contrl": "self_only"}}

    def change(raw) -> None:
        raw["systems"]["rgcn-typo"] = {**raw["systems"]["rgcn"], **add}

    before = (world / "params.yaml").read_text()
    try:
        with pytest.raises(ConfigError):
            tiny.change_parameters(world, change)
        add["relations"] = {"control": "mirror"}
        with pytest.raises(ConfigError):
            tiny.change_parameters(world, change)
    finally:
        (world / "params.yaml").write_text(before)
    assert config.load(world / "params.yaml")
