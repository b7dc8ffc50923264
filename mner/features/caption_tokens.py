"""Caption-token features: encoder states of a caption's pieces, a stand-in region grid without pixels.

A declared substitute: rows trained on it are NOT-COMPARABLE with rows printed for a convolutional grid.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from mner.data.batch import moved
from mner.data.pieces import WordPieces
from mner.models.encoders import TextEncoder


@torch.no_grad()
def caption_token_features(
    captions: Mapping[str, str],
    encoder: TextEncoder,
    tokenizer,
    *,
    max_regions: int,
    batch_size: int,
    device: torch.device,
) -> dict[str, Float[Tensor, "regions visual"]]:
    """Last-layer states of each caption's own pieces (without [CLS] and [SEP]), at most ``max_regions``."""
    ids = sorted(captions)
    words = [captions[image].split() for image in ids]
    table = WordPieces(tokenizer).table(words, max_pieces=max_regions + 2)
    order = sorted(range(len(ids)), key=lambda row: (int(table.lengths()[row]), row))
    encoder = encoder.to(device).eval()
    features: dict[str, Tensor] = {}
    with tqdm(total=len(ids), desc="caption tokens", unit="image", disable=None) as progress:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            text = table.rows(rows, max(len(words[row]) for row in rows))
            states = encoder.pieces(moved(text, device)).float().cpu()
            for slot, row in enumerate(rows):
                length = int(table.lengths()[row])
                if length > 2:
                    features[ids[row]] = states[slot, 1 : length - 1].clone()
            progress.update(len(rows))
    return features


@torch.no_grad()
def sentence_vectors(
    texts: list[list[str]], encoder: TextEncoder, tokenizer, *, batch_size: int, device: torch.device, desc: str
) -> Float[Tensor, "texts width"]:
    """Masked-mean sentence embeddings of word lists, L2-normalised (zero for an empty text)."""
    table = WordPieces(tokenizer).table(texts, max_pieces=128)
    order = sorted(range(len(texts)), key=lambda row: (int(table.lengths()[row]), row))
    encoder = encoder.to(device).eval()
    vectors = torch.zeros(len(texts), encoder.width)
    with tqdm(total=len(texts), desc=desc, unit="text", disable=None) as progress:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            text = moved(table.rows(rows, max(1, *(len(texts[row]) for row in rows))), device)
            weight = text.attention_mask.float()[..., None]
            mean = (encoder.pieces(text).float() * weight).sum(1) / weight.sum(1)
            vectors[rows] = torch.nn.functional.normalize(mean, dim=-1).cpu()
            progress.update(len(rows))
    empty = torch.tensor([not words for words in texts])
    vectors[empty] = 0.0
    return vectors
