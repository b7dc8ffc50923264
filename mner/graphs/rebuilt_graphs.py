"""Relation graphs rebuilt from captions and object labels, where no lists were published or others are wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mner.config.graph_recipe import POOLS, WEIGHTINGS
from mner.data.corpus import ABSENT, SPLITS, Corpus, Sentence
from mner.graphs.relations import GraphError, RelationGraph
from mner.graphs.top_k import nearest

Embed = Callable[[list[list[str]], str], Float[Tensor, "texts width"]]


def rebuilt_graph(
    corpus: Corpus,
    captions: Mapping[str, str],
    objects: Mapping[str, Sequence[str]] | None,
    embed: Embed,
    *,
    k: int,
    pool: str,
    weighting: str = "binary",
    confidences: Mapping[str, Sequence[float]] | None = None,
    minimum: float = -math.inf,
    index: str = "exact",
) -> RelationGraph:
    """Inter: cosine of tweet and caption embeddings. Intra: cosine of object vectors (see ``object_vectors``).

    ``pool`` is ``all`` (every split's pictures, as the published lists) or ``train``; provenance says which share
    of it, and of all neighbours, is of the test split. A sentence's own picture is never its neighbour; pictures
    without a caption or object have no edges of that relation; pictures that tie come in the order of their ids.
    Objects are neighbours above the similarity ``minimum`` (0: only pictures that share a kind of object).
    Where a data set has no object labels, intra-modal similarity is that of the captions, and provenance says so.

    Raises:
        GraphError: an unknown pool or weighting, or confidences that are wanted and not there.
    """
    sentences = [sentence for split in SPLITS for sentence in corpus.split(split)]
    images, own = pool_of(corpus, pool, captions.keys())
    captioned, own_caption = pool_of(corpus, "all", captions.keys())
    tweets = embed([list(s.words) for s in sentences], "tweets")
    described = embed([captions[image].split() for image in captioned], "captions")
    row_of = {image: row for row, image in enumerate(captioned)}
    scenes = described[[row_of[image] for image in images]]
    inter = nearest(tweets, scenes, own, k, index=index)
    own_images = [s.image for s in sentences]
    if objects:
        kinds = {label for found in objects.values() for label in found}
        keys = object_vectors([objects.get(i, ()) for i in images], kinds, weighting, _scores(confidences, images))
        queries = object_vectors(
            [objects.get(i, ()) for i in own_images], kinds, weighting, _scores(confidences, own_images)
        )
        basis = "object labels" if weighting == "binary" else f"object labels, {weighting}"
        intra = nearest(queries, keys, own, k, above=minimum, index=index)
    else:
        queries = torch.where((own_caption == ABSENT)[:, None], 0.0, described[own_caption])
        basis = "captions (no object labels)"
        intra = nearest(queries, scenes, own, k, index=index)
    provenance = {"source": "rebuilt", "inter": "captions", "intra": basis, "k": k, "pool": pool, "index": index}
    sizes = {split: len(corpus.split(split)) for split in SPLITS}
    graph = RelationGraph("rebuilt", images, sizes, inter, intra, provenance)
    provenance["of_test"] = share_of_test(graph, corpus)
    return graph


def pool_of(
    corpus: Corpus, pool: str, usable: Collection[str]
) -> tuple[tuple[str, ...], Int[Tensor, " sentences"]]:
    """Pictures one may retrieve, by id, and for every sentence the row of its own (``ABSENT`` if not there)."""
    if pool not in POOLS:
        raise GraphError(f"retrieval pool {pool!r} is unknown; params.yaml says 'all' or 'train'")
    sentences: list[Sentence] = [sentence for split in SPLITS for sentence in corpus.split(split)]
    pooled = corpus.train if pool == "train" else sentences
    images = tuple(sorted({s.image for s in pooled if s.image in usable}))
    row_of = {image: row for row, image in enumerate(images)}
    return images, torch.tensor([row_of.get(s.image, ABSENT) for s in sentences])


def share_of_test(graph: RelationGraph, corpus: Corpus) -> dict[str, float]:
    """How far retrieval looks into the test split: its share of the pool, and of all neighbours of a relation."""
    test = {sentence.image for sentence in corpus.test}
    member = torch.tensor([image in test for image in graph.images])
    shares = {"pool": member}
    for name in ("inter", "intra"):
        rows: Tensor = getattr(graph, name).rows
        shares[name] = member[rows[rows != ABSENT]]
    return {name: round(float(part.float().mean()), 4) if len(part) else 0.0 for name, part in shares.items()}


def object_vectors(
    labels: Sequence[Sequence[str]],
    kinds: Iterable[str],
    weighting: str = "binary",
    confidences: Sequence[Sequence[float]] | None = None,
) -> Float[Tensor, "pictures kinds"]:
    """One column a kind of object, L2-normalised, float64; zero where no object was found.

    ``binary``: 1 for a kind that is there; ``count``: how many; ``confidence``: the sum of the detector's scores
    of that kind. ``kinds`` may repeat, and stand in any order.

    Raises:
        GraphError: an unknown weighting; confidences that are lacking or not one for every label.
    """
    if weighting not in WEIGHTINGS:
        raise GraphError(f"weighting of objects {weighting!r} is unknown; expected one of {', '.join(WEIGHTINGS)}")
    weights: Sequence[Sequence[Any]] = [[1.0] * len(found) for found in labels]
    if weighting == "confidence":
        if confidences is None:
            raise GraphError("objects weigh by confidence, but their source has no scores; choose binary or count")
        weights = confidences
    column = {kind: number for number, kind in enumerate(sorted(set(kinds)))}
    vectors = torch.zeros(len(labels), len(column), dtype=torch.float64)
    for row, (found, weight) in enumerate(zip(labels, weights, strict=True)):
        if len(found) != len(weight):
            raise GraphError(f"picture {row} of the list has {len(found)} objects but {len(weight)} scores")
        for label, value in zip(found, weight, strict=True):
            vectors[row, column[label]] += value
    if weighting == "binary":
        vectors = (vectors > 0).double()
    return torch.nn.functional.normalize(vectors, dim=-1)


def _scores(
    confidences: Mapping[str, Sequence[float]] | None, images: Sequence[str]
) -> list[Sequence[float]] | None:
    return None if confidences is None else [confidences.get(image, ()) for image in images]
