"""AdamW over three groups of parameters, and the learning-rate schedule."""

from __future__ import annotations

import torch
from torch import nn

from mner.training.recipe import Recipe

NO_DECAY = ("bias", "LayerNorm", "norm")
WORDS = "AdamW, bias-corrected, for every row; decay spares biases, norms and CRF transitions"


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict]:
    """Split trainable parameters by learning rate (encoder, CRF transitions, everything else) and by decay.

    Biases and normalisation gains are not decayed, nor are CRF transitions.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = recipe.head_learning_rate
        decay = 0.0 if parameter.ndim < 2 or any(part in name for part in NO_DECAY) else recipe.weight_decay
        if ".encoder." in f".{name}":
            rate = recipe.encoder_learning_rate
        elif "transitions" in name:
            rate, decay = recipe.transition_learning_rate, 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay, "peak": rate}
        for (rate, decay), parameters in groups.items()
    ]


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Fused AdamW (one kernel for all parameters, on CPU too)."""
    return torch.optim.AdamW(parameter_groups(model, recipe), fused=True)


def set_learning_rates(optimiser: torch.optim.Optimizer, recipe: Recipe, step: int, total: int) -> None:
    """Set every group's rate for update ``step`` of ``total`` (from 0).

    Linear warm-up over ``warmup * total`` updates, then constant or linear decay to zero.
    """
    warmup = int(recipe.warmup * total)
    if step < warmup:
        factor = (step + 1) / warmup
    elif recipe.schedule == "constant":
        factor = 1.0
    else:
        factor = (total - step) / max(1, total - warmup)
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor
