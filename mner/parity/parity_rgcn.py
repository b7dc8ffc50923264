"""Parity of ``mner/systems/rgcn_released.py`` with the authors' R-GCN: outputs, gradients, optimiser updates.

Tolerances are golden/R_GCN.md's: anything looser hides real mistakes (its section 7). All in float64.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from mner.data.batch import Batch
from mner.models.decoders import viterbi
from mner.parity.bert_golden import bert_of
from mner.parity.parity_report import Comparison, ParityError, ParityReport, compare
from mner.parity.rgcn_golden import (
    RgcnGolden,
    as_theirs,
    block_names,
    build,
    load,
    paired,
    read_batch,
    read_golden,
)
from mner.systems.rgcn_released import AttentionBlock, BlockTrace, Tagger, Trace, star_adjacency
from mner.training.optimisers import BertAdam, LookupGradients, by_decay, clip_gradients, warmup_decay

FORWARD_TOLERANCE = 1e-11
GRADIENT_TOLERANCE = 1e-10
VANISHING = 1e-12
"""A gradient this small beside the largest is zero in theory: attention ignores a shift of all its scores."""
CLIP = 1.0
TRAINING_SETTINGS = {"init_lr": float, "num_train_steps": int, "num_warmup_steps": int}


def check(path: Path) -> ParityReport:
    """Compare our released variant with the authors' numbers in ``path``.

    Raises:
        ParityError: the file cannot be read as an R-GCN golden file; the message names what does not fit.
    """
    golden = read_golden(path)
    batch, tagger = read_batch(golden), build(golden)
    comparisons = [
        *_inputs(golden, batch),
        *_forward_and_gradients(golden, tagger, batch),
        *_unit_block(golden),
        *_training(golden, tagger, batch),
    ]
    return ParityReport("rgcn-released", path, tuple(comparisons))


def _inputs(golden: RgcnGolden, batch: Batch) -> Iterator[Comparison]:
    """What the authors' reader derives, we derive too."""
    for name, neighbours in (("pt", batch.inter), ("pp", batch.intra)):
        if neighbours is None:
            raise ParityError(f"{golden.path}: the batch holds no neighbours")
        key = f"input/{name}_simi_score_id"
        yield compare(key, star_adjacency(neighbours.scores), golden[key], 0.0, "exact")
    lengths = batch.text.attention_mask.sum(1).to(torch.int32)
    yield compare("input/sequence_len", lengths, golden["input/sequence_len"], 0.0, "exact")


def _forward_and_gradients(golden: RgcnGolden, tagger: Tagger, batch: Batch) -> Iterator[Comparison]:
    embedded: list[Tensor] = []
    embeddings = bert_of(tagger.encoder).embeddings
    handle = embeddings.register_forward_hook(lambda module, inputs, output: embedded.append(output))
    trace = tagger(batch)
    handle.remove()
    labels = golden["input/label_ids"].long()
    outputs = {"bert_embedding": embedded[0], **_activations(trace), **_chain_outputs(tagger, trace, labels)}
    references = golden.below("output/")
    if outputs.keys() != references.keys():
        unequal = sorted(outputs.keys() ^ references.keys())
        raise ParityError(f"{golden.path}: output/ tensors missing here or there: {', '.join(unequal[:5])}")
    for name, ours in outputs.items():
        reference = references[name]
        if reference.is_floating_point():
            yield compare(f"output/{name}", ours, reference, FORWARD_TOLERANCE)
        else:
            yield compare(f"output/{name}", ours.to(reference.dtype), reference, 0.0, "exact")
    outputs["loss"].backward()
    yield from _gradients(golden, tagger)
    tagger.zero_grad()


def _activations(trace: Trace) -> dict[str, Tensor]:
    """The trace under the file's names (golden/R_GCN.md 2)."""
    return {
        "bert_output": trace.hidden,
        "inter_gcn/regrouped": trace.inter.regrouped.flatten(0, 1),
        "inter_gcn/mean": trace.inter.mean,
        "inter_gcn/projected": trace.projected,
        "inter_gate/value": trace.inter_gate,
        "inter_gate/out": trace.words,
        "intra_gcn/regrouped": trace.intra.regrouped.flatten(0, 1),
        "intra_gcn/mean": trace.intra.mean,
        "intra_gate/value": trace.intra_gate,
        "intra_gate/out": trace.regions,
        **_block("self_text", trace.self_text),
        **_block("self_image", trace.self_image),
        **_block("cross", trace.cross),
        "emissions": trace.emissions,
    }


def _block(name: str, trace: BlockTrace) -> dict[str, Tensor]:
    return {f"{name}/residual_sum": trace.residual_sum, f"{name}/ln": trace.normed, f"{name}/out": trace.out}


