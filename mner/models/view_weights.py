"""How the losses of the two views are weighed: per tweet in our loop, per batch in the released one.

Sources: golden/ITA.md 4 (batch weights, accumulation) and 7 (what is quirk, what is intended); the successor's
weights are those of its released tagger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

WEIGHTINGS = {
    "released": "NLL(text) + 1/2 NLL(cross) + 1/2 alignment; a tweet without context counts its NLL twice",
    "intended": "NLL(text) + NLL(cross) + alignment; a tweet without context counts its NLL once",
    "successor": "1/2 (NLL(text) + NLL(cross)) + 1/2 alignment; a tweet without context counts its NLL once",
}


class ViewWeightError(ValueError):
    """An unknown weighting, or a batch on which the released program stops."""


class ViewWeights(NamedTuple):
    """Factor of each loss, one number a tweet."""

    text: Float[Tensor, " batch"]
    cross: Float[Tensor, " batch"]
    alignment: Float[Tensor, " batch"]


def tweet_weights(weighting: str, has_context: Float[Tensor, " batch"]) -> ViewWeights:
    """Weights of one tweet's losses per epoch (see ``WEIGHTINGS``); ``has_context`` is 1 or 0.

    The cross-modal view of a tweet without context is its text view, drawn with fresh dropout.

    Raises:
        ViewWeightError: the weighting is unknown.
    """
    one, half = has_context.new_ones(has_context.shape), has_context / 2
    if weighting == "released":
        return ViewWeights(one, one - half, half)
    if weighting == "intended":
        return ViewWeights(one, has_context, has_context)
    if weighting == "successor":
        return ViewWeights(one / 2, one / 2, half)
    raise ViewWeightError(f"weighting {weighting!r} is unknown; choose one of {', '.join(WEIGHTINGS)}")


class BatchPlan(NamedTuple):
    """What the released trainer does with a batch: which rows are aligned, and the factors of both losses."""

    aligned: Bool[Tensor, " batch"]
    nll_weight: float
    alignment_weight: float


def released_plan(paired: Bool[Tensor, " batch"], has_context: Bool[Tensor, " batch"], rate: float) -> BatchPlan:
    """Rows with both a text pair and image words are aligned; one of them halves the NLL of the whole batch.

    At batch size 1, the released setting, these are the ``released`` weights of :func:`tweet_weights` spread
    over a text item and a cross-modal item (golden/ITA.md 4 and 7, Q1 and Q2).

    Raises:
        ViewWeightError: pairs and image words occur in different rows only; the released program stops there.
    """
    aligned = paired & has_context
    if not (paired.any() and has_context.any()):
        return BatchPlan(aligned, 1.0, 0.0)
    if not aligned.any():
        raise ViewWeightError("no row has both a text pair and image words, though other rows have one each")
    return BatchPlan(aligned, 1.0 - rate, rate)


def released_total(
    nll: Float[Tensor, " batch"], alignment: Float[Tensor, " aligned"], plan: BatchPlan
) -> Float[Tensor, ""]:
    """The loss of one released batch: NLL averaged over all rows, alignment over the aligned rows only."""
    total = plan.nll_weight * nll.mean()
    return total + plan.alignment_weight * alignment.mean() if len(alignment) else total


def accumulation_shares(batches: int, steps: int) -> list[float]:
    """Factor of each batch's loss: 1/steps, and in the incomplete last group one over its size."""
    full = batches // steps * steps
    return [1 / steps if batch < full else 1 / (batches - full) for batch in range(batches)]


def accumulation_groups(batches: int, steps: int) -> list[Sequence[int]]:
    """Batches between two updates: an update follows every ``steps``-th batch and the last one."""
    return [range(first, min(first + steps, batches)) for first in range(0, batches, steps)]


def clipping_factor(norm: float, limit: float) -> float:
    """What gradients of this global L2 norm are multiplied by (golden/ITA.md 4, clipping)."""
    return min(1.0, limit / (norm + 1e-6))
