"""Parity of the CRF: scores, recursions, posteriors, decoding, and removal of image words (golden/ITA.md 2, 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mner.models.decoders import ChainScores, forward_backward, log_partition, path_score
from mner.models.views import chain_scores, compact, decode_tweet_words, tempered_log_posteriors
from mner.parity.golden import Golden
from mner.parity.parity_report import Comparison

_TEMPERED = re.compile(r"(posterior_tau|unused_structural_partition_T|unused_structural_posterior_T)([\d.]+)$")


def comparisons(golden: Golden) -> Iterator[Comparison]:
    """Every stored result of every case in an ``ita_crf`` file."""
    for case in golden.cases("emissions"):
        yield from _case(golden, case)


def _case(golden: Golden, case: str) -> Iterator[Comparison]:
    config = golden.json("config")
    emissions = golden[f"input/{case}.emissions"].clone().requires_grad_()
    matrix = golden["param/transitions"].clone().requires_grad_()
    scores = chain_scores(matrix, config["start"], config["stop"])
    tags = golden[f"input/{case}.tags"]
    real = torch.arange(tags.shape[1]) < golden[f"input/{case}.lengths"][:, None]
    keep = real & (tags != config["x"])
    kept, mask = compact(emissions, keep)
    kept_tags, _ = compact(tags, keep, fill=-1)

    def same(name: str, ours: Tensor, *, where: Any = ..., exact: bool = False) -> Comparison:
        return golden.compare(f"output/{case}.{name}", ours, where=where, exact=exact)

    yield same("mask", keep.to(golden[f"output/{case}.mask"].dtype), exact=True)
    yield same("compacted_emissions", kept)
    yield same("compacted_lengths", mask.sum(1), exact=True)
    yield same("compacted_tags", kept_tags, exact=True)
    gold_score, partition = path_score(kept, kept_tags, mask, scores), log_partition(kept, mask, scores)
    nll = partition - gold_score
    yield same("gold_score", gold_score)
    yield same("log_partition", partition)
    yield same("nll", nll)
    yield same("loss", nll.mean())
    gradients = torch.autograd.grad(nll.mean(), [matrix, emissions])
    yield golden.compare(f"grad/{case}.transitions", gradients[0])
    yield golden.compare(f"grad_input/{case}.emissions", gradients[1])
    with torch.no_grad():
        yield from _recursions(golden, case, kept, mask, scores)
        for name, words in (("decoded_evaluate", keep), ("decoded_predict", real)):
            written = decode_tweet_words(emissions, words, scores, config["x"])
            yield same(name, torch.tensor(written).masked_fill(~real, -1), exact=True)


def _recursions(
    golden: Golden, case: str, emissions: Tensor, mask: Tensor, scores: ChainScores
) -> Iterator[Comparison]:
    """Forward, backward and posteriors, at real words; START and STOP only where they are probabilities."""
    config = golden.json("config")
    states = torch.ones(emissions.shape[2], dtype=torch.bool)
    states[[config["start"], config["stop"]]] = False
    entities = mask[:, :, None] & states
    alpha, beta = forward_backward(emissions, mask, scores)
    yield golden.compare(f"output/{case}.alpha", alpha, where=entities)
    yield golden.compare(f"output/{case}.beta", beta, where=entities)
    backward = torch.logsumexp(scores.start + emissions[:, 0] + beta[:, 0], dim=1)
    yield golden.compare(f"output/{case}.log_partition_backward", backward)
    prefix = f"output/{case}."
    for key in sorted(key for key in golden.tensors if key.startswith(prefix)):
        found = _TEMPERED.fullmatch(key.removeprefix(prefix))
        if found:
            kind, temperature = found[1], float(found[2])
            ours = _tempered(kind, temperature, emissions, mask, scores)
            yield golden.compare(key, ours, where=mask if ours.dim() == 3 else ...)


def _tempered(kind: str, temperature: float, emissions: Tensor, mask: Tensor, scores: ChainScores) -> Tensor:
    """Flattened marginals as trained with, or the structural tempering that the program can do but does not."""
    if kind == "posterior_tau":
        return tempered_log_posteriors(emissions, mask, scores, temperature).exp()
    cooled, cooled_scores = emissions / temperature, ChainScores(*(part / temperature for part in scores))
    if kind == "unused_structural_partition_T":
        return log_partition(cooled, mask, cooled_scores)
    return tempered_log_posteriors(cooled, mask, cooled_scores, 1.0).exp()
