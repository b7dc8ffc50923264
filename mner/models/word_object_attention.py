"""Attention between words and objects as OCSGA and Object-AGBAN compute it, with masked batch normalisation.

Sources: Kim et al., NeurIPS 2018 (bilinear attention); Zheng et al., IEEE TMM 2021; golden/OLDER.md 3, steps 4-6.

Sources: Wu et al., ACM MM 2020; golden/OLDER.md 2, step 4. In the last layer the words ask the objects and nothing
is added back: what leaves it is object content arranged by words, not the words themselves.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from mner.models.attention import check_heads, join_heads, split_heads
from mner.models.cards import ContractError


class MaskedBatchNorm(nn.BatchNorm1d):
    """Normalise each channel over all rows, or over the rows where ``mask`` is True (the others become 0).

    A single row has no variance: in training, fewer than two rows are normalised by the running statistics, which
    they leave as they are.
    """

    def forward(
        self, states: Float[Tensor, "*axes width"], mask: Bool[Tensor, "*axes"] | None = None
    ) -> Float[Tensor, "*axes width"]:
        if mask is None:
            return self._rows(states.flatten(0, -2)).view_as(states)
        normed = self._rows(states[mask])
        return normed.new_zeros(states.shape).masked_scatter(mask[..., None], normed)

    def _rows(self, rows: Float[Tensor, "rows width"]) -> Float[Tensor, "rows width"]:
        if self.training and len(rows) < 2:
            return F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(rows)


class MaskedStack(nn.Module):
    """Linear layers with batch normalisation and ReLU between them; padding may be kept out of the statistics."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.norms = nn.ModuleList(MaskedBatchNorm(size) for size in sizes[1:-1])

    def forward(
        self, states: Float[Tensor, "batch rows inputs"], counted: Bool[Tensor, "batch rows"] | None = None
    ) -> Float[Tensor, "batch rows outputs"]:
        """``counted`` marks the rows that enter the statistics; None counts every row, padding too."""
        for linear, norm in zip(self.linears, self.norms, strict=False):
            states = F.relu(norm(linear(states), counted))
        return self.linears[-1](states)


MASKED_SCORE = -1e9
"""Finite on purpose: without any object the softmax is defined, and its masked entries are set to 0 afterwards."""
RANK_FACTOR = 3
WHOLE: Any = None  # weight_norm's ``dim`` for one norm of the whole matrix, which its stub leaves out


class NormedLinear(nn.Module):
    """``x (g V / |V|) + b``: one gain for the whole matrix (Frobenius norm), dropout on the input."""

    def __init__(self, inputs: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = weight_norm(nn.Linear(inputs, outputs), dim=WHOLE)

    def forward(self, states: Float[Tensor, "*axes inputs"]) -> Float[Tensor, "*axes outputs"]:
        return self.linear(self.dropout(states))


class BilinearAttention(nn.Module):
    """How much of each object each word is given; the weights of a sentence sum to 1 over all its pairs.

    ``S[i, t] = sum_k h_k ReLU(A v_i)_k ReLU(B t_t)_k + c`` at three times the width; c cancels in the softmax and
    is kept because the released program has it. Only ``visible`` pairs take a share; where none is, all are 0.
    """

    def __init__(self, width: int, input_dropout: float, dropout: float) -> None:
        super().__init__()
        self.of_objects = NormedLinear(width, RANK_FACTOR * width, input_dropout)
        self.of_words = NormedLinear(width, RANK_FACTOR * width, input_dropout)
        self.dropout = nn.Dropout(dropout)
        self.pooling = weight_norm(nn.Linear(RANK_FACTOR * width, 1), dim=WHOLE)

    def scores(
        self,
        words: Float[Tensor, "batch words width"],
        objects: Float[Tensor, "batch objects width"],
        visible: Bool[Tensor, "batch objects words"],
    ) -> Float[Tensor, "batch objects words"]:
        """S, with -1e9 where a pair is not ``visible``."""
        asked = self.dropout(F.relu(self.of_objects(objects))) * self.pooling.weight
        scores = asked @ F.relu(self.of_words(words)).mT + self.pooling.bias
        return scores.masked_fill(~visible, MASKED_SCORE)

    def forward(
        self,
        words: Float[Tensor, "batch words width"],
        objects: Float[Tensor, "batch objects width"],
        visible: Bool[Tensor, "batch objects words"],
    ) -> Float[Tensor, "batch objects words"]:
        scores = self.scores(words, objects, visible)
        return scores.flatten(1).softmax(-1).view_as(scores).masked_fill(~visible, 0)


class ObjectGate(nn.Module):
    """``t + sigmoid(W [A t ; B v]) * v`` for a word t and its object vector v, no activation in between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_words = NormedLinear(width, width)
        self.of_objects = NormedLinear(width, width)
        self.joint = NormedLinear(2 * width, width)

    def forward(
        self, words: Float[Tensor, "batch words width"], attended: Float[Tensor, "batch words width"]
    ) -> Float[Tensor, "batch words width"]:
        joint = self.joint(torch.cat([self.of_words(words), self.of_objects(attended)], dim=-1))
        return words + torch.sigmoid(joint) * attended


GUIDED_ATTENTION_MASKED_SCORE = -1e9
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
        weights = self.weights(
            scores.masked_fill(~key_mask[:, None, None, :], GUIDED_ATTENTION_MASKED_SCORE).softmax(-1)
        )
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
