"""R-GCN as released: its equations once more by plain loops, its quirks, and its life in the harness."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import SimpleConv
from torch_geometric.utils import dense_to_sparse
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, Neighbours, TextInput, Visual
from mner.data.corpus import LABELS
from mner.models.cards import ContractError
from mner.models.encoders import TextEncoder
from mner.models.system import BuildContext
from mner.systems.rgcn_released import AttentionBlock, Tagger, deal_halves, regroup, star_adjacency
from mner.training.optimisers import BertAdam, by_decay

TEXT, VISUAL, K, REGIONS, HEADS = 8, 4, 2, 3, 2
LENGTH = 2 * REGIONS
OUTSIDE, PERSON, CONTINUES = 0, LABELS.index("B-PER"), len(LABELS)


def encoder() -> TextEncoder:
    config = BertConfig(
        vocab_size=20, hidden_size=TEXT, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
        max_position_embeddings=16, attn_implementation="sdpa",
    )  # fmt: skip
    return TextEncoder(BertModel(config, add_pooling_layer=False))


def tagger(**options) -> Tagger:
    torch.manual_seed(0)
    given = BuildContext(LABELS, encoder, VISUAL)
    model = Tagger(given, **{"regions": REGIONS, "heads": HEADS, **options}).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def batch() -> Batch:
    """``[CLS] one two ##two [SEP]`` and ``[CLS] one [SEP]``; the first sentence's middle word has no piece."""
    generator = torch.Generator().manual_seed(3)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def neighbours() -> Neighbours:
        scores = torch.rand(2, K, generator=generator, dtype=torch.float64)
        return Neighbours(random(2, K, REGIONS, VISUAL), torch.ones(2, K, REGIONS).bool(), scores)

    text = TextInput(
        torch.tensor([[2, 7, 8, 9, 3], [2, 7, 3, 0, 0]]),
        torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool(),
        torch.tensor([[1, -1, 2], [1, -1, -1]]),
    )
    return Batch(
        index=torch.tensor([10, 11]),
        words=(("one", "\u200b", "twotwo"), ("one",)),
        word_mask=torch.tensor([[1, 1, 1], [1, 0, 0]]).bool(),
        tags=torch.tensor([[PERSON, PERSON, OUTSIDE], [PERSON, OUTSIDE, OUTSIDE]]),
        text=text,
        image=Visual(random(2, REGIONS, VISUAL), torch.ones(2, REGIONS).bool()),
        inter=neighbours(),
        intra=neighbours(),
    )


def test_adjacency_overwrites_row_column_and_corner() -> None:
    expected = [[0.75, 0.5, 0.25], [0.5, 1.0, 0.0], [0.25, 0.0, 1.0]]
    assert star_adjacency(torch.tensor([[0.75, 0.5, 0.25]])).tolist() == [expected]
    assert star_adjacency(torch.zeros(1, 2)).tolist() == [[[0.0, 0.0], [0.0, 1.0]]]


def test_adjacency_is_what_messages_follow() -> None:
    """A X by matrix product is message passing along the entries of A."""
    adjacency = star_adjacency(torch.tensor([[0.9, 0.4, 0.3]]))[0]
    nodes = torch.randn(3, 6)
    edges, weights = dense_to_sparse(adjacency.T)
    torch.testing.assert_close(SimpleConv(aggr="sum")(nodes, edges, weights), adjacency @ nodes)


def test_groups_are_consecutive_regions_of_one_neighbour_but_four() -> None:
    """At the released size: which neighbours each of the 49 means mixes (golden/R_GCN.md, Q3)."""
    neighbour = torch.arange(5.0).view(1, 5, 1, 1).expand(1, 5, 49, 1)
    groups = regroup(neighbour)[0, :, :, 0].tolist()
    for first, last, expected in ((0, 8, 0), (10, 18, 1), (20, 28, 2), (30, 38, 3), (40, 48, 4)):
        assert groups[first : last + 1] == [[expected] * 5] * 9
    assert [groups[mixed] for mixed in (9, 19, 29, 39)] == [
        [0, 0, 0, 0, 1],
        [1, 1, 1, 2, 2],
        [2, 2, 3, 3, 3],
        [3, 4, 4, 4, 4],
    ]
    region = torch.arange(49.0).view(1, 1, 49, 1).expand(1, 5, 49, 1)
    assert regroup(region)[0, 10, :, 0].tolist() == [1, 2, 3, 4, 5]


