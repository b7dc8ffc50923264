"""Optimisers and learning-rate schedules a recipe may name, BERT's own AdamW among them.

AdamW without bias correction; weight decay skips parameters by name; gradients are clipped by their global norm
before. In the code's framework an embedding table's gradient enters that norm as one row per looked-up piece
instead of one per word of the vocabulary (quirk Q12): :class:`LookupGradients` measures it so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mner.config.training_recipe import Recipe

NOT_DECAYED = r"LayerNorm|layer_norm|bias"
UNCORRECTED = 1e6  # steps after which 1 − b^step is 1 in every precision, for b up to GREATEST_BETA
GREATEST_BETA = 0.9999


class BertAdam(torch.optim.AdamW):
    """``m ← b1 m + (1 − b1) g``; ``v ← b2 v + (1 − b2) g²``; ``p ← p − lr (m / (√v + eps) + decay p)``.

    AdamW whose step count starts where its bias correction has become 1 to the last bit, and so one fused kernel.
    Takes parameters or groups of them, as every torch optimiser does; a group may have its own ``lr`` and
    ``weight_decay``. A parameter without gradient is left alone, its decay included. Source: golden/R_GCN.md 5.

    Raises:
        ValueError: no parameters, or a learning rate, epsilon or beta out of range.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[Mapping],
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        if lr < 0 or eps <= 0 or not all(0 <= beta <= GREATEST_BETA for beta in betas):
            raise ValueError(
                f"BertAdam: lr {lr} >= 0, eps {eps} > 0 and betas {betas} in [0, {GREATEST_BETA}] are required"
            )
        super().__init__(cast(Iterable[Tensor], parameters), lr, betas, eps, weight_decay, fused=True)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {
                    "step": torch.full((), UNCORRECTED, device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }


def is_decayed(name: str) -> bool:
    """Whether the published optimiser decays a parameter of this name (case-sensitive)."""
    return re.search(NOT_DECAYED, name) is None


def by_decay(named_parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float = 0.01) -> list[dict]:
    """Groups for :class:`BertAdam`: trained parameters that are decayed by their name, and those that are not."""
    groups: dict[bool, list[nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            groups.setdefault(is_decayed(name), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decayed else 0.0}
        for decayed, parameters in groups.items()
    ]


def warmup_decay(warmup: int, total: int) -> Callable[[int], float]:
    """Factor on the learning rate at a step counted from 0, for ``torch.optim.lr_scheduler.LambdaLR``.

    Step/warm-up before ``warmup``, then 1 − step/total counted from step 0, so that it jumps down where the
    warm-up ends (quirk Q13); 0 from ``total`` on.

    Raises:
        ValueError: not 0 <= warmup <= total, or total is 0.
    """
    if not 0 <= warmup <= total or total == 0:
        raise ValueError(f"warm-up of {warmup} steps does not fit into {total} steps")

    def factor(step: int) -> float:
        return step / warmup if step < warmup else max(0.0, 1 - step / total)

    return factor


class LookupGradients:
    """Watches embedding tables and sums the squared gradients of every single look-up (quirk Q12).

    Use as a context around forward and backward passes; :meth:`take` then gives the sum since it was last taken.
    """

    def __init__(self, *tables: nn.Embedding) -> None:
        self.tables = tables
        self._squares: dict[Tensor, Tensor] = {}
        self._handles: list = []

    def __enter__(self) -> LookupGradients:
        self._handles = [table.register_forward_hook(self._watch) for table in self.tables]
        return self

    def __exit__(self, *unused: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _watch(self, table: nn.Module, inputs: tuple, looked_up: Tensor) -> None:
        if looked_up.requires_grad:
            looked_up.register_hook(partial(self._add, cast(nn.Embedding, table).weight))

    def _add(self, weight: Tensor, gradient: Tensor) -> None:
        squares = gradient.square().sum()
        self._squares[weight] = self._squares[weight] + squares if weight in self._squares else squares

    def take(self) -> dict[Tensor, Float[Tensor, ""]]:
        """Sum of squares per watched weight; starts again from nothing."""
        taken, self._squares = self._squares, {}
        return taken


@torch.no_grad()
def clip_gradients(
    parameters: Iterable[nn.Parameter],
    limit: float,
    lookups: Mapping[Tensor, Float[Tensor, ""]] | None = None,
) -> Float[Tensor, ""]:
    """Scale all gradients by ``limit / max(norm, limit)`` in place; returns the norm before.

    ``lookups`` (from :meth:`LookupGradients.take`) replaces the squares of the weights it holds in the norm; the
    gradients scaled are the summed ones either way.

    Raises:
        ValueError: no parameter has a gradient, or the norm is not finite.
    """
    with_gradient = [(parameter, parameter.grad) for parameter in parameters if parameter.grad is not None]
    if not with_gradient:
        raise ValueError("clip_gradients: no parameter has a gradient; call it after backward")
    lookups = lookups or {}
    squares = [
        lookups[parameter] if parameter in lookups else gradient.square().sum()
        for parameter, gradient in with_gradient
    ]
    norm = torch.stack(squares).sum().sqrt()
    if not torch.isfinite(norm):
        raise ValueError(f"clip_gradients: the global gradient norm is {norm.item()}; the loss has diverged")
    scale = limit / norm.clamp(min=limit)
    for _, gradient in with_gradient:
        gradient.mul_(scale)
    return norm


NO_DECAY = ("bias", "LayerNorm", "norm")


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
        decays = _DECAYS.get(recipe.optimiser, _decays_all)(name, parameter)
        groups.setdefault((rate, recipe.weight_decay if decays else 0.0), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay, "peak": rate}
        for (rate, decay), parameters in groups.items()
    ]


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim >= 2 and not any(part in name for part in (*NO_DECAY, "transitions"))


def _bert_decays(name: str, parameter: nn.Parameter) -> bool:
    return is_decayed(name) and "norm" not in name


def _decays_all(name: str, parameter: nn.Parameter) -> bool:
    return True


_DECAYS = {"adamw": _decays, "bert": _bert_decays}


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over :func:`parameter_groups`; AdamW fused (one kernel for all), on CPU too.

    RMSprop's smoothing and epsilon are Keras 1's, in which ACOA was published (specs of the released program).
    """
    groups = parameter_groups(model, recipe)
    rate = recipe.head_learning_rate
    if recipe.optimiser == "bert":
        return BertAdam(groups, rate)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, rate)
    if recipe.optimiser == "rmsprop":
        return torch.optim.RMSprop(groups, rate, alpha=0.9, eps=1e-8)
    if recipe.optimiser == "adam":
        return torch.optim.Adam(groups, rate, fused=True)
    return torch.optim.AdamW(groups, fused=True)


def clip(parameters: Sequence[Tensor], recipe: Recipe) -> None:
    """Bound the gradients as the recipe says: the norm of all, of each parameter by itself, or not at all."""
    if recipe.clip_by == "norm":
        nn.utils.clip_grad_norm_(parameters, recipe.clip)
    elif recipe.clip_by == "parameter":
        for parameter in parameters:
            nn.utils.clip_grad_norm_([parameter], recipe.clip)


def set_learning_rates(optimiser: torch.optim.Optimizer, recipe: Recipe, step: int, total: int) -> None:
    """Set every group's rate for update ``step`` of ``total`` (from 0).

    Linear warm-up over ``warmup * total`` updates, then constant, linear decay to zero, or by whole epochs;
    ``bert`` as published.
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
    epoch = step * recipe.epochs // total
    if recipe.schedule == "inverse_time":
        return 1 / (1 + recipe.decay * epoch)
    if recipe.schedule == "step":
        return float(recipe.decay ** (epoch // recipe.decay_epochs))
    return (total - step) / max(1, total - warmup)
