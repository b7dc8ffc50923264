"""Guided attention between a tweet's words and the objects of its picture, as OCSGA computes it.

Sources: Wu et al., ACM MM 2020; golden/OLDER.md 2, step 4. In the last layer the words ask the objects and nothing
is added back: what leaves it is object content arranged by words, not the words themselves.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mner.models.attention import check_heads, join_heads, split_heads
from mner.models.system import ContractError

MASKED_SCORE = -1e9
"""Finite on purpose: where every key is masked, attention is uniform over them all."""
FEEDFORWARD_FACTOR = 4
DEVIATION_FLOOR = 1e-6


class DeviationNorm(nn.Module):
    """``gain * (x - mean) / (deviation + 1e-6) + shift`` over the last axis, the deviation with divisor n - 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, states: Float[Tensor, "*axes width"]) -> Float[Tensor, "*axes width"]:
        centred = states - states.mean(-1, keepdim=True)
        return self.gain * centred / (states.std(-1, keepdim=True) + DEVIATION_FLOOR) + self.shift


class GuidedAttention(nn.Module):
    """Scaled dot-product attention of ``queries`` over ``keys``; ``weights`` drops out entries of the map."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.merge = nn.Linear(width, width)
        self.weights = nn.Dropout(dropout)

    def forward(
        self,
        queries: Float[Tensor, "batch asking width"],
        keys: Float[Tensor, "batch asked width"],
        key_mask: Bool[Tensor, "batch asked"],
    ) -> Float[Tensor, "batch asking width"]:
        query, key = split_heads(self.query(queries), self.heads), split_heads(self.key(keys), self.heads)
        scores = query @ key.mT / query.shape[-1] ** 0.5
        weights = self.weights(scores.masked_fill(~key_mask[:, None, None, :], MASKED_SCORE).softmax(-1))
        return self.merge(join_heads(weights @ split_heads(self.value(keys), self.heads)))


class FeedForward(nn.Module):
    """``W' dropout(ReLU(W x))`` with four times the width inside."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(width, FEEDFORWARD_FACTOR * width)
        self.dropout = nn.Dropout(dropout)
        self.outer = nn.Linear(FEEDFORWARD_FACTOR * width, width)

    def forward(self, states: Float[Tensor, "*axes width"]) -> Float[Tensor, "*axes width"]:
        return self.outer(self.dropout(F.relu(self.inner(states))))


class SelfLayer(nn.Module):
    """Words attend to words; post-norm residuals around attention and feed-forward."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.own = GuidedAttention(width, heads, dropout)
        self.norm1 = DeviationNorm(width)
        self.feedforward = FeedForward(width, dropout)
        self.norm2 = DeviationNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, words: Float[Tensor, "batch words width"], word_mask: Bool[Tensor, "batch words"]
    ) -> Float[Tensor, "batch words width"]:
        words = self.norm1(words + self.dropout(self.own(words, words, word_mask)))
        return self.norm2(words + self.dropout(self.feedforward(words)))


class CrossLayer(nn.Module):
    """Objects attend to objects, then one side asks the other; ``last`` says which, and whether it adds back.

    Before the last layer objects ask the words, with residuals. In the last one the words ask the objects and
    neither that attention nor the feed-forward has a residual, so the result has one row a word.
    """

    def __init__(self, width: int, heads: int, dropout: float, last: bool) -> None:
        super().__init__()
        self.last = last
        self.own = GuidedAttention(width, heads, dropout)
        self.norm1 = DeviationNorm(width)
        self.guided = GuidedAttention(width, heads, dropout)
        self.norm2 = DeviationNorm(width)
        self.feedforward = FeedForward(width, dropout)
        self.norm3 = DeviationNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        objects: Float[Tensor, "batch objects width"],
        object_mask: Bool[Tensor, "batch objects"],
        words: Float[Tensor, "batch words width"],
        word_mask: Bool[Tensor, "batch words"],
    ) -> Float[Tensor, "batch rows width"]:
        objects = self.norm1(objects + self.dropout(self.own(objects, objects, object_mask)))
        if self.last:
            guided = self.norm2(self.dropout(self.guided(words, objects, object_mask)))
            return self.norm3(self.dropout(self.feedforward(guided)))
        objects = self.norm2(objects + self.dropout(self.guided(objects, words, word_mask)))
        return self.norm3(objects + self.dropout(self.feedforward(objects)))


class DenseCoAttention(nn.Module):
    """``layers`` self-attention layers over the words; then as many cross layers, all on the last layer's words.

    Returns one vector a word, made of objects. Where a picture has no object at all, attention is uniform over the
    padded slots; whether that vector counts is the caller's decision.

    Raises:
        ContractError: fewer than one layer, or heads that do not divide the width.
    """

    def __init__(self, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        if layers < 1:
            raise ContractError(f"guided attention has {layers} layers; option 'layers' is at least 1")
        self.self_layers = nn.ModuleList(SelfLayer(width, heads, dropout) for _ in range(layers))
        self.cross_layers = nn.ModuleList(
            CrossLayer(width, heads, dropout, last=layer == layers - 1) for layer in range(layers)
        )

    def forward(
        self,
        words: Float[Tensor, "batch words width"],
        word_mask: Bool[Tensor, "batch words"],
        objects: Float[Tensor, "batch objects width"],
        object_mask: Bool[Tensor, "batch objects"],
    ) -> Float[Tensor, "batch words width"]:
        for layer in self.self_layers:
            words = layer(words, word_mask)
        for layer in self.cross_layers:
            objects = layer(objects, object_mask, words, word_mask)
        return objects
