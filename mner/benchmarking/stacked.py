"""Seeds as a leading axis of every parameter, trained by one vectorised step (torch.func).

Only for ``bert`` (a softmax over words): a chain's decoder decides on values, which vectorising forbids. Sums run
in another order than for a seed alone and dropout draws from one stream, so results are not those of separate
runs; this file exists to know what that would buy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from mner.config.training_recipe import Recipe
from mner.data.batch import Batch, TextInput
from mner.training.model import Model
from mner.training.precision import autocast

IGNORED = -100


class StackedSeeds:
    """Several models of one architecture as one set of stacked parameters with one optimiser."""

    def __init__(self, models: Sequence[Model], recipe: Recipe, device: torch.device) -> None:
        self.model, self.recipe, self.device = models[0].train(), recipe, device
        parameters, self.buffers = stack_module_state([model.tagger for model in models])
        self.parameters = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        self.optimiser = torch.optim.AdamW(self.parameters.values(), lr=recipe.encoder_learning_rate, fused=True)
        self._gradients = vmap(grad(self._loss), in_dims=(0, 0, 0), randomness="different")

    def train(self, batches: Sequence[Batch]) -> None:
        """One update of every seed on a batch of its own."""
        with autocast(self.recipe, self.device):
            found = self._gradients(self.parameters, self.buffers, _stacked(batches))
        norms = torch.stack([value.flatten(1).norm(dim=1) for value in found.values()]).norm(dim=0)
        factor = (self.recipe.clip / (norms + 1e-6)).clamp(max=1.0)
        for name, parameter in self.parameters.items():
            parameter.grad = found[name] * factor.view(-1, *[1] * (parameter.ndim - 1))
        self.optimiser.step()

    def _loss(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
        text = TextInput(batch["input_ids"], batch["attention_mask"], batch["first_piece"])
        words = Batch(batch["input_ids"][:, 0], (), batch["word_mask"], None, text)
        emissions = functional_call(self.model.tagger, (parameters, buffers), (words,))
        gold = torch.where(batch["word_mask"], batch["tags"], IGNORED)
        return F.cross_entropy(emissions.scores.float().flatten(0, 1), gold.flatten(), ignore_index=IGNORED)


def _stacked(batches: Sequence[Batch]) -> dict[str, Tensor]:
    """Batches of all seeds on one leading axis, padded to the longest and to the largest of them."""
    rows = max(len(batch.word_mask) for batch in batches)
    words = max(batch.word_mask.shape[1] for batch in batches)
    pieces = max(batch.text.input_ids.shape[1] for batch in batches)

    def stack(tensors: Sequence[Tensor], width: int, value: int) -> Tensor:
        return torch.stack(
            [F.pad(one, (0, width - one.shape[1], 0, rows - one.shape[0]), value=value) for one in tensors]
        )

    batches = [replace(batch) for batch in batches]
    mask = stack([batch.text.attention_mask for batch in batches], pieces, 0)
    return {
        "input_ids": stack([batch.text.input_ids for batch in batches], pieces, 0),
        # A row without any piece would attend to nothing at all.
        "attention_mask": mask | ~mask.any(-1, keepdim=True),
        "first_piece": stack([batch.text.first_piece for batch in batches], words, -1),
        "word_mask": stack([batch.word_mask for batch in batches], words, 0),
        "tags": stack([batch.tags for batch in batches], words, 0),
    }
