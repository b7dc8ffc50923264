"""A modality adversary: a classifier tells words from objects, and what it reads learns to be indistinguishable.

Sources: Zheng et al., IEEE TMM 2021 (Object-AGBAN); golden/OLDER.md 3, steps 3 and 8; gradient reversal from Ganin
and Lempitsky, ICML 2015.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from mner.models.word_object_attention import MaskedStack

OBJECT, WORD = 0, 1


class ReverseGradient(torch.autograd.Function):
    """The identity, whose backward pass multiplies by ``-strength``."""

    @staticmethod
    def forward(context: Any, states: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return states.view_as(states)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None


def reversal_strength(progress: float) -> float:
    """``2 / (1 + exp(-10 p)) - 1`` for the share p of training done: 0 at first, near 1 from the middle on."""
    return 2 / (1 + math.exp(-10 * progress)) - 1


def object_share(sentences: Sequence[Sequence[str]], max_objects: int) -> float:
    """Weight of the class object: the share of words among the training split's words and object slots.

    On Twitter-2015 with three slots it is the released 64439 / (64439 + 4000 * 3).
    """
    words = sum(map(len, sentences))
    return words / (words + len(sentences) * max_objects)


class AdversaryLosses(NamedTuple):
    """Class-weighted cross-entropy, summed over real objects and over real words."""

    objects: Float[Tensor, ""]
    words: Float[Tensor, ""]


class ModalityAdversary(nn.Module):
    """One classifier, word or object, on both modalities through gradient reversal.

    ``object_share`` in (0, 1) is the weight of the class object, its complement that of the class word; the
    released weights balance the numbers of words and of object slots in the training split. ``hidden`` are the
    widths between ``width`` and the two classes.
    """

    weights: Float[Tensor, "2"]

    def __init__(self, width: int, hidden: tuple[int, ...], object_share: float) -> None:
        super().__init__()
        self.classifier = MaskedStack((width, *hidden, 2))
        self.register_buffer("weights", torch.tensor([object_share, 1 - object_share]))

    def logits(
        self,
        states: Float[Tensor, "batch rows width"],
        strength: float,
        counted: Bool[Tensor, "batch rows"] | None = None,
        frozen: bool = False,
    ) -> Float[Tensor, "batch rows 2"]:
        """Class scores; with ``frozen`` the classifier does not learn, while the reversed gradient still flows."""
        reversed_states = ReverseGradient.apply(states, strength)
        if not frozen:
            return self.classifier(reversed_states, counted)
        fixed = {name: parameter.detach() for name, parameter in self.classifier.named_parameters()}
        return functional_call(self.classifier, fixed, (reversed_states, counted))

    def loss(
        self, logits: Float[Tensor, "batch rows 2"], mask: Bool[Tensor, "batch rows"], kind: int
    ) -> Float[Tensor, ""]:
        """Summed over the real rows, all of class ``kind`` (``OBJECT`` or ``WORD``); 0 where there are none."""
        rows = logits[mask]
        wanted = rows.new_full((len(rows),), kind, dtype=torch.long)
        return F.cross_entropy(rows.to(self.weights.dtype), wanted, self.weights, reduction="sum")

    def forward(
        self,
        words: Float[Tensor, "batch words width"],
        word_mask: Bool[Tensor, "batch words"],
        objects: Float[Tensor, "batch objects width"],
        object_mask: Bool[Tensor, "batch objects"],
        *,
        strength: float,
        frozen: bool = False,
        count_padding: bool = False,
    ) -> AdversaryLosses:
        """Both losses. ``count_padding`` lets padding into the batch statistics, as the released program does."""
        losses = []
        for states, mask, kind in ((objects, object_mask, OBJECT), (words, word_mask, WORD)):
            logits = self.logits(states, strength, None if count_padding else mask, frozen)
            losses.append(self.loss(logits, mask, kind))
        return AdversaryLosses(*losses)
