"""The optimisers a recipe may name, their groups of parameters, and the learning-rate schedule."""

from __future__ import annotations

import torch
from torch import nn

from mner.config.training_recipe import Recipe
from mner.training.bert_adam import BertAdam, is_decayed, warmup_decay

NO_DECAY = ("bias", "LayerNorm", "norm")
WORDS = {
    "adamw": "AdamW, bias-corrected; decay spares biases, norms and CRF transitions",
    "bert": "BERT's own AdamW, not bias-corrected; decay spares biases and norms of layers",
}


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict]:
    """Split trainable parameters by learning rate (encoder, CRF transitions, everything else) and by decay.

    AdamW spares biases, normalisation gains and CRF transitions; BERT's optimiser spares what its published code
    does by name (golden/R_GCN.md 5), and the gains and shifts of our layers called ``norm``.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = recipe.head_learning_rate
        if ".encoder." in f".{name}":
            rate = recipe.encoder_learning_rate
        elif "transitions" in name:
            rate = recipe.transition_learning_rate
        decays = _bert_decays(name) if recipe.optimiser == "bert" else _decays(name, parameter)
        groups.setdefault((rate, recipe.weight_decay if decays else 0.0), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay, "peak": rate}
        for (rate, decay), parameters in groups.items()
    ]


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim >= 2 and not any(part in name for part in (*NO_DECAY, "transitions"))


def _bert_decays(name: str) -> bool:
    return is_decayed(name) and "norm" not in name


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over :func:`parameter_groups`; AdamW fused (one kernel for all), on CPU too."""
    groups = parameter_groups(model, recipe)
    if recipe.optimiser == "bert":
        return BertAdam(groups, recipe.head_learning_rate)
    return torch.optim.AdamW(groups, fused=True)


def set_learning_rates(optimiser: torch.optim.Optimizer, recipe: Recipe, step: int, total: int) -> None:
    """Set every group's rate for update ``step`` of ``total`` (from 0).

    Linear warm-up over ``warmup * total`` updates, then constant or linear decay to zero; ``bert`` as published.
    """
    factor = _factor(recipe, step, total)
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def _factor(recipe: Recipe, step: int, total: int) -> float:
    warmup = int(recipe.warmup * total)
    if recipe.schedule == "bert":
        return warmup_decay(warmup, total)(step)
    if step < warmup:
        return (step + 1) / warmup
    if recipe.schedule == "constant":
        return 1.0
    return (total - step) / max(1, total - warmup)
