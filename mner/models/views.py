"""ITA's two views of a tweet, text alone and text with its picture in words, and the weights of their losses.

Sources: golden/ITA.md 4 (batch weights, accumulation) and 7 (what is quirk, what is intended); the successor's
weights are those of its released tagger.

The system ``mner/systems/ita.py`` trains with these functions and the parity check runs the same ones.
Source: golden/ITA.md 2 to 5, where ``A[to, from]`` is stored transposed to our ``ChainScores``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from mner.models.decoders import ChainScores, forward_backward, log_partition, path_score, viterbi

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


def chain_scores(transitions: Float[Tensor, "to_tag from_tag"], start: int, stop: int) -> ChainScores:
    """Read one square matrix, row = to and column = from, with its START and STOP states as a chain.

    START and STOP stay ordinary states of the chain; their -1e12 entries keep every path out of them.
    """
    return ChainScores(transitions[:, start], transitions.T, transitions[stop])


def initial_transitions(states: int, start: int, stop: int) -> Float[Tensor, "states states"]:
    """Standard normal scores; -1e12 into START and out of STOP (golden/ITA.md 1)."""
    transitions = torch.randn(states, states)
    transitions[start, :] = -1e12
    transitions[:, stop] = -1e12
    return transitions


def compact(
    values: Shaped[Tensor, "batch words *rest"], keep: Bool[Tensor, "batch words"], fill: int | float = 0
) -> tuple[Shaped[Tensor, "batch kept *rest"], Bool[Tensor, "batch kept"]]:
    """Move the kept words of each row to the front, order kept; also the mask of what is real there.

    The last kept word before a gap and the first one after it become neighbours (golden/ITA.md 3).
    """
    longest = int(keep.sum(1).max())
    order = torch.argsort((~keep).to(torch.int8), dim=1, stable=True)[:, :longest]
    rows = torch.arange(len(keep), device=keep.device).unsqueeze(1)
    moved, inside = values[rows, order], keep[rows, order]
    shape = inside.reshape(*inside.shape, *[1] * (values.dim() - 2))
    return moved.masked_fill(~shape, fill), inside


def sentence_nll(
    emissions: Float[Tensor, "batch words tags"],
    tags: Int[Tensor, "batch words"],
    mask: Bool[Tensor, "batch words"],
    scores: ChainScores,
) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of the gold tags, one number a sentence (golden/ITA.md 2, step 4)."""
    return log_partition(emissions, mask, scores) - path_score(emissions, tags, mask, scores)


def tempered_log_posteriors(
    emissions: Float[Tensor, "batch words tags"],
    mask: Bool[Tensor, "batch words"],
    scores: ChainScores,
    temperature: float,
) -> Float[Tensor, "batch words tags"]:
    """Log posteriors of the chain, flattened afterwards: p^(1/temperature), renormalised.

    The recursions themselves always run at temperature 1 (golden/ITA.md 2, step 6). Padding means nothing.
    """
    alpha, beta = forward_backward(emissions, mask, scores)
    return torch.log_softmax((alpha + beta) / temperature, dim=2)


class Alignment(NamedTuple):
    """Log posteriors of both views, and per sentence what their disagreement costs."""

    teacher: Float[Tensor, "batch words tags"]
    student: Float[Tensor, "batch words tags"]
    divergence: Float[Tensor, "batch words"]
    loss: Float[Tensor, " batch"]


def align_views(
    cross_emissions: Float[Tensor, "batch words tags"],
    text_emissions: Float[Tensor, "batch words tags"],
    mask: Bool[Tensor, "batch words"],
    scores: ChainScores,
    temperature: float,
) -> Alignment:
    """Cross-view alignment: KL(cross-modal view || text view) of the tempered posteriors at every word.

    The cross-modal view teaches and receives no gradient, nor do the transitions through it. ``loss`` is the
    sum over words times temperature squared (golden/ITA.md 4, steps 2 to 5).
    """
    with torch.no_grad():
        teacher = tempered_log_posteriors(cross_emissions, mask, scores, temperature)
    student = tempered_log_posteriors(text_emissions, mask, scores, temperature)
    divergence = (teacher.exp() * (teacher - student)).sum(2).masked_fill(~mask, 0)
    return Alignment(teacher, student, divergence, temperature**2 * divergence.sum(1))


class WordDropout(nn.Module):
    """In training, zero whole word vectors with probability ``rate``, without rescaling the others.

    One draw per position is shared by the batch (golden/ITA.md 5, word dropout). A recorded draw, 1 for kept and
    0 for dropped, may be given as ``kept``.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(
        self, vectors: Float[Tensor, "batch words width"], kept: Float[Tensor, " words"] | None = None
    ) -> Float[Tensor, "batch words width"]:
        if not self.training:
            return vectors
        if kept is None:
            kept = torch.bernoulli(torch.full_like(vectors[0, :, 0], 1.0 - self.rate))
        return vectors * kept[:, None]


def decode_tweet_words(
    emissions: Float[Tensor, "batch words tags"],
    keep: Bool[Tensor, "batch words"],
    scores: ChainScores,
    image_word: int,
) -> list[list[int]]:
    """Best tags of the kept words, written back as one block from the first kept position on.

    Everything else, padding included, gets the tag ``image_word`` (golden/ITA.md 3; for tweets followed by
    image words the block is in place, for image words inside a tweet it is the released misplacement).
    """
    paths, _ = viterbi(*compact(emissions, keep), scores)
    first = keep.int().argmax(1).tolist()
    written = []
    for offset, path in zip(first, paths, strict=True):
        row = [image_word] * keep.shape[1]
        row[offset : offset + len(path)] = path
        written.append(row)
    return written
