"""Relational graph layers over retrieved pictures, and the gates that take up what they bring.

Every form maps ``(states, update)``, both ``[..., width]``, to new states of the same shape. What replaces the
gate in the paper's row "w/o Gate" is not known; the three candidates are kept apart by name.

The centre is the text or the own picture, the leaves are the k retrieved pictures, an edge weighs what retrieval
scored it, the self-loop weighs 1 (R-GCN's figure and slides). Option ``aggregate`` names one of two ways to sum.
``message_passing`` builds the stars as one PyTorch Geometric graph and passes messages along its edges. ``dense``
sums the padded neighbours at once, before they are projected, which a linear map allows. Both give the same
numbers, apart from rounding. ``dense`` is the default, because the kept results were made with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mner.data.batch import Neighbours, Visual
from mner.models.cards import ContractError
from mner.models.system import one_of

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


if TYPE_CHECKING:  # its import takes seconds, and training does not need it
    from torch_geometric.data import HeteroData

NORMS = ("none", "row")
AGGREGATES = ("dense", "message_passing")
EDGE = ("picture", "retrieved_for", "centre")


def masked_mean(
    vectors: Float[Tensor, "*axes length width"], mask: Bool[Tensor, "*axes length"]
) -> Float[Tensor, "*axes width"]:
    """Mean over the true positions; zero where there is none."""
    weights = mask.to(vectors.dtype)
    total = torch.einsum("...lw,...l->...w", vectors, weights)
    return total / weights.sum(-1, keepdim=True).clamp(min=1)


def align_regions(neighbours: Neighbours, regions: int) -> Neighbours:
    """Cut or pad (with absent positions) the neighbours' regions to the own picture's region axis."""
    surplus = neighbours.regions.shape[2] - regions
    if surplus == 0:
        return neighbours
    return replace(
        neighbours,
        regions=F.pad(neighbours.regions, (0, 0, 0, -surplus)),
        mask=F.pad(neighbours.mask, (0, -surplus)),
    )


def without(neighbours: Neighbours, present: Bool[Tensor, " batch"]) -> Neighbours:
    """The same neighbours, taken away from sentences where ``present`` is False."""
    return replace(
        neighbours,
        mask=neighbours.mask & present[:, None, None],
        scores=neighbours.scores * present[:, None].to(neighbours.scores.dtype),
    )


def normalised(
    total: Float[Tensor, "*stars width"], weight: Float[Tensor, "*stars"], norm: str
) -> Float[Tensor, "*stars width"]:
    """Sums over stars, for ``norm="row"`` divided by the sum of each star's weights where there is any."""
    return total if norm == "none" else total / torch.where(weight > 0, weight, 1)[..., None]


class InterRelation(nn.Module):
    """Text-centred star: ``Z = ReLU((t + sum_j a_j u_j) / c W_S + b)``, ``u_j = mean_p(X_j,p) W_v``.

    A neighbour without any region is no leaf. Source: R-GCN, figure 2 and slides (inter-modal relation graph).
    """

    def __init__(self, text_size: int, visual_size: int, norm: str, aggregate: str = "dense") -> None:
        super().__init__()
        self.norm, self.aggregate = one_of("norm", norm, NORMS), one_of("aggregate", aggregate, AGGREGATES)
        self.to_text = nn.Linear(visual_size, text_size, bias=False)
        self.project = nn.Linear(text_size, text_size)
        nn.init.xavier_uniform_(self.to_text.weight)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(
        self, text_node: Float[Tensor, "batch text_size"], neighbours: Neighbours
    ) -> Float[Tensor, "batch text_size"]:
        weights = neighbours.scores * neighbours.mask.any(-1).to(neighbours.scores.dtype)
        pictures = masked_mean(neighbours.regions, neighbours.mask)
        present = torch.ones_like(weights.sum(-1))  # of the weights' precision, which mixed precision keeps
        centres = text_node * present[..., None]
        if self.aggregate == "message_passing":
            total = propagate(star_graphs(centres, self.to_text(pictures), weights))
        else:
            total = centres + self.to_text(torch.einsum("bk,bkv->bv", weights, pictures))
        return F.relu(self.project(normalised(total, present + weights.sum(-1), self.norm)))


class IntraRelation(nn.Module):
    """Picture-centred stars, region by region: ``Z_p = ReLU((X_own,p + sum_j a_j X_j,p) / c_p W_I + b)``.

    Regions are aligned by their index; a masked region, the centre's too, counts as absent. Source: R-GCN,
    figure 2 and slides (intra-modal relation graph).
    """

    def __init__(self, visual_size: int, norm: str, aggregate: str = "dense") -> None:
        super().__init__()
        self.norm, self.aggregate = one_of("norm", norm, NORMS), one_of("aggregate", aggregate, AGGREGATES)
        self.project = nn.Linear(visual_size, visual_size)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, own: Visual, neighbours: Neighbours) -> Float[Tensor, "batch regions visual_size"]:
        neighbours = align_regions(neighbours, own.regions.shape[1])
        weights = neighbours.scores[..., None] * neighbours.mask.to(neighbours.scores.dtype)
        present = own.mask.to(own.regions.dtype)
        centres = own.regions * present[..., None]
        if self.aggregate == "message_passing":
            leaves, edges = neighbours.regions.transpose(1, 2), weights.transpose(1, 2)
            graph = star_graphs(centres.flatten(0, 1), leaves.flatten(0, 1), edges.flatten(0, 1))
            total = propagate(graph).unflatten(0, own.mask.shape)
        else:
            total = centres + torch.einsum("bkr,bkrv->brv", weights, neighbours.regions)
        return F.relu(self.project(normalised(total, present + weights.sum(1), self.norm)))


def star_graphs(
    centres: Float[Tensor, "stars width"],
    leaves: Float[Tensor, "stars k leaf_width"],
    weights: Float[Tensor, "stars k"],
) -> HeteroData:
    """The same stars as one PyTorch Geometric graph: ``picture`` nodes with weighted edges into ``centre`` nodes.

    A leaf of weight 0 is a node without an edge. The self-loop of weight 1 is left to :func:`propagate`.
    """
    from torch_geometric.data import HeteroData

    graph = HeteroData()
    graph["centre"].x = centres
    graph["picture"].x = leaves.flatten(0, 1)
    star, leaf = weights.nonzero(as_tuple=True)
    graph[EDGE].edge_index = torch.stack([star * weights.shape[1] + leaf, star])
    graph[EDGE].edge_weight = weights[star, leaf]
    return graph


def propagate(graph: HeteroData) -> Float[Tensor, "stars width"]:
    """Message passing over :func:`star_graphs`: each centre plus the weighted sum of its leaves."""
    from torch_geometric.nn import SimpleConv

    convolution = SimpleConv(aggr="sum", combine_root="sum")
    nodes = (graph["picture"].x, graph["centre"].x)
    return convolution(nodes, graph[EDGE].edge_index, graph[EDGE].edge_weight)
