"""How far relation graphs of one data set agree, and how concentrated each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from mner.config import Config
from mner.config.graph_recipe import CONTROLS, GraphRecipe
from mner.data.corpus import ABSENT, SPLITS, Corpus, read_corpus
from mner.features.pixels import OpenPicture
from mner.graphs.graph_building import GraphBuilder
from mner.graphs.graph_controls import derangement
from mner.graphs.relations import GraphError, Relation, RelationGraph, read_graph

RELATIONS = ("inter", "intra")
TOP_HUBS = 100


@dataclass(frozen=True, slots=True)
class Hubness:
    """How a relation spreads over pictures, at its first k places.

    ``top`` is the share of lists that hold the most frequent picture, ``top_hundred`` the share of all places
    held by the hundred most frequent; ``distinct`` pictures fill ``places`` places of ``lists`` non-empty lists.
    ``test`` is the share of places held by pictures of the test split, ``test_in_train`` the same of training
    sentences' places; ``held`` is how many places each picture holds, the most frequent first.
    """

    lists: int
    places: int
    distinct: int
    top: float
    top_hundred: float
    test: float
    test_in_train: float
    held: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two relations compared over the ``lists`` sentences for which both have neighbours.

    ``overlap`` is the mean number of pictures that the first k places share. ``chance`` is what two random lists
    out of the pool would share; ``exchanged`` what remains when every sentence is given another sentence's list
    of B, which is all that common hubs explain. ``excess`` is ``overlap - exchanged`` in standard deviations of
    the latter. ``first`` is the share of lists with the same first picture. ``scores`` is Spearman's correlation
    of the lists' mean scores (None where one of them is constant).
    """

    lists: int
    k: int
    overlap: float
    chance: float
    exchanged: float
    excess: float
    first: float
    scores: float | None


def hubness(graph: RelationGraph, relation: str, corpus: Corpus, k: int) -> Hubness:
    """Concentration of one relation's first k places."""
    rows = _relation(graph, relation).rows[:, :k].numpy()
    filled = rows != ABSENT
    counts = Counter(rows[filled].tolist())
    held = tuple(count for _, count in counts.most_common())
    places, lists = int(filled.sum()), int(filled.any(1).sum())
    test_images = {sentence.image for sentence in corpus.test}
    member = np.array([image in test_images for image in graph.images] + [False])
    train = np.arange(len(rows)) < graph.split_sizes[SPLITS[0]]
    return Hubness(
        lists,
        places,
        len(held),
        held[0] / lists if lists else 0.0,
        sum(held[:TOP_HUBS]) / places if places else 0.0,
        _share(member[rows][filled]),
        _share(member[rows[train]][filled[train]]),
        held,
    )


