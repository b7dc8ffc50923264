"""The blocks of a relation graph: stars by hand and by message passing, gates by formula, masked attention."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mner.data.batch import Neighbours, Visual
from mner.models.attention import MultiHeadAttention, TransformerBlock
from mner.models.cards import ContractError
from mner.models.relational import (
    EDGE,
    InterRelation,
    IntraRelation,
    align_regions,
    make_gate,
    normalised,
    propagate,
    star_graphs,
)

TEXT, VISUAL, K, REGIONS = 16, 8, 3, 4


def own_picture() -> Visual:
    counts = torch.tensor([4, 2, 3])
    regions = torch.randn(3, REGIONS, VISUAL, dtype=torch.float64)
    return Visual(regions, torch.arange(REGIONS) < counts[:, None])


def neighbours_of_three() -> Neighbours:
    """Three sentences' neighbours; the second neighbour of each has no region at all."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(3, K, REGIONS, generator=generator) < 0.7
    mask[:, 1] = False
    scores = torch.rand(3, K, generator=generator, dtype=torch.float64)
    return Neighbours(torch.randn(3, K, REGIONS, VISUAL, dtype=torch.float64), mask, scores)


def test_a_star_of_numbers_by_hand() -> None:
    centre, leaves = torch.tensor([[1.0]]), torch.tensor([[[4.0], [8.0], [99.0]]])
    weights = torch.tensor([[0.5, 0.25, 0.0]])
    total = propagate(star_graphs(centre, leaves, weights))
    assert total.item() == 5.0
    assert normalised(total, 1 + weights.sum(-1), "none").item() == 5.0
    assert normalised(total, 1 + weights.sum(-1), "row").item() == pytest.approx(5.0 / 1.75)
    nothing = torch.zeros(1)
    assert normalised(nothing[None], nothing, "row").item() == 0.0


def _both_ways(dense: nn.Module, passing: nn.Module, inputs: list[torch.Tensor], call: Callable) -> None:
    """Outputs and all gradients, of parameters and of inputs, are the same by either ``aggregate``."""
    passing.load_state_dict(dense.state_dict())
    found = []
    for module in (dense, passing):
        leaves = [value.clone().requires_grad_() for value in inputs]
        out = call(module, *leaves)
        weight = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).reshape(out.shape)
        gradients = torch.autograd.grad((out * weight).sum(), [*module.parameters(), *leaves])
        found.append([out.detach(), *gradients])
    assert any(value.any() for value in found[0])
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("norm", ["none", "row"])
def test_inter_stars_are_the_same_by_message_passing(norm: str) -> None:
    neighbours, text = neighbours_of_three(), torch.randn(3, TEXT, dtype=torch.float64)
    dense = InterRelation(TEXT, VISUAL, norm).double()
    passing = InterRelation(TEXT, VISUAL, norm, "message_passing").double()

    def call(module: nn.Module, centre: torch.Tensor, regions: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return module(centre, Neighbours(regions, neighbours.mask, scores))

    _both_ways(dense, passing, [text, neighbours.regions, neighbours.scores], call)


@pytest.mark.parametrize("norm", ["none", "row"])
def test_intra_stars_are_the_same_by_message_passing(norm: str) -> None:
    """One star a region: neighbours' regions of the same index are its leaves, masked ones are no leaves."""
    own, neighbours = own_picture(), neighbours_of_three()
    dense, passing = IntraRelation(VISUAL, norm).double(), IntraRelation(VISUAL, norm, "message_passing").double()

    def call(module: nn.Module, centre: torch.Tensor, regions: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return module(Visual(centre, own.mask), Neighbours(regions, neighbours.mask, scores))

    _both_ways(dense, passing, [own.regions, neighbours.regions, neighbours.scores], call)


def test_a_leaf_without_weight_has_no_edge() -> None:
    neighbours = neighbours_of_three()
    weights = neighbours.scores * neighbours.mask.any(-1)
    graph = star_graphs(torch.zeros(3, VISUAL), torch.zeros(3, K, VISUAL), weights.float())
    assert graph[EDGE].num_edges == int(neighbours.mask.any(-1).sum()) == 6


def test_neighbours_with_other_region_counts_are_aligned() -> None:
    neighbours = neighbours_of_three()
    assert align_regions(neighbours, REGIONS) is neighbours
    wider = align_regions(neighbours, REGIONS + 2)
    assert wider.regions.shape == (3, K, REGIONS + 2, VISUAL)
    assert not wider.mask[..., REGIONS:].any()
    assert torch.equal(align_regions(wider, REGIONS).regions, neighbours.regions)


def test_gate_forms_by_their_formulas() -> None:
    states, update = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    untied, tied = make_gate("sigmoid", 4, tied=False), make_gate("sigmoid", 4, tied=True)
    A, B = untied.of_states.weight.T, untied.of_update.weight.T
    torch.testing.assert_close(untied(states, update), states + torch.sigmoid(states @ A + update @ B) * update)
    G = tied.of_states.weight.T
    torch.testing.assert_close(tied(states, update), states + torch.sigmoid(states @ G + update @ G) * update)
    assert [sum(p.numel() for p in gate.parameters()) for gate in (untied, tied)] == [32, 16]
    assert torch.equal(make_gate("none_add", 4, False)(states, update), states + update)
    assert torch.equal(make_gate("none_replace", 4, False)(states, update), update)
    concat = make_gate("none_concat", 4, False)
    torch.testing.assert_close(concat(states, torch.zeros_like(update)), states)
    with pytest.raises(ContractError):
        make_gate("none", 4, False)


def test_attention_over_nothing_is_zero_and_has_a_gradient() -> None:
    attention = MultiHeadAttention(TEXT, VISUAL, heads=2)
    nn.init.normal_(attention.output.weight)
    nn.init.normal_(attention.output.bias)
    queries = torch.randn(2, 3, TEXT, requires_grad=True)
    keys = torch.randn(2, 5, VISUAL)
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, :2] = True
    out = attention(queries, keys, mask)
    assert torch.equal(out[1], torch.zeros(3, TEXT))
    torch.testing.assert_close(out[:1], attention(queries[:1], keys[:1, :2], mask[:1, :2]))
    out.sum().backward()
    assert torch.isfinite(queries.grad).all()


def test_new_blocks_start_as_the_identity() -> None:
    queries, keys = torch.randn(2, 3, TEXT), torch.randn(2, 5, VISUAL)
    block = TransformerBlock(TEXT, VISUAL, heads=2)
    assert torch.equal(block(queries, keys, torch.ones(2, 5, dtype=torch.bool)), queries)
