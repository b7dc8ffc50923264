"""Batch normalisation over rows of which some are padding."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedBatchNorm(nn.BatchNorm1d):
    """Normalise each channel over all rows, or over the rows where ``mask`` is True (the others become 0).

    A single row has no variance: in training, fewer than two rows are normalised by the running statistics, which
    they leave as they are.
    """

    def forward(
        self, states: Float[Tensor, "*axes width"], mask: Bool[Tensor, "*axes"] | None = None
    ) -> Float[Tensor, "*axes width"]:
        if mask is None:
            return self._rows(states.flatten(0, -2)).view_as(states)
        normed = self._rows(states[mask])
        return normed.new_zeros(states.shape).masked_scatter(mask[..., None], normed)

    def _rows(self, rows: Float[Tensor, "rows width"]) -> Float[Tensor, "rows width"]:
        if self.training and len(rows) < 2:
            return F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(rows)


class MaskedStack(nn.Module):
    """Linear layers with batch normalisation and ReLU between them; padding may be kept out of the statistics."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.norms = nn.ModuleList(MaskedBatchNorm(size) for size in sizes[1:-1])

    def forward(
        self, states: Float[Tensor, "batch rows inputs"], counted: Bool[Tensor, "batch rows"] | None = None
    ) -> Float[Tensor, "batch rows outputs"]:
        """``counted`` marks the rows that enter the statistics; None counts every row, padding too."""
        for linear, norm in zip(self.linears, self.norms, strict=False):
            states = F.relu(norm(linear(states), counted))
        return self.linears[-1](states)
