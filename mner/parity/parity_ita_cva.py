"""Parity of the training step: NLL, cross-view alignment, totals, gradients, accumulation (golden/ITA.md 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mner.models.views import (
    Alignment,
    BatchPlan,
    WordDropout,
    accumulation_groups,
    accumulation_shares,
    align_views,
    chain_scores,
    clipping_factor,
    compact,
    released_plan,
    released_total,
    sentence_nll,
)
from mner.parity.golden import Golden
from mner.parity.parity_report import Comparison, ParityError

_TEMPERATURE = re.compile(r"_tau([\d.]+)$")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The trained tensors, fresh leaves for one computation."""

    weight: Tensor
    bias: Tensor
    transitions: Tensor

    NAMES = ("linear.weight", "linear.bias", "transitions")

    @classmethod
    def of(cls, golden: Golden) -> Parameters:
        return cls(*(golden[f"param/{name}"].clone().requires_grad_() for name in cls.NAMES))

    def tensors(self) -> list[Tensor]:
        return [self.weight, self.bias, self.transitions]


@dataclass(frozen=True, slots=True)
class Step:
    """One released batch, computed with the functions that the system trains with."""

    words_cross: Tensor
    words_text: Tensor
    emissions_cross: Tensor
    emissions_text: Tensor
    compacted_cross: Tensor
    mask: Tensor
    nll: Tensor
    alignment: Alignment | None
    plan: BatchPlan
    total: Tensor


def comparisons(golden: Golden) -> Iterator[Comparison]:
    """Every stored result of every scenario and of the accumulated mini-epoch in an ``ita_cva`` file."""
    for case in golden.json("config")["scenarios"]:
        yield from _scenario(golden, case)
    if "accum" in golden.json("config"):
        yield from _accumulation(golden)


def _step(golden: Golden, case: str, temperature: float, parameters: Parameters) -> Step:
    config = golden.json("config")
    words_cross = golden[f"input/{case}.words_cross"].clone().requires_grad_()
    words_text = golden[f"input/{case}.words_text"].clone().requires_grad_()
    tags = golden[f"input/{case}.tags_cross"]
    real = torch.arange(tags.shape[1]) < golden[f"input/{case}.lengths_cross"][:, None]
    keep = real & (tags != config["x"])
    scores = chain_scores(parameters.transitions, config["start"], config["stop"])
    emissions_cross = _emit(golden, f"{case}.dropmask_cross", words_cross, parameters)
    kept, mask = compact(emissions_cross, keep)
    nll = sentence_nll(kept, compact(tags, keep)[0], mask, scores)
    paired = golden[f"input/{case}.has_text_pair"].bool()
    plan = released_plan(paired, (real & ~keep).any(1), config["multi_view_rate"])
    rows = plan.aligned if plan.alignment_weight else torch.zeros_like(paired)
    teacher, inside = compact(emissions_cross[rows], keep[rows]) if rows.any() else (kept[:0], mask[:0])
    student = _emit(golden, f"{case}.dropmask_text", words_text, parameters)[rows][:, : inside.shape[1]]
    alignment = align_views(teacher, student, inside, scores, temperature) if rows.any() else None
    total = released_total(nll, nll[:0] if alignment is None else alignment.loss, plan)
    return Step(words_cross, words_text, emissions_cross, student, teacher, inside, nll, alignment, plan, total)


def _emit(golden: Golden, dropmask: str, words: Tensor, parameters: Parameters) -> Tensor:
    """Emissions of given word vectors, after the recorded word dropout where the case has one."""
    kept = golden.tensors.get(f"input/{dropmask}")
    if kept is not None:
        words = WordDropout(rate=0.0).train()(words, kept)
    return F.linear(words, parameters.weight, parameters.bias)


def _scenario(golden: Golden, case: str) -> Iterator[Comparison]:
    found = _TEMPERATURE.search(case)
    if found is None:
        raise ParityError(f"{golden.file}: scenario {case!r} does not end in its temperature, such as _tau2")
    parameters = Parameters.of(golden)
    step = _step(golden, case, float(found[1]), parameters)
    lengths = golden[f"input/{case}.lengths_cross"]
    real = torch.arange(step.emissions_cross.shape[1]) < lengths[:, None]
    nll = step.nll.mean()
    yield golden.compare(f"output/{case}.emissions_cross", step.emissions_cross, where=real)
    yield golden.compare(f"output/{case}.nll_items", step.nll)
    yield golden.compare(f"output/{case}.nll", nll)
    yield golden.compare(f"output/{case}.nll_weight", nll.new_tensor(step.plan.nll_weight))
    yield golden.compare(f"output/{case}.total", step.total)
    yield from _parameter_gradients(golden, f"{case}.nll_only", nll, parameters)
    yield from _input_gradients(golden, case, "nll_only", "cross", nll, step, range(len(lengths)))
    if step.alignment is not None:
        yield from _alignment(golden, case, step, step.alignment, parameters)
    yield from _clipped(golden, case, f"{case}.total", f"{case}.clipped", step.total, parameters)


