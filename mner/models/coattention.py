"""Attention by a small network and the gates behind it, as the recurrent multimodal rows use them.

Source of the equations: golden/OLDER.md 1, steps 4-7 (the adaptive co-attention network of Zhang et al. 2018).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.models.system import one_of

SCORES = ("separate", "interacting")


class AdditiveAttention(nn.Module):
    """Attention whose score is ``w . tanh`` of projections of query and key; the query's has a bias.

    ``interacting`` takes tanh of the projections' sum. ``separate`` takes tanh of each and joins them, as some
    papers print it: the score is then a part of the query plus a part of the key, the first is the same for all
    keys, softmax cancels it, and every query attends alike (golden/OLDER.md 1, Q1).

    A query without any key to see receives exactly zero.
    """

    def __init__(self, query_size: int, key_size: int, size: int, scores: str) -> None:
        super().__init__()
        self.separate = one_of("attention scores", scores, SCORES) == "separate"
        self.query = nn.Linear(query_size, size)
        self.key = nn.Linear(key_size, size, bias=False)
        self.score = nn.Linear(2 * size if self.separate else size, 1)

    def forward(
        self,
        queries: Float[Tensor, "batch asking query_size"],
        keys: Float[Tensor, "batch asked key_size"],
        key_mask: Bool[Tensor, "batch asked"],
    ) -> tuple[Float[Tensor, "batch asking key_size"], Float[Tensor, "batch asking asked"]]:
        """The weighted sum of the keys themselves, and the weights."""
        query, key = self.query(queries), self.key(keys)
        if self.separate:
            of_query, of_key = self.score.weight.chunk(2, dim=-1)
            scores = torch.tanh(query) @ of_query.mT + (torch.tanh(key) @ of_key.mT).mT + self.score.bias
        else:
            scores = self.score(torch.tanh(query[:, :, None] + key[:, None])).squeeze(-1)
        weights = masked_softmax(scores, key_mask[:, None])
        return weights @ keys, weights


def masked_softmax(
    scores: Float[Tensor, "*axes asked"], mask: Bool[Tensor, "*#axes asked"]
) -> Float[Tensor, "*axes asked"]:
    """Softmax over the last axis where ``mask`` is True; all zero where nothing is."""
    visible = mask | ~mask.any(-1, keepdim=True)
    return torch.softmax(scores.masked_fill(~visible, float("-inf")), dim=-1) * mask.to(scores.dtype)


class CoAttended(NamedTuple):
    """What each word receives: the picture as it sees it, and the sentence as that picture sees it."""

    image: Float[Tensor, "batch words size"]
    text: Float[Tensor, "batch words size"]
    visual_attention: Float[Tensor, "batch words regions"]
    textual_attention: Float[Tensor, "batch words words"]


class CoAttention(nn.Module):
    """Word-guided attention over regions, then attention over words guided by what was seen."""

    def __init__(self, size: int, scores: str) -> None:
        super().__init__()
        self.over_regions = AdditiveAttention(size, size, size, scores)
        self.over_words = AdditiveAttention(size, size, size, scores)

    def forward(
        self,
        words: Float[Tensor, "batch words size"],
        word_mask: Bool[Tensor, "batch words"],
        regions: Float[Tensor, "batch regions size"],
        region_mask: Bool[Tensor, "batch regions"],
    ) -> CoAttended:
        image, visual_attention = self.over_regions(words, regions, region_mask)
        text, textual_attention = self.over_words(image, words, word_mask)
        return CoAttended(image, text, visual_attention, textual_attention)


class Gated(NamedTuple):
    """Output of a gate and the gate itself, one number a word."""

    states: Float[Tensor, "batch words size"]
    gate: Float[Tensor, "batch words 1"]


class GatedFusion(nn.Module):
    """``g tanh(A x) + (1 - g) tanh(B y)`` with ``g = sigmoid(w . [tanh(A x); tanh(B y)] + c)``."""

    def __init__(self, first_size: int, second_size: int, size: int) -> None:
        super().__init__()
        self.first = nn.Linear(first_size, size)
        self.second = nn.Linear(second_size, size)
        self.gate = nn.Linear(2 * size, 1)

    def forward(
        self, first: Float[Tensor, "batch words first"], second: Float[Tensor, "batch words second"]
    ) -> Gated:
        first, second = torch.tanh(self.first(first)), torch.tanh(self.second(second))
        gate = torch.sigmoid(self.gate(torch.cat([first, second], dim=-1)))
        return Gated(gate * first + (1 - gate) * second, gate)


class FiltrationGate(nn.Module):
    """``s tanh(R m)`` with ``s = sigmoid(w . [T h; M m] + c)``: how much of the fused vector a word lets in."""

    def __init__(self, text_size: int, fused_size: int, size: int) -> None:
        super().__init__()
        self.text = nn.Linear(text_size, size, bias=False)
        self.fused = nn.Linear(fused_size, size)
        self.gate = nn.Linear(2 * size, 1)
        self.reserve = nn.Linear(fused_size, size)

    def forward(self, text: Float[Tensor, "batch words text"], fused: Float[Tensor, "batch words fused"]) -> Gated:
        gate = torch.sigmoid(self.gate(torch.cat([self.text(text), self.fused(fused)], dim=-1)))
        return Gated(gate * torch.tanh(self.reserve(fused)), gate)
