"""Decoders shared by all rows, and the linear-chain algebra below them.

Every function works on right-padded sentences (``mask`` True on a prefix of each row), in float32 or float64;
all but Viterbi are differentiable. A row without words has exactly one path, the empty one: its score and its
log partition are 0 and its best path is ``[]``. Forbid a move with a large negative number such as -1e12, not
with minus infinity, whose gradient is undefined where a tag cannot be reached at all.

Sources: golden/ITA.md 2 (alpha, beta, posteriors); the definitions agree with the ``pytorch-crf`` library.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torchcrf import CRF

from mner.models.cards import ContractError
from mner.models.system import Emissions


class ChainScores(NamedTuple):
    """Structural scores of a chain; ``transitions[i, j]`` is the score of tag i followed by tag j."""

    start: Float[Tensor, " tags"]
    transitions: Float[Tensor, "tags tags"]
    end: Float[Tensor, " tags"]


class ChainError(ValueError):
    """Emissions and mask that do not describe right-padded sentences."""


def path_score(
    emissions: Float[Tensor, "batch words tags"],
    tags: Int[Tensor, "batch words"],
    mask: Bool[Tensor, "batch words"],
    scores: ChainScores,
) -> Float[Tensor, " batch"]:
    """Unnormalised log score of one given path per sentence; ``tags`` on padding are ignored."""
    lengths = _lengths(emissions, mask)
    tags = tags.masked_fill(~mask, 0)
    at_words = emissions.gather(2, tags.unsqueeze(2)).squeeze(2).masked_fill(~mask, 0).sum(1)
    between = scores.transitions[tags[:, :-1], tags[:, 1:]].masked_fill(~mask[:, 1:], 0).sum(1)
    last = tags.gather(1, (lengths - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
    total = at_words + between + scores.start[tags[:, 0]] + scores.end[last]
    return total.masked_fill(lengths == 0, 0)


def log_partition(
    emissions: Float[Tensor, "batch words tags"],
    mask: Bool[Tensor, "batch words"],
    scores: ChainScores,
) -> Float[Tensor, " batch"]:
    """Log of the sum of exp(path score) over all paths of each sentence."""
    lengths = _lengths(emissions, mask)
    final = _forward(emissions, mask, scores)[-1]
    return torch.logsumexp(final + scores.end, dim=1).masked_fill(lengths == 0, 0)


def forward_backward(
    emissions: Float[Tensor, "batch words tags"],
    mask: Bool[Tensor, "batch words"],
    scores: ChainScores,
) -> tuple[Float[Tensor, "batch words tags"], Float[Tensor, "batch words tags"]]:
    """Forward scores (own emission included) and backward scores (own emission excluded) of every word.

    Their sum minus the log partition is the log marginal of a tag. Values on padding mean nothing: forward
    repeats the last word's, backward is the end score (golden/ITA.md 2, steps 1 and 5).
    """
    _lengths(emissions, mask)
    alpha = torch.stack(_forward(emissions, mask, scores), dim=1)
    beta = scores.end.expand(emissions.shape[0], -1)
    backward = [beta]
    for word in range(emissions.shape[1] - 1, 0, -1):
        onward = (emissions[:, word] + beta).unsqueeze(1) + scores.transitions
        beta = torch.where(mask[:, word, None], torch.logsumexp(onward, dim=2), beta)
        backward.append(beta)
    return alpha, torch.stack(backward[::-1], dim=1)


@torch.no_grad()
def viterbi(
    emissions: Float[Tensor, "batch words tags"],
    mask: Bool[Tensor, "batch words"],
    scores: ChainScores,
) -> tuple[list[list[int]], Float[Tensor, " batch"]]:
    """Best path of each sentence (as long as the sentence) and its score; ties go to the lowest tag index.

    Tags are chosen from the last word backwards, so of two equal paths the one with the lower last tag wins.
    """
    lengths = _lengths(emissions, mask)
    best = scores.start + emissions[:, 0]
    stay = torch.arange(emissions.shape[2], device=emissions.device)
    came_from = []
    for word in range(1, emissions.shape[1]):
        reached, previous = (best.unsqueeze(2) + scores.transitions).max(dim=1)
        inside = mask[:, word, None]
        best = torch.where(inside, reached + emissions[:, word], best)
        came_from.append(torch.where(inside, previous, stay))
    score, tag = (best + scores.end).max(dim=1)
    path = [tag]
    for previous in reversed(came_from):
        tag = previous.gather(1, tag.unsqueeze(1)).squeeze(1)
        path.append(tag)
    rows = torch.stack(path[::-1], dim=1).tolist()
    kept = [row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)]
    return kept, score.masked_fill(lengths == 0, 0)


def _forward(emissions: Tensor, mask: Tensor, scores: ChainScores) -> list[Tensor]:
    """Forward scores word by word; after a sentence's end its last ones are carried along."""
    alpha = scores.start + emissions[:, 0]
    arriving = scores.transitions.T.contiguous()  # reductions over the last axis are the fast ones
    forward = [alpha]
    for word in range(1, emissions.shape[1]):
        reached = torch.logsumexp(alpha.unsqueeze(1) + arriving, dim=2) + emissions[:, word]
        alpha = torch.where(mask[:, word, None], reached, alpha)
        forward.append(alpha)
    return forward