def _chain_outputs(tagger: Tagger, trace: Trace, labels: Tensor) -> dict[str, Tensor]:
    """CRF scores, loss and best paths; tags beyond the length are 0 as in the file."""
    score, partition = tagger.log_likelihood(trace, labels)
    paths, best = viterbi(trace.emissions, trace.mask, tagger.chain())
    tags = torch.zeros_like(labels)
    for row, path in zip(tags, paths, strict=True):
        row[: len(path)] = torch.tensor(path)
    return {
        "seq_score": score,
        "log_norm": partition,
        "log_likelihood": score - partition,
        "loss": (partition - score).mean(),
        "viterbi_tags": tags,
        "viterbi_score": best,
        "masked_true_y": labels[trace.mask],
        "masked_pred_y": tags[trace.mask],
    }


def _gradients(golden: RgcnGolden, tagger: Tagger) -> Iterator[Comparison]:
    """Every gradient; where one side has none and the other one, the error is infinite."""
    references = golden.below("grad/")
    largest = max((reference.abs().max().item() for reference in references.values()), default=0.0)
    for name, parameter in paired(tagger).items():
        reference, key = references.get(name), f"grad/{name}"
        if reference is None and parameter.grad is None:
            continue
        if reference is None or parameter.grad is None:
            yield Comparison(key, math.inf, GRADIENT_TOLERANCE)
            continue
        ours = as_theirs(name, parameter.grad)
        if reference.abs().max().item() < VANISHING * largest:
            yield compare(key, ours, reference, VANISHING * largest, "absolute")
        else:
            yield compare(key, ours, reference, GRADIENT_TOLERANCE)


@torch.no_grad()
def _unit_block(golden: RgcnGolden) -> Iterator[Comparison]:
    """The attention block alone, with keys and queries that its masks silence (3.6, steps 2 and 3)."""
    queries, keys = golden["unit_mha/input/querys"], golden["unit_mha/input/keys"]
    block = AttentionBlock(queries.shape[-1], keys.shape[-1], int(golden.setting("multi_heads"))).double()
    parameters = dict(block.named_parameters())
    named = {theirs: parameters[ours] for theirs, ours in block_names().items()}
    load(named, golden.below("unit_mha/param/"), "unit_mha/param/")
    yield compare("unit_mha/out", block(queries, keys).out, golden["unit_mha/output/out"], FORWARD_TOLERANCE)


def _training(golden: RgcnGolden, tagger: Tagger, batch: Batch) -> Iterator[Comparison]:
    """The updates on one batch; ``tagger`` is changed by them."""
    setting = _training_settings(golden)
    labels = golden["input/label_ids"].long()
    optimiser = BertAdam(by_decay(paired(tagger).items()), lr=setting["init_lr"])
    schedule = LambdaLR(optimiser, warmup_decay(setting["num_warmup_steps"], setting["num_train_steps"]))
    rates: list[float] = []
    losses: list[Tensor] = []
    norms: list[Tensor] = []
    with LookupGradients(bert_of(tagger.encoder).embeddings.word_embeddings) as lookups:
        for _ in golden["train/learning_rates"]:
            optimiser.zero_grad()
            score, partition = tagger.log_likelihood(tagger(batch), labels)
            loss = (partition - score).mean()
            loss.backward()
            norms.append(clip_gradients(tagger.parameters(), CLIP, lookups.take()))
            rates.append(optimiser.param_groups[0]["lr"])
            losses.append(loss.detach())
            optimiser.step()
            schedule.step()
    name = f"losses_before_each_of_{len(rates)}_updates"
    stated = torch.tensor(rates, dtype=torch.float64)
    yield compare("train/learning_rates", stated, golden["train/learning_rates"], FORWARD_TOLERANCE)
    yield compare(f"train/{name}", torch.stack(losses), golden[f"train/{name}"], GRADIENT_TOLERANCE)
    yield compare("train/grad_global_norm", norms[0], golden["train/grad_global_norm"], GRADIENT_TOLERANCE)
    after = golden.below(f"train/param_after_{len(losses)}_updates/")
    for name, parameter in paired(tagger).items():
        if name not in after:
            raise ParityError(f"{golden.path}: no parameter {name!r} after the updates")
        yield compare(f"train/{name}", as_theirs(name, parameter), after[name], GRADIENT_TOLERANCE)


def _training_settings(golden: RgcnGolden) -> dict:
    """``init_lr=5e-3, num_train_steps=20, num_warmup_steps=2`` out of the metadata's sentence on training."""
    sentence, settings = golden.setting("train"), {}
    for name, convert in TRAINING_SETTINGS.items():
        found = re.search(rf"{name}\s*=\s*([\d.]+(?:e[+-]?\d+)?)", sentence)
        if found is None:
            raise ParityError(f"{golden.path}: metadata 'train' does not state {name}: {sentence!r}")
        settings[name] = convert(found[1])
    return settings
