"""Build a data set's region features from what the parameters name."""

from __future__ import annotations

from pathlib import Path

import torch

from mner.config import Config
from mner.data.corpus import SPLITS, read_corpus
from mner.data.side import read_side
from mner.features.caption_tokens import caption_token_features
from mner.features.store import write_store
from mner.models.encoders import TextEncoder


def build_features(config: Config, dataset: str, root: Path, device: torch.device) -> Path:
    """Write features/<dataset>/caption_tokens.safetensors for every picture of the data set and of its lists."""
    side = read_side(root / "data" / dataset / "side", captions=config.data.captions[dataset], objects=None)
    corpus = read_corpus(root / "data" / dataset / "corpus", dataset)
    wanted = {sentence.image for split in SPLITS for sentence in corpus.split(split)}
    for split in SPLITS:
        for lists in side.retrieval[split]:
            if lists:
                wanted.update(
                    lists["inter_images"][: config.relations.k], lists["intra_images"][: config.relations.k]
                )
    captions = {image: caption for image, caption in side.captions.items() if image in wanted}
    source = config.encoders[config.features.encoder]
    features = caption_token_features(
        captions,
        TextEncoder(source.model()),
        source.tokenizer(),
        max_regions=config.features.max_regions,
        batch_size=config.features.batch_size,
        device=device,
    )
    path = root / "features" / dataset / "caption_tokens.safetensors"
    provenance = {
        "kind": "caption tokens",
        "captions": config.data.captions[dataset],
        "encoder": source.describe(),
        "encoder_sha256": source.fingerprint(),
        "max_regions": config.features.max_regions,
        "pictures_wanted": len(wanted),
        "pictures_with_features": len(features),
    }
    write_store(path, features, provenance)
    return path
