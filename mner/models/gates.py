"""How a state takes up what a relation graph brings: the gate of R-GCN and the ways to do without it.

Every form maps ``(states, update)``, both ``[..., width]``, to new states of the same shape. What replaces the
gate in the paper's row "w/o Gate" is not known; the three candidates are kept apart by name.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mner.models.system import ContractError

GATES = ("sigmoid", "none_add", "none_replace", "none_concat")


class SigmoidGate(nn.Module):
    """``H + g * Z`` with ``g = sigmoid(H A + Z B)``, no bias; ``tied`` makes A and B one matrix.

    Source: R-GCN's figure; the tied form is the released code's (golden/R_GCN.md 3.4, 3.5 and quirk Q5).
    """

    def __init__(self, width: int, tied: bool) -> None:
        super().__init__()
        self.of_states = nn.Linear(width, width, bias=False)
        nn.init.xavier_uniform_(self.of_states.weight)
        self.of_update = None
        if not tied:
            self.of_update = nn.Linear(width, width, bias=False)
            nn.init.xavier_uniform_(self.of_update.weight)

    def value(
        self, states: Float[Tensor, "*axes width"], update: Float[Tensor, "*axes width"]
    ) -> Float[Tensor, "*axes width"]:
        """The gate itself, in (0, 1)."""
        if self.of_update is None:
            return torch.sigmoid(self.of_states(states + update))
        return torch.sigmoid(self.of_states(states) + self.of_update(update))

    def forward(
        self, states: Float[Tensor, "*axes width"], update: Float[Tensor, "*axes width"]
    ) -> Float[Tensor, "*axes width"]:
        return states + self.value(states, update) * update


class AddGate(nn.Module):
    """``H + Z``: the gate fixed to one, the smallest edit to the gated form."""

    def forward(
        self, states: Float[Tensor, "*axes width"], update: Float[Tensor, "*axes width"]
    ) -> Float[Tensor, "*axes width"]:
        return states + update


class ReplaceGate(nn.Module):
    """``Z``: the update takes the state's place."""

    def forward(
        self, states: Float[Tensor, "*axes width"], update: Float[Tensor, "*axes width"]
    ) -> Float[Tensor, "*axes width"]:
        return update


class ConcatGate(nn.Module):
    """``W [H; Z]``; W starts as (identity, Glorot), so that pretrained states are not scrambled."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, width)
        nn.init.xavier_uniform_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)
        with torch.no_grad():
            self.mix.weight[:, :width] = torch.eye(width)

    def forward(
        self, states: Float[Tensor, "*axes width"], update: Float[Tensor, "*axes width"]
    ) -> Float[Tensor, "*axes width"]:
        return self.mix(torch.cat([states, update], dim=-1))


def make_gate(form: str, width: int, tied: bool) -> nn.Module:
    """Build the form that ``gate:`` names in params.yaml; ``tied`` concerns ``sigmoid`` alone.

    Raises:
        ContractError: the name is not one of ``GATES``.
    """
    if form == "sigmoid":
        return SigmoidGate(width, tied)
    if form == "none_add":
        return AddGate()
    if form == "none_replace":
        return ReplaceGate()
    if form == "none_concat":
        return ConcatGate(width)
    raise ContractError(f"gate {form!r} is unknown; choose one of {', '.join(GATES)}")
