"""Relation graphs rebuilt from captions and object labels, where no lists were published or others are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mner.data.corpus import SPLITS, Corpus
from mner.features.store import ABSENT
from mner.graphs.relations import GraphError, RelationGraph, nearest

Embed = Callable[[list[list[str]], str], Float[Tensor, "texts width"]]


def rebuilt_graph(
    corpus: Corpus,
    captions: Mapping[str, str],
    objects: Mapping[str, Sequence[str]] | None,
    embed: Embed,
    *,
    k: int,
    pool: str,
) -> RelationGraph:
    """Inter: cosine of tweet and caption embeddings. Intra: cosine of binary object vectors.

    ``pool`` is ``all`` (every split's pictures, as the published lists) or ``train``. A sentence's own picture is
    never its neighbour; pictures without a caption or object have no edges of that relation. Where a data set has
    no object labels, intra-modal similarity is that of the captions, and provenance says so.
    """
    if pool not in ("all", "train"):
        raise GraphError(f"retrieval pool {pool!r} is unknown; params.yaml says 'all' or 'train'")
    sentences = [sentence for split in SPLITS for sentence in corpus.split(split)]
    pooled = corpus.train if pool == "train" else sentences
    images = sorted({s.image for s in pooled if s.image in captions})
    row_of = {image: row for row, image in enumerate(images)}
    own = torch.tensor([row_of.get(s.image, ABSENT) for s in sentences])
    tweets = embed([list(s.words) for s in sentences], "tweets")
    scenes = embed([captions[image].split() for image in images], "captions")
    inter = nearest(tweets, scenes, own, k)
    own_images = [s.image for s in sentences]
    if objects:
        keys, basis = object_vectors([objects.get(image, ()) for image in images], objects), "object labels"
        queries = object_vectors([objects.get(image, ()) for image in own_images], objects)
    else:
        keys, basis = scenes, "captions (no object labels)"
        queries = embed([captions.get(image, "").split() for image in own_images], "own captions")
    intra = nearest(queries, keys, own, k)
    provenance = {"source": "rebuilt", "inter": "captions", "intra": basis, "k": k, "pool": pool}
    sizes = {split: len(corpus.split(split)) for split in SPLITS}
    return RelationGraph("rebuilt", tuple(images), sizes, inter, intra, provenance)


def object_vectors(
    labels: Sequence[Sequence[str]], vocabulary_of: Mapping[str, Sequence[str]]
) -> Float[Tensor, "pictures kinds"]:
    """Binary vectors over all object kinds seen, L2-normalised; zero where no object was found."""
    kinds = sorted({label for found in vocabulary_of.values() for label in found})
    column = {kind: number for number, kind in enumerate(kinds)}
    vectors = torch.zeros(len(labels), len(kinds))
    for row, found in enumerate(labels):
        for label in found:
            vectors[row, column[label]] = 1.0
    return torch.nn.functional.normalize(vectors, dim=-1)
