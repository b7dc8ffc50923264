"""The chain's algebra of our own beside the pytorch-crf library: the same numbers, and not slower."""

from __future__ import annotations

import pytest
import torch
from torchcrf import CRF

from mner.models.decoders import ChainScores, log_partition, path_score, viterbi

BATCH, WORDS, TAGS = 16, 24, 9


@pytest.fixture(scope="module")
def case():
    numbers = torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    crf = CRF(TAGS, batch_first=True)
    emissions = torch.randn(BATCH, WORDS, TAGS, generator=numbers)
    tags = torch.randint(TAGS, (BATCH, WORDS), generator=numbers)
    lengths = torch.randint(4, WORDS + 1, (BATCH, 1), generator=numbers)
    return crf, emissions, tags, torch.arange(WORDS)[None] < lengths


def _scores(crf: CRF) -> ChainScores:
    return ChainScores(crf.start_transitions, crf.transitions, crf.end_transitions)


def test_loss_and_its_gradient(case, beside) -> None:
    crf, emissions, tags, mask = case

    def ours() -> tuple[float, torch.Tensor]:
        leaf = emissions.clone().requires_grad_()
        loss = (log_partition(leaf, mask, _scores(crf)) - path_score(leaf, tags, mask, _scores(crf))).mean()
        loss.backward()
        return float(loss.detach()), leaf.grad

    def library() -> tuple[float, torch.Tensor]:
        leaf = emissions.clone().requires_grad_()
        loss = -crf(leaf, tags, mask=mask, reduction="mean")
        loss.backward()
        return float(loss.detach()), leaf.grad

    found, wanted = beside(ours, library, at_least=0.7), library()
    assert found[0] == pytest.approx(wanted[0], rel=1e-5)
    assert torch.allclose(found[1], wanted[1], atol=1e-5)


def test_best_paths(case, beside) -> None:
    crf, emissions, _, mask = case

    def ours() -> list[list[int]]:
        return viterbi(emissions, mask, _scores(crf))[0]

    def library() -> list[list[int]]:
        with torch.no_grad():
            return crf.decode(emissions, mask=mask)

    assert beside(ours, library, at_least=1.0) == library()