def test_halves_are_dealt_alternately() -> None:
    regions = torch.tensor([[[1.0, 2, 3, 4], [5, 6, 7, 8]]])
    assert deal_halves(regions).tolist() == [[[1, 2], [3, 4], [5, 6], [7, 8]]]


def graph_by_loops(graph: nn.Module, X: Tensor, s: Tensor) -> list[Tensor]:
    """golden/R_GCN.md 3.2 and 3.3 for one sentence: R vectors."""
    rows = []
    for n in range(K):
        for r in range(REGIONS):
            total = torch.zeros(VISUAL, dtype=torch.float64)
            for m in range(K):
                weight = s[max(n, m)] if min(n, m) == 0 else float(n == m)
                total = total + weight * (graph.projection.weight @ X[m, r])
            rows.append((total + graph.shift).clamp(min=0))
    return [sum(rows[K * g : K * g + K]) / K for g in range(REGIONS)]


def block_by_loops(block: AttentionBlock, queries: Tensor, sources: Tensor) -> Tensor:
    """golden/R_GCN.md 3.6 for one sentence."""
    Q, Key, V = (
        (inputs @ linear.weight.T + linear.bias).clamp(min=0)
        for linear, inputs in ((block.query, queries), (block.key, sources), (block.value, sources))
    )
    width = queries.shape[1] // HEADS
    rows = []
    for t, query in enumerate(queries):
        heads = []
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            scores = [
                Q[t, part] @ Key[j, part] / math.sqrt(width)
                if sources[j].sum() != 0
                else torch.tensor(1.0 - 2**32)
                for j in range(len(sources))
            ]
            share = torch.stack([score.double() for score in scores]).softmax(0)
            heads.append(sum(share[j] * V[j, part] for j in range(len(sources))) * float(query.sum() != 0))
        o = torch.cat(heads) + query
        u = block.gain * (o - o.mean()) / (o.var(unbiased=False) + 1e-8).sqrt() + block.shift
        inner = (block.inner.weight @ u + block.inner.bias).clamp(min=0)
        rows.append(block.outer.weight @ inner + block.outer.bias)
    return torch.stack(rows)