def _alignment(
    golden: Golden, case: str, step: Step, alignment: Alignment, parameters: Parameters
) -> Iterator[Comparison]:
    inside, items = step.mask, step.plan.aligned.nonzero().flatten()
    cva = alignment.loss.mean()
    yield golden.compare(f"output/{case}.cva_items", items, exact=True)
    yield golden.compare(f"output/{case}.lengths_text", inside.sum(1), exact=True)
    yield golden.compare(f"output/{case}.compacted_cross", step.compacted_cross)
    yield golden.compare(f"output/{case}.emissions_text", step.emissions_text, where=inside)
    yield golden.compare(f"output/{case}.teacher_posterior", alignment.teacher.exp(), where=inside)
    yield golden.compare(f"output/{case}.student_posterior", alignment.student.exp(), where=inside)
    yield golden.compare(f"output/{case}.kl_tokens", alignment.divergence)
    yield golden.compare(f"output/{case}.cva", cva)
    if torch.autograd.grad(cva, step.words_cross, retain_graph=True, allow_unused=True)[0] is not None:
        raise ParityError(f"{case}: the alignment sends a gradient into the cross-modal view")
    yield from _parameter_gradients(golden, f"{case}.cva_only", cva, parameters)
    yield from _input_gradients(golden, case, "cva_only", "text", cva, step, items.tolist())


def _parameter_gradients(golden: Golden, key: str, loss: Tensor, parameters: Parameters) -> Iterator[Comparison]:
    gradients = torch.autograd.grad(loss, parameters.tensors(), retain_graph=True)
    for name, gradient in zip(parameters.NAMES, gradients, strict=True):
        yield golden.compare(f"grad/{key}.{name}", gradient)


def _input_gradients(
    golden: Golden, case: str, loss_name: str, view: str, loss: Tensor, step: Step, rows: Sequence[int]
) -> Iterator[Comparison]:
    """Gradients of one view's emissions and word vectors; word vectors are stored row by row, unpadded."""
    emissions, words = getattr(step, f"emissions_{view}"), getattr(step, f"words_{view}")
    by_emissions, by_words = torch.autograd.grad(loss, [emissions, words], retain_graph=True)
    yield golden.compare(f"grad_input/{case}.{loss_name}.emissions_{view}", by_emissions)
    for row in rows:
        key = f"grad_input/{case}.{loss_name}.words_{view}.{row}"
        yield golden.compare(key, by_words[row, : len(golden[key])])


def _clipped(
    golden: Golden, case: str, raw: str, clipped: str, loss: Tensor, parameters: Parameters
) -> Iterator[Comparison]:
    """Gradients before and after clipping, and their norm."""
    gradients = torch.autograd.grad(loss, parameters.tensors())
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    factor = clipping_factor(norm.item(), golden.json("config")["max_grad_norm"])
    yield golden.compare(f"output/{case}.grad_norm", norm)
    for name, gradient in zip(parameters.NAMES, gradients, strict=True):
        yield golden.compare(f"grad/{raw}.{name}", gradient)
        yield golden.compare(f"grad/{clipped}.{name}", gradient * factor)


def _accumulation(golden: Golden) -> Iterator[Comparison]:
    """A mini-epoch of single items: divided totals, and one gradient an update, parameters unchanged."""
    plan = golden.json("config")["accum"]
    batches, steps = len(plan["batches"]), plan["accumulation_steps"]
    shares = accumulation_shares(batches, steps)
    logged = golden["output/accum.logged_train_loss"].new_zeros(())
    for number, group in enumerate(accumulation_groups(batches, steps)):
        parameters = Parameters.of(golden)
        totals = [_step(golden, f"accum.b{batch}", float(plan["tau"]), parameters).total for batch in group]
        losses = [shares[batch] * total for batch, total in zip(group, totals, strict=True)]
        summed = torch.stack(losses).sum()
        logged = logged + summed.detach()
        key = f"accum.step{number}"
        yield from _clipped(golden, key, key, f"{key}.clipped", summed, parameters)
    yield golden.compare("output/accum.logged_train_loss", logged)
