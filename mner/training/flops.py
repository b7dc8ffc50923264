"""How much arithmetic training takes, and how much of the hardware's best it gets (MFU)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from mner.config.training_recipe import Recipe
from mner.models.model import Model
from mner.training.batching import SplitData, training_order
from mner.training.determinism import autocast, precision_of

CEILING_SIZE = {"cpu": 2048, "cuda": 8192}
CEILING_SECONDS = 0.3
SAMPLED_BATCHES = 4


def _attention(query: Any, key: Any, value: Any, *rest: Any, **named: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _attention_backward(gradient: Any, query: Any, key: Any, value: Any, *rest: Any, **named: Any) -> int:
    return sdpa_backward_flop_count(gradient, query, key, value)


# torch's own counter knows the kernels of GPUs only.
CPU_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}


@dataclass(frozen=True, slots=True)
class Work:
    """Floating-point operations of matrix products per training sentence, and the hardware's rate of them.

    ``ceiling`` is measured: the best rate of one large square product in the precision of the run, in operations
    per second, with the threads the run has. A busy machine measures a lower one.
    """

    per_sentence: float
    ceiling: float

    def share(self, sentences_per_second: float) -> float:
        """Model FLOP utilisation: the part of the ceiling that this rate of training uses, from 0 to about 1."""
        return sentences_per_second * self.per_sentence / self.ceiling

    def beside(self, measured: Mapping[str, Any]) -> dict[str, Any]:
        """A record's ``throughput`` with this work and the share of the ceiling it reached.

        A share above 1 is a measurement error, as where the machine was busy while the ceiling was measured: then
        ceiling and share are left out.
        """
        share = self.share(measured["train_sentences_per_second"])
        counted = {**measured, "train_flops_per_sentence": self.per_sentence}
        return counted if share > 1 else {**counted, "matrix_flops_per_second": self.ceiling, "mfu": share}


class WorkOfCell:
    """Counts the work of a cell's model when its first run has ended: it is the same for all its seeds."""

    def __init__(self) -> None:
        self._counted: tuple[float | None] | None = None

    def measure(self, model: Model, split: SplitData, recipe: Recipe, device: torch.device) -> Work | None:
        """The work of a training sentence, and the ceiling as it is now; None where the model cannot be counted.

        Call it when nothing of the run is measured any more: the first time costs about four updates.
        """
        if self._counted is None:
            self._counted = (flops_per_sentence(model, split, recipe, device),)
        (per_sentence,) = self._counted
        if per_sentence is None:
            return None
        dtype = torch.bfloat16 if precision_of(recipe, device) == "bfloat16" else torch.float32
        return Work(per_sentence, matrix_ceiling(device, dtype))


def flops_per_sentence(model: Model, split: SplitData, recipe: Recipe, device: torch.device) -> float | None:
    """Operations of a training sentence, from a few batches of a split; None where the model cannot be counted."""
    table = split.text if split.cross is None else split.cross
    order = training_order(table.lengths(), recipe.batch_size, np.random.default_rng(0))
    few = [split.batch(rows).to(device) for rows in order[:: max(1, len(order) // SAMPLED_BATCHES)]]
    flops = training_flops(model, few, autocast(recipe, device))
    return None if flops is None else flops / sum(len(batch.words) for batch in few)


def training_flops(model: nn.Module, batches: Sequence[Any], precision: torch.autocast) -> float | None:
    """Operations of ``model.loss`` and its gradient, summed over batches; dropout off, weights untouched.

    Counted are matrix products and attention, as MFU has it; padding counts, as the hardware multiplies it, and
    elementwise work does not. None for recurrent models: fused recurrent kernels hide their products.
    """
    if any(isinstance(module, nn.RNNBase) for module in model.modules()):
        return None
    was_training = model.training
    model.eval()
    with FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION) as counter:
        for batch in batches:
            with precision:
                loss = cast(Model, model).loss(batch)
            loss.backward()
    model.zero_grad(set_to_none=True)
    model.train(was_training)
    return float(counter.get_total_flops())


def matrix_ceiling(
    device: torch.device, dtype: torch.dtype, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Operations per second of one large square matrix product, the best of those that fit 0.3 seconds."""
    size = CEILING_SIZE[device.type]
    numbers = torch.Generator(device).manual_seed(0)  # nobody else's random stream may notice
    left, right = (torch.rand(size, size, device=device, generator=numbers).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    torch.mm(left, right, out=out)
    best, ends = float("inf"), clock() + CEILING_SECONDS
    while best == float("inf") or clock() < ends:
        _wait(device)
        started = clock()
        torch.mm(left, right, out=out)
        _wait(device)
        best = min(best, clock() - started)
    return 2 * size**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
