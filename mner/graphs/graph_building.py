"""Build the relation graphs of a data set that the parameters name: the shared one, and those of single rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from PIL import Image

from mner.base.files import read_json
from mner.base.hardware import cpu_threads
from mner.config import Config
from mner.config.controls_settings import CORPORA
from mner.config.graph_recipe import GraphRecipe
from mner.data.corpus import SPLITS, Corpus, read_corpus
from mner.data.picture_files import Refusal
from mner.data.side_data import Side
from mner.features.feature_building import sentence_vectors
from mner.features.pixels import OpenPicture, open_image
from mner.features.visual_inputs import at_hand, confidences_of, side_of
from mner.graphs.clip import ClipEncoder, clip_graph
from mner.graphs.graph_controls import controlled, train_pool_only
from mner.graphs.rebuilt_graphs import rebuilt_graph
from mner.graphs.relations import GraphError, RelationGraph, released_graph, write_graph
from mner.models.encoders import TextEncoder, extraction_fingerprint_of, pretrained_model, tokenizer_of


def opener(side: Path, folder: Path | None) -> OpenPicture | None:
    """A function from image id to picture; None as a whole where no folder of pictures is named.

    It gives None for a picture that was not recorded, is gone, damaged or has changed since it was recorded.
    """
    if folder is None:
        return None
    recorded = read_json(side / "pixels.json")

    def opened(image: str) -> Image.Image | None:
        entry = recorded.get(image)
        if entry is None:
            return None
        picture = open_image(folder / entry["file"], folder, sha256=entry["sha256"])
        return None if isinstance(picture, Refusal) else picture

    return opened


def build_graphs(
    config: Config, dataset: str, root: Path, device: torch.device, open_picture: OpenPicture | None = None
) -> list[Path]:
    """Write the data set's graph and every other one that a row of the active profile reads.

    A data set without captions has no graph to rebuild: its folder stays empty.

    Raises:
        GraphError: the data set lacks what a graph is made of.
    """
    if "relations" not in at_hand(config, dataset):
        (root / "graphs" / dataset).mkdir(parents=True, exist_ok=True)
        return []
    builder = GraphBuilder(config, dataset, root, device, open_picture)
    names: dict[str, str | None] = {config.graph_of(dataset): None}
    for system in config.active.systems:
        if config.systems[system].relations:
            names.setdefault(config.graph_of(dataset, system), system)
    return [builder.write(system) for system in names.values()]


@dataclass(slots=True)
class GraphBuilder:
    """Builds graphs of one data set; texts that several of them embed are embedded once."""

    config: Config
    dataset: str
    root: Path
    device: torch.device
    open_picture: OpenPicture | None = None
    _vectors: dict[tuple, torch.Tensor] = field(default_factory=dict)
    _encoders: dict[str, tuple] = field(default_factory=dict)

    def write(self, system: str | None) -> Path:
        """Build the graph that a row reads (None: the data set's) and write it under its name."""
        name = self.config.graph_of(self.dataset, system)
        path = self.root / "graphs" / self.dataset / f"{name}.safetensors"
        with cpu_threads(self.config.recipe["threads"]):
            write_graph(path, self.graph(self.config.relations_of(self.dataset, system)))
        return path

    def graph(self, recipe: GraphRecipe) -> RelationGraph:
        """The graph of a recipe, its control applied."""
        corpus = read_corpus(self.root / "data" / self.dataset / "corpus", self.dataset)
        make = {"released": self._released, "rebuilt": self._rebuilt, "clip": self._clip}
        graph = make[recipe.kind](recipe, corpus)
        return graph if recipe.control is None else controlled(graph, corpus, recipe.control, recipe.seed)

    def _side(self, recipe: GraphRecipe) -> Side:
        return side_of(self.config, self.dataset, self.root, recipe.captions)

    def _released(self, recipe: GraphRecipe, corpus: Corpus) -> RelationGraph:
        side = self._side(recipe)
        retrieval = {split: side.retrieval[split] for split in SPLITS}
        if recipe.pool == "all":
            graph = released_graph(corpus, retrieval, recipe.k)
        else:
            graph = released_graph(corpus, train_pool_only(retrieval, corpus), recipe.k)
            graph = _noted(graph, pool="train: the published ten without other splits' pictures")
        return _noted(graph, source="planted retrieval lists") if self.dataset in CORPORA else graph

    def _rebuilt(self, recipe: GraphRecipe, corpus: Corpus) -> RelationGraph:
        side = self._side(recipe)
        graph = rebuilt_graph(
            corpus,
            side.captions,
            side.objects,
            lambda texts, label: self._embed(recipe.encoder, texts, label),
            k=recipe.k,
            pool=recipe.pool,
            weighting=recipe.objects,
            confidences=confidences_of(self.config, self.dataset, self.root),
            minimum=recipe.minimum,
            index=recipe.index,
        )
        source = self.config.encoders[recipe.encoder]
        captions = recipe.captions or self.config.data.captions[self.dataset]
        return _noted(
            graph,
            captions=captions,
            encoder=source.describe(),
            encoder_sha256=extraction_fingerprint_of(source),
            minimum=recipe.minimum,
        )

    def _clip(self, recipe: GraphRecipe, corpus: Corpus) -> RelationGraph:
        if self.open_picture is None:
            raise GraphError(f"relations of kind 'clip' need the pictures of {self.dataset}: set MNER_IMAGES")
        source = self.config.encoders[recipe.encoder]
        encoder = ClipEncoder.load(source, self.device, self.config.features.batch_size)
        graph = clip_graph(corpus, encoder, self.open_picture, k=recipe.k, pool=recipe.pool, index=recipe.index)
        return _noted(graph, encoder=source.describe(), encoder_sha256=extraction_fingerprint_of(source))

    def _embed(self, encoder: str, texts: list[list[str]], label: str) -> torch.Tensor:
        key = (encoder, tuple(map(tuple, texts)))
        if key not in self._vectors:
            if encoder not in self._encoders:
                source = self.config.encoders[encoder]
                self._encoders[encoder] = (TextEncoder(pretrained_model(source)), tokenizer_of(source))
            model, tokenizer = self._encoders[encoder]
            self._vectors[key] = sentence_vectors(
                texts,
                model,
                tokenizer,
                batch_size=self.config.features.batch_size,
                device=self.device,
                desc=label,
            )
        return self._vectors[key]


def _noted(graph: RelationGraph, **facts: object) -> RelationGraph:
    return replace(graph, provenance={**graph.provenance, **facts})