@torch.no_grad()
def test_equations_by_plain_loops() -> None:
    model, given = tagger(), batch()
    trace = model(given)
    G, G_I = model.inter_gate.of_states.weight, model.intra_gate.of_states.weight
    for b in range(2):
        Z = graph_by_loops(model.inter, given.inter.regions[b], given.inter.scores[b])
        words = []
        for t in range(LENGTH):
            half = Z[t // 2][t % 2 * VISUAL // 2 :][: VISUAL // 2]
            v, H = model.image_to_text.weight @ half, trace.hidden[b, t]
            words.append(H + torch.sigmoid(G @ H + G @ v) * v)
        Z = graph_by_loops(model.intra, given.intra.regions[b], given.intra.scores[b])
        regions = [
            V + torch.sigmoid(G_I @ V + G_I @ z) * z for V, z in zip(given.image.regions[b], Z, strict=True)
        ]
        words, regions = torch.stack(words), torch.stack(regions)
        T, M = block_by_loops(model.self_text, words, words), block_by_loops(model.self_image, regions, regions)
        emissions = block_by_loops(model.cross, T, M) @ model.output.weight.T + model.output_shift
        torch.testing.assert_close(trace.emissions[b], emissions, rtol=1e-11, atol=1e-13)


@torch.no_grad()
def test_blocks_silence_rows_that_sum_to_zero() -> None:
    block = tagger().cross
    queries, sources = torch.randn(4, TEXT).double(), torch.randn(3, VISUAL).double()
    queries[1], sources[0] = 0, torch.tensor([1.0, -1.0, 2.0, -2.0])
    expected = block_by_loops(block, queries, sources)
    torch.testing.assert_close(block(queries[None], sources[None]).out[0], expected)
    nothing = torch.zeros(1, 3, VISUAL).double()
    assert torch.isfinite(block(queries[None], nothing).out).all()


def test_quirks_make_order_matter() -> None:
    """Unlike in the paper's model, another order of the neighbours or of the regions changes the emissions."""
    model, given = tagger(), batch()
    expected = model(given).emissions
    turned = Neighbours(given.inter.regions.flip(1), given.inter.mask, given.inter.scores.flip(1))
    assert not torch.allclose(model(replace(given, inter=turned)).emissions, expected)
    mirrored = Neighbours(given.inter.regions.flip(2), given.inter.mask, given.inter.scores)
    assert not torch.allclose(model(replace(given, inter=mirrored)).emissions, expected)


def test_batch_padding_and_cached_states_do_not_matter() -> None:
    model, given = tagger(), batch()
    expected = model(given).emissions
    text = given.text
    wide = TextInput(
        torch.cat([text.input_ids, torch.zeros(2, 4, dtype=torch.long)], 1),
        torch.cat([text.attention_mask, torch.zeros(2, 4).bool()], 1),
        text.first_piece,
        states=torch.full((2, 9, TEXT), torch.nan),
    )
    torch.testing.assert_close(model(replace(given, text=wide)).emissions, expected)
    short = replace(given, image=Visual(given.image.regions[:, :2], given.image.mask[:, :2]))
    zeroed = replace(given, image=Visual(given.image.regions, torch.tensor([[True, True, False]] * 2)))
    torch.testing.assert_close(model(short).emissions, model(zeroed).emissions)


def test_padding_learns_because_it_is_attended_to() -> None:
    model = tagger()
    model.loss(batch(), None).backward()
    assert model.encoder.bert.embeddings.word_embeddings.weight.grad[0].abs().max() > 0


def test_pieces_get_their_words_tags_and_words_their_pieces() -> None:
    model, given = tagger(), batch()
    expected = [[OUTSIDE, PERSON, OUTSIDE, CONTINUES, OUTSIDE, OUTSIDE], [OUTSIDE, PERSON, *[OUTSIDE] * 4]]
    assert model.piece_tags(given).tolist() == expected
    with torch.no_grad():
        model.output.weight.zero_()
        model.transitions.zero_()
        model.output_shift.zero_()
        model.output_shift[PERSON] = 5
    assert model.decode(given, None) == [["B-PER", "O", "B-PER"], ["B-PER"]]
    with torch.no_grad():
        model.output_shift[CONTINUES] = 9
    assert model.decode(given, None) == [["O", "O", "O"], ["O"]]


def test_training_lowers_the_loss_and_is_repeatable() -> None:
    def losses() -> list[float]:
        model, given = tagger(), batch()
        optimiser = BertAdam(by_decay(model.named_parameters()), lr=2e-3)
        values = []
        for _ in range(12):
            optimiser.zero_grad()
            loss = model.loss(given, None)
            loss.backward()
            optimiser.step()
            values.append(loss.item())
        return values

    first = losses()
    assert first[-1] < 0.5 * first[0]
    assert losses() == first


def test_what_does_not_fit_is_refused() -> None:
    model, given = tagger(), batch()
    long = TextInput(torch.ones(2, 7).long(), torch.ones(2, 7).bool(), given.text.first_piece)
    with pytest.raises(ContractError):
        model(replace(given, text=long))
    many = Visual(torch.ones(2, 4, VISUAL).double(), torch.ones(2, 4).bool())
    with pytest.raises(ContractError):
        model(replace(given, image=many))
    with pytest.raises(ContractError):
        model(replace(given, image=None))
    with pytest.raises(ContractError):
        model(replace(given, intra=None))
    with pytest.raises(ContractError):
        model.loss(replace(given, tags=None), None)
    with pytest.raises(ContractError):
        Tagger(BuildContext(LABELS, encoder, 5))
    with pytest.raises(ContractError):
        Tagger(BuildContext(LABELS, encoder, None))


def test_absent_pictures_are_zeros_not_errors() -> None:
    given = batch()
    absent = {
        "image": replace(given.image, mask=torch.zeros_like(given.image.mask)),
        "inter": replace(given.inter, mask=torch.zeros_like(given.inter.mask), scores=torch.zeros(2, K).double()),
    }
    assert torch.isfinite(tagger()(replace(given, **absent)).emissions).all()


def test_released_size_has_the_released_number_of_parameters() -> None:
    """golden/R_GCN.md 5: 152,314,222 trainable numbers, the unused pooler included."""
    with torch.device("meta"):
        bert = BertModel(BertConfig(attn_implementation="sdpa"))
        given = BuildContext(LABELS, lambda: TextEncoder(bert), 2048)
        model = Tagger(given)
    assert sum(parameter.numel() for parameter in model.parameters()) == 152_314_222
