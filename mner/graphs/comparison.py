"""Named graphs of a data set side by side: read or built, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from mner.config import Config
from mner.config.graph_recipe import CONTROLS, GraphRecipe
from mner.data.corpus import read_corpus
from mner.graphs.agreement import RELATIONS, Agreement, Hubness, agreement, hubness, pool_size
from mner.graphs.build import GraphBuilder
from mner.graphs.pixels import OpenPicture
from mner.graphs.relations import GraphError, RelationGraph, read_graph


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
            recipe = replace(recipe, **{key: convert(value)})
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
