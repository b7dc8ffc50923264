"""Bilinear attention between words and objects with one softmax over all their pairs, as Object-AGBAN computes it.

Sources: Kim et al., NeurIPS 2018 (bilinear attention); Zheng et al., IEEE TMM 2021; golden/OLDER.md 3, steps 4-6.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

MASKED_SCORE = -1e9
"""Finite on purpose: without any object the softmax is defined, and its masked entries are set to 0 afterwards."""
RANK_FACTOR = 3


class NormedLinear(nn.Module):
    """``x (g V / |V|) + b``: one gain for the whole matrix (Frobenius norm), dropout on the input."""

    def __init__(self, inputs: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = weight_norm(nn.Linear(inputs, outputs), dim=None)

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
        self.pooling = weight_norm(nn.Linear(RANK_FACTOR * width, 1), dim=None)

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
