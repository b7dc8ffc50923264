"""Relation graphs: exact neighbours, the published lists as they are, and PyG's view of the same edges."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from support import tiny
from support.messages import names

from mner.base.files import write_json_atomically
from mner.data.corpus import ABSENT, Corpus, Sentence
from mner.graphs.graph_building import build_graphs
from mner.graphs.rebuilt_graphs import object_vectors, rebuilt_graph
from mner.graphs.relations import (
    INTER,
    INTRA,
    GraphError,
    Relation,
    RelationGraph,
    read_graph,
    released_graph,
    write_graph,
)
from mner.graphs.top_k import nearest


def brute_force(queries, keys, own, k):
    """Neighbours by a plain sort of (-score, row) over all usable keys."""
    rows, scores = [], []
    for number, query in enumerate(queries):
        usable = [row for row, key in enumerate(keys) if key.any() and row != own[number] and query.any()]
        ranked = sorted((-float(query @ keys[row]), row) for row in usable)[:k]
        rows.append([row for _, row in ranked] + [ABSENT] * (k - len(ranked)))
        scores.append([-score for score, _ in ranked] + [0.0] * (k - len(ranked)))
    return torch.tensor(rows), torch.tensor(scores)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("queries", "keys", "k"), [(13, 29, 5), (7, 3, 5), (1, 1, 2), (20, 20, 20)])
def test_nearest_equals_brute_force(seed, queries, keys, k):
    generator = torch.Generator().manual_seed(seed)
    # Small whole numbers: inner products are exact, ties are plenty, and some vectors are zero.
    left = torch.randint(-1, 2, (queries, 3), generator=generator).double()
    right = torch.randint(-1, 2, (keys, 3), generator=generator).double()
    own = torch.randint(-1, keys, (queries,), generator=generator)
    expected_rows, expected_scores = brute_force(left, right, own.tolist(), k)
    for chunk in (1, 4, 1024):
        found = nearest(left.float(), right.float(), own, k, chunk=chunk)
        assert torch.equal(found.rows, expected_rows)
        assert torch.equal(found.scores, expected_scores)


def test_copies_of_one_picture_come_in_the_order_of_their_rows():
    generator = torch.Generator().manual_seed(0)
    distinct = torch.nn.functional.normalize(torch.randn(40, 384, generator=generator), dim=-1)
    keys = distinct.repeat(25, 1)
    queries = torch.nn.functional.normalize(torch.randn(30, 384, generator=generator), dim=-1)
    found = nearest(queries, keys, torch.full((30,), ABSENT), 25)
    best = (queries.double() @ distinct.double().T).argmax(1)
    expected = best[:, None] + 40 * torch.arange(25)[None, :]
    assert torch.equal(found.rows, expected)


def test_own_picture_and_zero_vectors_are_never_neighbours():
    keys = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.6, 0.8], [0.0, -1.0]])
    queries = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    found = nearest(queries, keys, torch.tensor([0, 2, ABSENT]), 3)
    assert found.rows.tolist() == [[2, 3, ABSENT], [ABSENT] * 3, [2, 0, 3]]
    torch.testing.assert_close(found.scores, torch.tensor([[0.6, 0.0, 0.0], [0.0] * 3, [0.8, 0.0, -1.0]]))


def corpus_of(sizes) -> Corpus:
    made = {
        name: tuple(Sentence(i, f"{name}{i}", ("w",), None) for i in range(size))
        for name, size in zip(("train", "dev", "test"), sizes, strict=True)
    }
    return Corpus("toy", **made)


def lists(**named) -> dict:
    return {"inter_images": [], "inter_scores": [], "intra_images": [], "intra_scores": [], **named}


@pytest.fixture
def published() -> RelationGraph:
    retrieval = {
        "train": [
            lists(
                inter_images=["p", "q", "r"], inter_scores=[0.9, 0.8, 0.7], intra_images=["q"], intra_scores=[0.5]
            ),
            None,
        ],
        "dev": [lists(intra_images=["z", "p", "q"], intra_scores=[0.3, 0.2, 0.1])],
        "test": [lists(inter_images=["a"], inter_scores=[0.4])],
    }
    return released_graph(corpus_of((2, 1, 1)), retrieval, 2)


def named(graph: RelationGraph, relation: Relation) -> list[list[str | None]]:
    return [[None if row == ABSENT else graph.images[row] for row in rows] for rows in relation.rows.tolist()]


def test_published_lists_are_taken_as_they_are_up_to_k(published):
    assert published.images == ("a", "p", "q", "z")
    assert named(published, published.inter) == [["p", "q"], [None, None], [None, None], ["a", None]]
    assert named(published, published.intra) == [["q", None], [None, None], ["z", "p"], [None, None]]
    torch.testing.assert_close(published.inter.scores[0], torch.tensor([0.9, 0.8]))
    assert published.provenance["k"] == 2


def test_splits_are_back_to_back(published):
    inter, intra = published.of_split("dev")
    assert (inter.rows.shape, named(published, intra)) == ((1, 2), [["z", "p"]])
    assert [len(published.of_split(name)[0].rows) for name in ("train", "dev", "test")] == [2, 1, 1]
    assert named(published, published.of_split("test")[0]) == [["a", None]]


def test_lists_that_do_not_fit_the_corpus_are_refused():
    none = {"train": [None, None], "dev": [None], "test": [None]}
    with pytest.raises(GraphError, match="no published retrieval lists; set relations to 'rebuilt'"):
        released_graph(corpus_of((2, 1, 1)), none, 2)
    one_short = {**none, "train": [lists(inter_images=["p"], inter_scores=[1.0])]}
    with pytest.raises(GraphError, match="1 retrieval lists for 2 sentences of train"):
        released_graph(corpus_of((2, 1, 1)), one_short, 2)


def edges_of(data, kind) -> set[tuple[int, int, float]]:
    return set(zip(*data[kind].edge_index.tolist(), data[kind].edge_attr.view(-1).tolist(), strict=True))


def test_pyg_sees_exactly_the_neighbour_table(published):
    data = published.hetero()
    assert data.validate(raise_on_error=True)
    assert (data["picture"].num_nodes, data["text"].num_nodes) == (4, 4)
    for kind, relation in ((INTER, published.inter), (INTRA, published.intra)):
        expected = {
            (row, sentence, score)
            for sentence, (rows, scores) in enumerate(
                zip(relation.rows.tolist(), relation.scores.tolist(), strict=True)
            )
            for row, score in zip(rows, scores, strict=True)
            if row != ABSENT
        }
        assert edges_of(data, kind) == expected


def test_graphs_round_trip_and_torn_ones_are_refused(tmp_path, published):
    path = tmp_path / "released.safetensors"
    with pytest.raises(GraphError, match=r"no relation graph there; run `dvc repro` \(stage graphs\)"):
        read_graph(path)
    write_graph(path, published)
    read = read_graph(path)
    assert replace(read, inter=None, intra=None) == replace(published, inter=None, intra=None)
    for name in ("inter", "intra"):
        assert torch.equal(getattr(read, name).rows, getattr(published, name).rows)
        assert torch.equal(getattr(read, name).scores, getattr(published, name).scores)
    description = json.loads(path.with_suffix(".json").read_text())
    write_json_atomically(
        path.with_suffix(".json"), {**description, "split_sizes": {"train": 1, "dev": 1, "test": 1}}
    )
    with pytest.raises(GraphError, match="index and neighbours disagree"):
        read_graph(path)


WORDS = ("cat", "dog", "car")


def embed(texts, label) -> torch.Tensor:
    """Bags of three words, normalised: similarity one can compute by hand."""
    counts = torch.tensor([[float(words.count(word)) for word in WORDS] for words in texts]).reshape(
        -1, len(WORDS)
    )
    return torch.nn.functional.normalize(counts, dim=-1)


TOY = Corpus(
    "toy",
    (Sentence(0, "i0", ("cat",), None), Sentence(1, "i1", ("dog", "car"), None), Sentence(2, "i2", ("x",), None)),
    (Sentence(0, "i3", ("car",), None),),
    (Sentence(0, "i4", ("cat",), None),),
)
CAPTIONS = {"i0": "dog", "i1": "cat", "i3": "car cat", "i4": "cat"}
OBJECTS = {"i0": ["cat"], "i1": ["cat", "cat", "dog"], "i2": ["dog"], "i3": [], "i4": ["car"]}


def test_rebuilt_relations_of_a_toy_are_those_computed_by_hand():
    graph = rebuilt_graph(TOY, CAPTIONS, OBJECTS, embed, k=2, pool="all")
    assert graph.images == ("i0", "i1", "i3", "i4")
    # Sentence 2 is a zero vector: no neighbours. Sentence 3 shares its only word with its own picture alone, so
    # all others tie at 0 and come in order.
    assert named(graph, graph.inter) == [["i1", "i4"], ["i0", "i3"], [None, None], ["i0", "i1"], ["i1", "i3"]]
    # Object kinds, not counts: i1 is (cat, dog). No objects (i3), no neighbours.
    assert named(graph, graph.intra) == [["i1", "i4"], ["i0", "i4"], ["i1", "i0"], [None, None], ["i0", "i1"]]
    torch.testing.assert_close(graph.intra.scores[0], torch.tensor([0.5**0.5, 0.0]))
    torch.testing.assert_close(graph.inter.scores[1], torch.tensor([0.5**0.5, 0.5]))
    assert graph.provenance["intra"] == "object labels"
    assert graph.provenance["of_test"] == {"pool": 0.25, "inter": 0.125, "intra": 0.25}
    fewer = rebuilt_graph(TOY, {"i0": "dog", "i1": "cat", "i4": "cat"}, OBJECTS, embed, k=2, pool="all")
    assert fewer.provenance["of_test"]["pool"] == 0.3333, "four digits: the graph's file is part of runs' keys"


def test_the_pool_may_be_the_training_pictures_alone():
    graph = rebuilt_graph(TOY, CAPTIONS, OBJECTS, embed, k=2, pool="train")
    assert graph.images == ("i0", "i1")
    assert named(graph, graph.inter)[4] == ["i1", "i0"]
    assert named(graph, graph.intra)[0] == ["i1", None]
    with pytest.raises(GraphError, match=names("'dev'")):
        rebuilt_graph(TOY, CAPTIONS, OBJECTS, embed, k=2, pool="dev")


def test_without_object_labels_captions_stand_in_and_provenance_says_so():
    graph = rebuilt_graph(TOY, CAPTIONS, None, embed, k=1, pool="all")
    assert graph.provenance["intra"] == "captions (no object labels)"
    assert named(graph, graph.intra) == [["i1"], ["i4"], [None], ["i1"], ["i1"]]


def test_object_vectors_are_binary_and_of_length_one():
    vectors = object_vectors([["b", "b"], [], ["a", "b"]], ["b", "a", "b"])
    expected = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.5**0.5, 0.5**0.5]], dtype=torch.float64)
    torch.testing.assert_close(vectors, expected)


def test_objects_weigh_by_confidence_where_a_detector_found_them_and_only_there(tmp_path):
    tiny.make_world(tmp_path)

    def by_confidence(raw: dict) -> None:
        raw["relations"].update(objects="confidence", k=1)

    def extracted(raw: dict) -> None:
        raw["data"]["objects"][tiny.DATASET] = "extracted"
        raw["features"]["kinds"] = {tiny.DATASET: ["caption-tokens", "objects"]}
        raw["features"]["extractors"] = {"objects": {"name": "objects-yolox-nano", "batch_size": 2}}

    with pytest.raises(GraphError, match="their source has no scores"):
        build_graphs(tiny.change_parameters(tmp_path, by_confidence), tiny.DATASET, tmp_path, torch.device("cpu"))
    found = {
        "train1": {"dog": 0.9, "car": 0.6},
        "train2": {"dog": 0.9, "car": 0.6},
        "train4": {"dog": 0.6, "car": 0.9},
    }
    items = {
        image: {"objects": [{"label": k, "score": v, "box": [0, 0, 1, 1]} for k, v in kinds.items()]}
        for image, kinds in found.items()
    }
    path = tmp_path / "features" / tiny.DATASET / "objects.json"
    write_json_atomically(path, {"provenance": {"kind": "objects"}, "found": items})
    settings = tiny.change_parameters(tmp_path, extracted)
    graph = read_graph(build_graphs(settings, tiny.DATASET, tmp_path, torch.device("cpu"))[0])
    assert graph.provenance["intra"] == "object labels, confidence"
    # The three pictures hold the same kinds: were they counted alone, all would be alike.
    alike = (0.9 * 0.6 + 0.6 * 0.9) / (0.9**2 + 0.6**2)
    assert [named(graph, graph.intra)[row] for row in (1, 2, 4)] == [["train2"], ["train1"], ["train1"]]
    torch.testing.assert_close(graph.intra.scores[[1, 2, 4], 0], torch.tensor([1.0, 1.0, alike]))


def test_a_data_sets_graph_is_of_the_kind_the_parameters_name(tmp_path):
    tiny.make_world(tmp_path)
    rebuilt = read_graph(tmp_path / "graphs" / tiny.DATASET / "rebuilt.safetensors")
    assert rebuilt.split_sizes == tiny.SIZES
    sentences = [s for split in tiny.splits().values() for s in split]
    for relation in (rebuilt.inter, rebuilt.intra):
        for sentence, images in zip(sentences, named(rebuilt, relation), strict=True):
            assert sentence.image not in images
            assert "train5" not in images
    released = tiny.change_parameters(
        tmp_path, lambda raw: raw["relations"].update(kind={tiny.DATASET: "released"}, k=3)
    )
    graph = read_graph(build_graphs(released, tiny.DATASET, tmp_path, torch.device("cpu"))[0])
    assert graph.name == "released"
    assert named(graph, graph.inter)[1] == tiny.retrieved(1)["inter_images"]
    assert named(graph, graph.inter)[0] == [None] * 3
