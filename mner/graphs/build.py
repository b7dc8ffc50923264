"""Build the relation graph of a data set that the parameters name."""

from __future__ import annotations

from pathlib import Path

import torch

from mner.config import Config
from mner.data.corpus import read_corpus
from mner.data.side import read_side
from mner.features.caption_tokens import sentence_vectors
from mner.graphs.rebuild import rebuilt_graph
from mner.graphs.relations import GraphError, RelationGraph, released_graph, write_graph
from mner.models.encoders import TextEncoder


def build_graph(config: Config, dataset: str, root: Path, device: torch.device) -> Path:
    """Write graphs/<dataset>/<kind>.safetensors, kind being ``released`` or ``rebuilt``."""
    kind = config.relations.kind[dataset]
    path = root / "graphs" / dataset / f"{kind}.safetensors"
    write_graph(path, _graph(config, dataset, root, device, kind))
    return path


def _graph(config: Config, dataset: str, root: Path, device: torch.device, kind: str) -> RelationGraph:
    corpus = read_corpus(root / "data" / dataset / "corpus", dataset)
    side = read_side(
        root / "data" / dataset / "side",
        captions=config.data.captions[dataset],
        objects=config.data.objects[dataset],
    )
    if kind == "released":
        return released_graph(corpus, side.retrieval, config.relations.k)
    if kind != "rebuilt":
        raise GraphError(f"relations.kind of {dataset} is {kind!r}; params.yaml says 'released' or 'rebuilt'")
    source = config.encoders[config.relations.encoder]
    encoder, tokenizer = TextEncoder(source.model()), source.tokenizer()

    def embed(texts: list[list[str]], label: str) -> torch.Tensor:
        return sentence_vectors(
            texts, encoder, tokenizer, batch_size=config.features.batch_size, device=device, desc=label
        )

    return rebuilt_graph(
        corpus, side.captions, side.objects, embed, k=config.relations.k, pool=config.relations.pool
    )