def overlap_at(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Number of entries that each pair of rows shares; ``ABSENT`` counts for nothing."""
    same = (a[:, :, None] == b[:, None, :]) & (a != ABSENT)[:, :, None]
    return same.any(2).sum(1)


def agreement(
    a: RelationGraph,
    b: RelationGraph,
    relation: str,
    k: int,
    *,
    pool: int | None = None,
    draws: int = 20,
    seed: int = 0,
) -> Agreement:
    """Compare one relation of two graphs of the same sentences at the first k places.

    ``pool`` is the number of pictures that could be retrieved, by default those that either graph names.

    Raises:
        GraphError: the graphs are of different sentences, or no sentence has neighbours in both.
    """
    if dict(a.split_sizes) != dict(b.split_sizes):
        raise GraphError(
            f"{a.name} and {b.name} are graphs of different sentences: {a.split_sizes}, {b.split_sizes}"
        )
    images = sorted({*a.images, *b.images})
    left, right = (_in_common(graph, relation, images, k) for graph in (a, b))
    both = (left != ABSENT).any(1) & (right != ABSENT).any(1)
    if not both.any():
        raise GraphError(f"no sentence has {relation} neighbours in both {a.name} and {b.name}")
    left, right = left[both], right[both]
    shared = overlap_at(left, right)
    generator = np.random.default_rng(seed)
    exchanged = [overlap_at(left, right[derangement(len(right), generator)]).mean() for _ in range(draws)]
    spread = float(np.std(exchanged, ddof=1))
    size = pool or len(images)
    sizes = (left != ABSENT).sum(1) * (right != ABSENT).sum(1)
    centre = float(np.mean(exchanged))
    return Agreement(
        int(both.sum()),
        k,
        float(shared.mean()),
        float(sizes.mean() / max(1, size - 1)),
        centre,
        (float(shared.mean()) - centre) / spread if spread else 0.0,
        float((left[:, 0] == right[:, 0]).mean()),
        _correlation(_means(_relation(a, relation), k)[both], _means(_relation(b, relation), k)[both]),
    )


def pool_size(corpus: Corpus, extra: Set[str] = frozenset()) -> int:
    """Number of distinct pictures of a corpus, and of ``extra``."""
    return len({sentence.image for split in SPLITS for sentence in corpus.split(split)} | extra)


def _relation(graph: RelationGraph, relation: str) -> Relation:
    if relation not in RELATIONS:
        raise GraphError(f"relation {relation!r} is unknown; expected one of {', '.join(RELATIONS)}")
    return getattr(graph, relation)


def _in_common(graph: RelationGraph, relation: str, images: Sequence[str], k: int) -> np.ndarray:
    row_of = {image: row for row, image in enumerate(images)}
    named = np.array([*(row_of[image] for image in graph.images), ABSENT])
    return named[_relation(graph, relation).rows[:, :k].numpy()]


def _means(relation: Relation, k: int) -> np.ndarray:
    rows, scores = relation.rows[:, :k].numpy(), relation.scores[:, :k].numpy()
    there = rows != ABSENT
    return np.where(there, scores, 0.0).sum(1) / np.maximum(there.sum(1), 1)


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Agreement of graph ``first`` with others, at 1 to k places, and hubness of all.

    ``agreements[label, relation]`` has one entry for every number of places, the last for all k.
    """

    dataset: str
    agreements: dict[tuple[str, str], tuple[Agreement, ...]]
    hubness: dict[tuple[str, str], Hubness]


def compare_graphs(
    config: Config,
    dataset: str,
    root: Path,
    names: Sequence[str],
    k: int,
    open_picture: OpenPicture | None = None,
) -> Comparison:
    """Compare two graphs, or (no names) the published one with every way to rebuild it.

    A graph that is not in graphs/<dataset>/ is built in memory from its name and not kept.

    Raises:
        GraphError: not two names, a name that says nothing, or a graph that cannot be built.
    """
    builder = GraphBuilder(config, dataset, root, torch.device("cpu"), open_picture)
    if not names:
        names = ["released", *every_rebuilt(config, dataset)]
    elif len(names) != 2:
        raise GraphError(f"name two graphs, or none for released against every rebuilt one; found {len(names)}")
    graphs = {name: _graph(builder, name, k) for name in names}
    corpus = read_corpus(root / "data" / dataset / "corpus", dataset)
    first, *others = graphs
    pool = pool_size(corpus, {image for graph in graphs.values() for image in graph.images})
    agreements = {
        (f"{first} / {other}", relation): tuple(
            agreement(graphs[first], graphs[other], relation, places, pool=pool) for places in range(1, k + 1)
        )
        for relation in RELATIONS
        for other in others
        if _has_edges(graphs[first], relation) and _has_edges(graphs[other], relation)
    }
    spread = {
        (name, relation): hubness(graph, relation, corpus, k)
        for relation in RELATIONS
        for name, graph in graphs.items()
    }
    return Comparison(dataset, agreements, spread)


def every_rebuilt(config: Config, dataset: str) -> list[str]:
    """Names of the rebuilt graphs that the data at hand allow: captions times weighting of objects."""
    weightings = ("binary", "count") if config.data.objects[dataset] else ("binary",)
    captions = ("catr", "blip2") if dataset.startswith("twitter") else (config.data.captions[dataset],)
    return [f"rebuilt+captions-{source}+objects-{weight}" for source in captions for weight in weightings]


def recipe_named(name: str, shared: GraphRecipe) -> GraphRecipe:
    """The recipe that a graph's name spells out: ``rebuilt+captions-catr+other_tweet``.

    Raises:
        GraphError: a part that is neither a control nor ``<field>-<value>``, or a value that no recipe has.
    """
    try:
        return _recipe_of(name, shared)
    except GraphError:
        raise
    except ValueError as error:
        raise GraphError(f"graph {name!r}: {error}") from error


def _recipe_of(name: str, shared: GraphRecipe) -> GraphRecipe:
    kind, *parts = name.split("+")
    recipe = replace(shared, kind=kind, control=None)
    kinds = {field.name: type(getattr(shared, field.name)) for field in fields(GraphRecipe)}
    for part in parts:
        key, dash, value = part.partition("-")
        if part in CONTROLS:
            recipe = replace(recipe, control=part)
        elif dash and key in kinds and key != "kind":
            convert = kinds[key] if kinds[key] in (int, float) else str
            changed: dict[str, Any] = {key: convert(value)}
            recipe = replace(recipe, **changed)
        else:
            raise GraphError(
                f"graph {name!r}: {part!r} is no control ({', '.join(CONTROLS)}) and no <field>-<value>"
            )
    return recipe


def _graph(builder: GraphBuilder, name: str, k: int) -> RelationGraph:
    path = builder.root / "graphs" / builder.dataset / f"{name}.safetensors"
    if path.is_file() and (graph := read_graph(path)).inter.rows.shape[1] >= k:
        return graph
    shared = builder.config.relations_of(builder.dataset)
    return builder.graph(replace(recipe_named(name, shared), k=k))


def _has_edges(graph: RelationGraph, relation: str) -> bool:
    return bool((getattr(graph, relation).rows >= 0).any())
