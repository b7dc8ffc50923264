"""Decoders shared by all rows: a linear-chain CRF and a per-word softmax, both over word-level tags."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torchcrf import CRF

from mner.models.system import ContractError, Emissions


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
