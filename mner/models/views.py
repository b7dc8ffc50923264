"""Two views of one tweet: image words removed, word dropout, and alignment of the views' tag posteriors.

The system ``mner/systems/ita.py`` trains with these functions and the parity check runs the same ones.
Source: golden/ITA.md 2 to 5, where ``A[to, from]`` is stored transposed to our ``ChainScores``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from mner.models.chain import ChainScores, forward_backward, log_partition, path_score, viterbi


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
