"""Caption-token features: encoder states of a caption's pieces, a stand-in region grid without pixels.

A declared substitute: rows trained on it are NOT-COMPARABLE with rows printed for a convolutional grid.

Encoders compute here in float64. What is stored is rounded much coarser, so processors whose sums differ in the
last digits store the same bytes, and runs that read them have the same key on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from mner.data.batch import TextInput, moved
from mner.data.pieces import PieceTable, WordPieces
from mner.models.encoders import TextEncoder
from mner.threads import side_by_side


def caption_token_features(
    captions: Mapping[str, str],
    encoder: TextEncoder,
    tokenizer,
    *,
    max_regions: int,
    batch_size: int,
    device: torch.device,
) -> dict[str, Float[Tensor, "regions visual"]]:
    """Last-layer states of each caption's own pieces (without [CLS] and [SEP]), at most ``max_regions``.

    ``encoder`` is left in float64.
    """
    ids = sorted(captions)
    table = WordPieces(tokenizer).table([captions[image].split() for image in ids], max_pieces=max_regions + 2)
    encoder = encoder.to(device, torch.float64).eval()

    def states(rows: list[int]) -> Tensor:
        return encoder.pieces(_text(table, rows, device)).cpu()

    lengths = table.lengths().tolist()
    batches = by_length(lengths, batch_size)
    features: dict[str, Tensor] = {}
    with tqdm(total=len(ids), desc="caption tokens", unit="image", disable=None) as progress:
        for rows, made in zip(batches, side_by_side(states, batches, device), strict=True):
            for slot, row in enumerate(rows):
                if lengths[row] > 2:
                    features[ids[row]] = made[slot, 1 : lengths[row] - 1].float().half()  # as they are stored
            progress.update(len(rows))
    return features


def sentence_vectors(
    texts: list[list[str]], encoder: TextEncoder, tokenizer, *, batch_size: int, device: torch.device, desc: str
) -> Float[Tensor, "texts width"]:
    """Masked-mean sentence embeddings of word lists, L2-normalised (zero for an empty text); float64.

    ``encoder`` is left in float64.
    """
    table = WordPieces(tokenizer).table(texts, max_pieces=128)
    encoder = encoder.to(device, torch.float64).eval()

    def means(rows: list[int]) -> Tensor:
        text = _text(table, rows, device)
        weight = text.attention_mask.double()[..., None]
        mean = (encoder.pieces(text) * weight).sum(1) / weight.sum(1)
        return torch.nn.functional.normalize(mean, dim=-1).cpu()

    batches = by_length(table.lengths().tolist(), batch_size)
    vectors = torch.zeros(len(texts), encoder.width, dtype=torch.float64)
    with tqdm(total=len(texts), desc=desc, unit="text", disable=None) as progress:
        for rows, made in zip(batches, side_by_side(means, batches, device), strict=True):
            vectors[rows] = made
            progress.update(len(rows))
    empty = torch.tensor([not words for words in texts])
    vectors[empty] = 0.0
    return vectors


def _text(table: PieceTable, rows: list[int], device: torch.device) -> TextInput:
    return moved(table.rows(rows, max(len(table.first_piece[row]) for row in rows)), device)


def by_length(lengths: list[int], batch_size: int) -> list[list[int]]:
    """Rows in batches of similar length, the shortest first; rows of one length in their order."""
    order = sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
