"""The optimiser published with BERT, as R-GCN's code uses it (golden/R_GCN.md 5).

AdamW without bias correction; weight decay skips parameters by name; gradients are clipped by their global norm
before. In the code's framework an embedding table's gradient enters that norm as one row per looked-up piece
instead of one per word of the vocabulary (quirk Q12): :class:`LookupGradients` measures it so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

NOT_DECAYED = r"LayerNorm|layer_norm|bias"


class BertAdam(Optimizer):
    """``m ← b1 m + (1 − b1) g``; ``v ← b2 v + (1 − b2) g²``; ``p ← p − lr (m / (√v + eps) + decay p)``.

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
        if lr < 0 or eps <= 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"BertAdam: lr {lr} >= 0, eps {eps} > 0 and betas {betas} in [0, 1) are required")
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One update; the moments of a parameter start at zero with its first gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict) -> None:
        state = self.state[parameter]
        if not state:
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        first, second = group["betas"]
        gradient = parameter.grad
        mean = state["mean"].mul_(first).add_(gradient, alpha=1 - first)
        square = state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        update = mean / (square.sqrt() + group["eps"])
        update.add_(parameter, alpha=group["weight_decay"])
        parameter.sub_(update, alpha=group["lr"])


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
        self._squares: dict[nn.Parameter, Tensor] = {}
        self._handles: list = []

    def __enter__(self) -> LookupGradients:
        self._handles = [table.register_forward_hook(self._watch) for table in self.tables]
        return self

    def __exit__(self, *unused: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _watch(self, table: nn.Module, inputs: tuple, looked_up: Tensor) -> None:
        if looked_up.requires_grad:
            looked_up.register_hook(partial(self._add, table.weight))

    def _add(self, weight: nn.Parameter, gradient: Tensor) -> None:
        squares = gradient.square().sum()
        self._squares[weight] = self._squares[weight] + squares if weight in self._squares else squares

    def take(self) -> dict[nn.Parameter, Float[Tensor, ""]]:
        """Sum of squares per watched weight; starts again from nothing."""
        taken, self._squares = self._squares, {}
        return taken


@torch.no_grad()
def clip_gradients(
    parameters: Iterable[nn.Parameter],
    limit: float,
    lookups: dict[nn.Parameter, Float[Tensor, ""]] | None = None,
) -> Float[Tensor, ""]:
    """Scale all gradients by ``limit / max(norm, limit)`` in place; returns the norm before.

    ``lookups`` (from :meth:`LookupGradients.take`) replaces the squares of the weights it holds in the norm; the
    gradients scaled are the summed ones either way.

    Raises:
        ValueError: no parameter has a gradient, or the norm is not finite.
    """
    with_gradient = [parameter for parameter in parameters if parameter.grad is not None]
    if not with_gradient:
        raise ValueError("clip_gradients: no parameter has a gradient; call it after backward")
    lookups = lookups or {}
    squares = [
        lookups[parameter] if parameter in lookups else parameter.grad.square().sum()
        for parameter in with_gradient
    ]
    norm = torch.stack(squares).sum().sqrt()
    if not torch.isfinite(norm):
        raise ValueError(f"clip_gradients: the global gradient norm is {norm.item()}; the loss has diverged")
    scale = limit / norm.clamp(min=limit)
    for parameter in with_gradient:
        parameter.grad.mul_(scale)
    return norm