def _lengths(emissions: Tensor, mask: Tensor) -> Tensor:
    """Number of words per sentence, after checking that the mask is a prefix of every row."""
    if emissions.shape[1] == 0:
        raise ChainError("emissions have no word position at all; pad the batch to at least one")
    if mask.shape != emissions.shape[:2]:
        raise ChainError(f"mask {tuple(mask.shape)} does not fit emissions {tuple(emissions.shape)}")
    gap = mask[:, 1:] & ~mask[:, :-1]
    if gap.any():
        row, word = gap.nonzero()[0].tolist()
        raise ChainError(
            f"mask of row {row} has a gap before word {word + 1}; move the kept words to the front first"
        )
    return mask.sum(dim=1)


class CRFDecoder(nn.Module):
    """Linear-chain CRF (pytorch-crf). The loss is the mean over sentences of the negative log-likelihood.

    The chain is computed in float32 whatever the emissions' precision: sums over a sentence lose too much in
    bfloat16.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.crf = CRF(labels, batch_first=True)

    def nll(self, emissions: Emissions, tags: Int[Tensor, "batch words"]) -> Float[Tensor, ""]:
        """Mean over sentences of log Z minus the gold path's score."""
        with torch.autocast(emissions.scores.device.type, enabled=False):
            scores = _at_least_float32(emissions.scores)
            return -self.crf(scores, tags, mask=emissions.mask, reduction="mean")

    def decode(self, emissions: Emissions) -> list[list[int]]:
        """Viterbi path of every sentence, as many labels as it has words; walked on the CPU.

        pytorch-crf asks for one number a word, each of which a GPU would be waited for.
        """
        with torch.autocast("cpu", enabled=False):
            return self._on_cpu().decode(_at_least_float32(emissions.scores).cpu(), mask=emissions.mask.cpu())

    def _on_cpu(self) -> CRF:
        if self.crf.transitions.device.type == "cpu":
            return self.crf
        return copy.deepcopy(self.crf).cpu()


class SoftmaxDecoder(nn.Module):
    """Independent labels. The loss is the mean over words of the cross-entropy."""

    def nll(self, emissions: Emissions, tags: Int[Tensor, "batch words"]) -> Float[Tensor, ""]:
        return F.cross_entropy(_at_least_float32(emissions.scores[emissions.mask]), tags[emissions.mask])

    def decode(self, emissions: Emissions) -> list[list[int]]:
        best = emissions.scores.argmax(-1).cpu()
        lengths = emissions.mask.sum(-1).tolist()
        return [row[:length].tolist() for row, length in zip(best, lengths, strict=True)]


def make_decoder(kind: str, labels: int) -> nn.Module | None:
    """The decoder a card asks for; None for ``own``, whose tagger decodes by itself."""
    if kind == "own":
        return None
    if kind == "crf":
        return CRFDecoder(labels)
    if kind == "softmax":
        return SoftmaxDecoder()
    raise ContractError(f"decoder {kind!r} is unknown; a card says 'crf', 'softmax' or 'own'")


def _at_least_float32(scores: Tensor) -> Tensor:
    return scores if scores.dtype == torch.float64 else scores.float()
