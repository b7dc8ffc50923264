"""The blocks of a relation graph: stars by hand and by message passing, gates by formula, masked attention."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mner.data.batch import Neighbours, Visual
from mner.models.attention import MultiHeadAttention, TransformerBlock
from mner.models.relational import (
    InterRelation,
    IntraRelation,
    align_regions,
    make_gate,
    masked_mean,
    propagate,
    star_graphs,
    star_sum,
)
from mner.models.system import ContractError

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
    centre, leaves_sum = torch.tensor([[1.0]]), torch.tensor([[0.5 * 4 + 0.25 * 8]])
    one, weights = torch.tensor([1.0]), torch.tensor([0.75])
    assert star_sum(centre, leaves_sum, one, weights, "none").item() == 5.0
    assert star_sum(centre, leaves_sum, one, weights, "row").item() == pytest.approx(5.0 / 1.75)
    nothing = torch.tensor([0.0])
    assert star_sum(centre, torch.tensor([[0.0]]), nothing, nothing, "row").item() == 0.0


@pytest.mark.parametrize("norm", ["none", "row"])
def test_inter_stars_equal_message_passing(norm: str) -> None:
    """Summing before projecting equals projecting every leaf, then passing messages to the text node."""
    relation = InterRelation(TEXT, VISUAL, norm).double()
    neighbours = neighbours_of_three()
    text = torch.randn(3, TEXT, dtype=torch.float64)
    leaves = relation.to_text(masked_mean(neighbours.regions, neighbours.mask))
    weights = neighbours.scores * neighbours.mask.any(-1)
    messages = propagate(star_graphs(text, leaves, weights))
    if norm == "row":
        messages = messages / (1 + weights.sum(-1, keepdim=True))
    torch.testing.assert_close(relation(text, neighbours), F.relu(relation.project(messages)))


@pytest.mark.parametrize("norm", ["none", "row"])
def test_intra_stars_equal_message_passing(norm: str) -> None:
    """One star a region: neighbours' regions of the same index are its leaves, masked ones are no leaves."""
    relation = IntraRelation(VISUAL, norm).double()
    own, neighbours = own_picture(), neighbours_of_three()
    weights = (neighbours.scores[..., None] * neighbours.mask).transpose(1, 2)
    leaves = neighbours.regions.transpose(1, 2)
    graph = star_graphs(own.regions.flatten(0, 1), leaves.flatten(0, 1), weights.flatten(0, 1))
    assert graph["picture", "retrieved_for", "centre"].num_edges == int(neighbours.mask.sum())
    messages = propagate(graph).unflatten(0, (3, REGIONS))
    if norm == "row":
        messages = messages / (1 + weights.sum(-1, keepdim=True))
    expected = F.relu(relation.project(messages))
    torch.testing.assert_close(relation(own, neighbours)[own.mask], expected[own.mask])


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
    with pytest.raises(ContractError, match="gate 'none' is unknown; choose one of sigmoid, none_add"):
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
