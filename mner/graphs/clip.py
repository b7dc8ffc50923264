"""Relation graphs from pixels: text-image and image-image similarity by a CLIP model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from mner.config.schema import EncoderSource
from mner.data.corpus import ABSENT, SPLITS, Corpus
from mner.features.pixels import OpenPicture
from mner.graphs.rebuilt_graphs import pool_of, share_of_test
from mner.graphs.relations import GraphError, RelationGraph
from mner.graphs.top_k import nearest
from mner.models.encoders import load_pretrained


@dataclass(frozen=True, slots=True)
class ClipEncoder:
    """A CLIP model with its own tokenizer and image processor; vectors are L2-normalised."""

    model: Any
    tokenizer: Callable
    processor: Callable
    device: torch.device
    batch_size: int

    @classmethod
    def load(cls, source: EncoderSource, device: torch.device, batch_size: int) -> ClipEncoder:
        """Load ``transformers``' CLIP classes from a package or a hub.

        Raises:
            EncoderError: neither installed nor reachable.
            GraphError: the encoder is not a CLIP model.
        """
        from transformers import AutoConfig, AutoTokenizer, CLIPImageProcessorPil, CLIPModel

        kind = load_pretrained(source, AutoConfig).model_type
        if kind != "clip":
            raise GraphError(
                f"encoder {source.name} is a {kind} model; relations of kind 'clip' need a CLIP model"
            )
        model = load_pretrained(source, CLIPModel, dtype=torch.float32).to(device).eval()
        return cls(
            model,
            load_pretrained(source, AutoTokenizer),
            load_pretrained(source, CLIPImageProcessorPil),
            device,
            batch_size,
        )

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Float[Tensor, "texts width"]:
        """Text vectors; longer texts are cut at the model's positions."""
        longest = self.model.config.text_config.max_position_embeddings
        lengths = self.tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"]
        order = sorted(range(len(texts)), key=lambda row: (len(lengths[row]), row))
        vectors = torch.zeros(len(texts), self.model.config.projection_dim)
        for rows in _batches(order, self.batch_size, "tweets by CLIP"):
            inputs = self.tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=longest,
                return_tensors="pt",
            ).to(self.device)
            vectors[rows] = _normalised(self.model.get_text_features(**inputs))
        return vectors

    @torch.no_grad()
    def pictures(self, images: Sequence[str], open_picture: OpenPicture) -> Float[Tensor, "pictures width"]:
        """Picture vectors; zero where there is no usable picture."""
        vectors = torch.zeros(len(images), self.model.config.projection_dim)
        for rows in _batches(range(len(images)), self.batch_size, "pictures by CLIP"):
            opened = [(row, picture) for row in rows if (picture := open_picture(images[row])) is not None]
            if opened:
                pixels = self.processor([picture.convert("RGB") for _, picture in opened], return_tensors="pt")
                found = self.model.get_image_features(pixel_values=pixels["pixel_values"].to(self.device))
                vectors[[row for row, _ in opened]] = _normalised(found)
        return vectors


def clip_graph(
    corpus: Corpus, encoder: ClipEncoder, open_picture: OpenPicture, *, k: int, pool: str, index: str = "exact"
) -> RelationGraph:
    """Inter: cosine of tweet and picture. Intra: cosine of own picture and picture. A relation has no captioner.

    A sentence's own picture is never its neighbour; a picture that cannot be opened has no edges.

    Raises:
        GraphError: an unknown pool, or not a single picture can be opened.
    """
    sentences = [sentence for split in SPLITS for sentence in corpus.split(split)]
    images, own = pool_of(corpus, "all", {sentence.image for sentence in sentences})
    vectors = encoder.pictures(images, open_picture)
    there = vectors.any(-1)
    if not there.any():
        raise GraphError(
            f"{corpus.name}: none of {len(images)} pictures can be opened; set MNER_IMAGES to their folder"
        )
    pooled, _ = pool_of(
        corpus, pool, {image for image, usable in zip(images, there.tolist(), strict=True) if usable}
    )
    row_of = {image: row for row, image in enumerate(pooled)}
    keys = vectors[[row for row, image in enumerate(images) if image in row_of]]
    mine = torch.tensor([row_of.get(one.image, ABSENT) for one in sentences])
    inter = nearest(encoder.texts([" ".join(one.words) for one in sentences]), keys, mine, k, index=index)
    intra = nearest(vectors[own], keys, mine, k, index=index)
    provenance = {"source": "clip", "inter": "pixels", "intra": "pixels", "k": k, "pool": pool, "index": index}
    provenance["pictures"] = {"wanted": len(images), "opened": int(there.sum())}
    graph = RelationGraph(
        "clip", pooled, {split: len(corpus.split(split)) for split in SPLITS}, inter, intra, provenance
    )
    provenance["of_test"] = share_of_test(graph, corpus)
    return graph


def _normalised(output: Any) -> Tensor:
    """Newer versions of the library wrap the projected vectors."""
    vectors = output if isinstance(output, Tensor) else output.pooler_output
    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()


def _batches(order: Sequence[int], size: int, label: str) -> Iterator[list[int]]:
    with tqdm(total=len(order), desc=label, unit="item", disable=None) as progress:
        for start in range(0, len(order), size):
            rows = list(order[start : start + size])
            yield rows
            progress.update(len(rows))
