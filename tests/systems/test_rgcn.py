"""R-GCN (variant ``paper``): what must not matter to it, what must, and what it can learn."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, Neighbours, TextInput, Visual
from mner.data.corpus import LABELS
from mner.models.attention import STARTS
from mner.models.cards import ContractError
from mner.models.encoders import TextEncoder
from mner.models.relational import GATES, AddGate, SigmoidGate
from mner.models.system import BuildContext, load_system
from mner.systems import rgcn

TEXT, VISUAL, K, REGIONS = 16, 8, 3, 4


def encoder() -> TextEncoder:
    config = BertConfig(
        vocab_size=40, hidden_size=TEXT, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=32, attn_implementation="sdpa",
    )  # fmt: skip
    return TextEncoder(BertModel(config, add_pooling_layer=False))


def build(visual_size: int | None = VISUAL) -> BuildContext:
    return BuildContext(LABELS, encoder, visual_size)


def tagger(seed: int = 0, **options) -> nn.Module:
    """A tagger in evaluation mode whose every weight is random, those that start at zero too."""
    torch.manual_seed(seed)
    model = rgcn.Tagger(build(), heads=2, **options).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def batch(seed: int = 1) -> Batch:
    """Three sentences of 5, 3 and 4 words; the second word of the last one has no piece."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([5, 3, 4])
    word_mask = torch.arange(5) < lengths[:, None]
    first_piece = torch.where(word_mask, torch.arange(5) + 1, -1)
    first_piece[2] = torch.tensor([1, -1, 3, 4, -1])
    pieces = torch.arange(7) < lengths[:, None] + 2
    ids = torch.randint(1, 40, (3, 7), generator=generator) * pieces
    counts = torch.tensor([4, 2, 3])

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def neighbours() -> Neighbours:
        mask = torch.rand(3, K, REGIONS, generator=generator) < 0.7
        scores = torch.rand(3, K, generator=generator, dtype=torch.float64)
        return Neighbours(random(3, K, REGIONS, VISUAL), mask, scores)

    return Batch(
        index=torch.arange(3),
        words=tuple(("w",) * int(length) for length in lengths),
        word_mask=word_mask,
        tags=torch.randint(0, len(LABELS), (3, 5), generator=generator) * word_mask,
        text=TextInput(ids, pieces, first_piece),
        image=Visual(random(3, REGIONS, VISUAL), torch.arange(REGIONS) < counts[:, None]),
        inter=neighbours(),
        intra=neighbours(),
    )


def scores_of(model: nn.Module, given: Batch) -> Tensor:
    with torch.no_grad():
        emissions = model(given)
    return emissions.scores * emissions.mask[..., None]


@pytest.mark.parametrize("gate", GATES)
def test_order_of_neighbours_and_of_regions_does_not_matter(gate: str) -> None:
    model, given = tagger(gate=gate), batch()
    expected = scores_of(model, given)
    order = torch.tensor([2, 0, 1])
    neighbours = {
        name: Neighbours(old.regions[:, order], old.mask[:, order], old.scores[:, order])
        for name, old in (("inter", given.inter), ("intra", given.intra))
    }
    torch.testing.assert_close(scores_of(model, replace(given, **neighbours)), expected)
    order = torch.tensor([3, 1, 0, 2])
    image = Visual(given.image.regions[:, order], given.image.mask[:, order])
    neighbours = {
        name: Neighbours(old.regions[:, :, order], old.mask[:, :, order], old.scores)
        for name, old in (("inter", given.inter), ("intra", given.intra))
    }
    torch.testing.assert_close(scores_of(model, replace(given, image=image, **neighbours)), expected)


def test_what_is_masked_does_not_matter() -> None:
    model, given = tagger(), batch()
    expected = scores_of(model, given)

    def spoil(visual):
        return replace(visual, regions=visual.regions.masked_fill(~visual.mask[..., None], 1e3))

    spoiled = replace(given, image=spoil(given.image), inter=spoil(given.inter), intra=spoil(given.intra))
    torch.testing.assert_close(scores_of(model, spoiled), expected)


def test_a_sentence_does_not_see_its_batch() -> None:
    model, given = tagger(), batch()
    text = given.text
    alone = Batch(
        index=given.index[1:2],
        words=given.words[1:2],
        word_mask=given.word_mask[1:2, :3],
        tags=None,
        text=TextInput(text.input_ids[1:2, :5], text.attention_mask[1:2, :5], text.first_piece[1:2, :3]),
        image=Visual(given.image.regions[1:2, :2], given.image.mask[1:2, :2]),
        inter=_sentence(given.inter, 1),
        intra=_sentence(given.intra, 1),
    )
    torch.testing.assert_close(scores_of(model, alone), scores_of(model, given)[1:2, :3])


def _sentence(neighbours: Neighbours, row: int) -> Neighbours:
    rows = slice(row, row + 1)
    return Neighbours(neighbours.regions[rows], neighbours.mask[rows], neighbours.scores[rows])


@pytest.mark.parametrize("gate", GATES)
def test_without_its_picture_a_sentence_is_text(gate: str) -> None:
    """No NaN, no trace of any picture, and the other sentences are not disturbed."""
    model, given = tagger(gate=gate), batch()
    absent = given.image.mask.clone()
    absent[1] = False
    one = replace(given, image=replace(given.image, mask=absent))
    other = replace(batch(seed=9), text=given.text, word_mask=given.word_mask)
    two = replace(other, image=replace(other.image, mask=torch.zeros_like(absent)))
    assert torch.isfinite(scores_of(model, one)).all()
    torch.testing.assert_close(scores_of(model, one)[1], scores_of(model, two)[1])
    torch.testing.assert_close(scores_of(model, one)[0], scores_of(model, given)[0])
    assert not torch.allclose(scores_of(model, one)[1], scores_of(model, given)[1])
    model(one).scores.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("relation", ["inter", "intra"])
def test_a_relation_switched_off_leaves_no_parameters_and_reads_no_neighbours(relation: str) -> None:
    model, given = tagger(**{relation: False}), batch()
    assert not [name for name, _ in model.named_parameters() if name.startswith(relation)]
    expected = scores_of(model, given)
    assert torch.equal(scores_of(model, replace(given, **{relation: None})), expected)
    with pytest.raises(ContractError):
        tagger()(replace(given, **{relation: None}))


@pytest.mark.parametrize("name", ["image", "inter", "intra"])
def test_every_picture_matters_where_it_is_present(name: str) -> None:
    model, given, other = tagger(), batch(), batch(seed=5)
    changed = replace(getattr(given, name), regions=getattr(other, name).regions)
    assert not torch.allclose(scores_of(model, replace(given, **{name: changed})), scores_of(model, given))


def test_options_change_the_numbers_and_bad_ones_are_refused() -> None:
    given = batch()
    plain = scores_of(tagger(), given)
    for options in (
        {"norm": "none"},
        {"text_node": "mean"},
        {"gate_tie": True},
        {"gate": "none_add"},
        {"head": "fused"},
    ):
        assert not torch.allclose(scores_of(tagger(**options), given), plain), options
    with pytest.raises(ContractError):
        tagger(text_node="first")
    halves = tagger(gate={"text": "sigmoid", "image": "none_add"})
    assert (type(halves.inter_gate), type(halves.intra_gate)) == (SigmoidGate, AddGate)
    with pytest.raises(ContractError):
        tagger(gate={"text": "sigmoid"})
    with pytest.raises(ContractError):
        tagger(head="words")
    with pytest.raises(ContractError):
        tagger(start="zero")
    with pytest.raises(ContractError):
        tagger(norm="column")
    with pytest.raises(ContractError):
        rgcn.Tagger(build(), heads=3)
    with pytest.raises(ContractError):
        rgcn.Tagger(build(None))


@pytest.mark.parametrize("start", STARTS)
def test_a_fresh_model_reads_pictures_from_its_first_update_only_where_it_starts_so(start: str) -> None:
    torch.manual_seed(0)
    model = rgcn.Tagger(build(), heads=2, start=start, dropout=0.0).double()
    given, other = batch(), batch(seed=5)
    model(given).scores.square().sum().backward()
    reached = any(parameter.grad is not None and parameter.grad.any() for parameter in model.intra.parameters())
    assert reached == (start == "glorot")
    model.eval()
    changed = replace(given, image=replace(given.image, regions=other.image.regions))
    same = torch.allclose(scores_of(model, changed), scores_of(model, given))
    assert same == (start == "identity")


@pytest.mark.parametrize("needed", [True, False])
def test_the_text_star_does_without_the_own_picture_where_it_is_told_to(needed: bool) -> None:
    model, given, other = tagger(inter_needs_picture=needed), batch(), batch(seed=5)
    alone = replace(given, image=replace(given.image, mask=torch.zeros_like(given.image.mask)))
    changed = replace(alone, inter=replace(alone.inter, regions=other.inter.regions))
    assert torch.allclose(scores_of(model, changed), scores_of(model, alone)) == needed
    changed = replace(alone, intra=replace(alone.intra, regions=other.intra.regions))
    torch.testing.assert_close(scores_of(model, changed), scores_of(model, alone))


def test_a_tag_that_only_the_picture_tells_is_learned() -> None:
    """Planted truth: same words, the sign of the regions decides between two tags."""
    torch.manual_seed(0)
    given = batch()
    sign = torch.tensor([1.0, -1.0, 1.0])
    image = Visual(sign[:, None, None].expand(3, REGIONS, VISUAL).contiguous(), torch.ones(3, REGIONS).bool())
    absent = Neighbours(torch.zeros(3, K, REGIONS, VISUAL), torch.zeros(3, K, REGIONS).bool(), torch.zeros(3, K))
    text = TextInput(given.text.input_ids[:1].expand(3, -1), given.text.attention_mask[:1].expand(3, -1),
                     given.text.first_piece[:1].expand(3, -1))  # fmt: skip
    given = replace(given, text=text, word_mask=given.word_mask[:1].expand(3, -1), image=image, inter=absent)
    given = replace(given, intra=absent)
    tags = torch.where(sign > 0, 1, 3)[:, None].expand(3, 5)
    model = rgcn.Tagger(build(), heads=2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(20):
        optimiser.zero_grad()
        F.cross_entropy(model(given).scores.flatten(0, 1), tags.flatten()).backward()
        optimiser.step()
    assert torch.equal(model.eval()(given).scores.argmax(-1), tags)


def test_both_variants_satisfy_the_contract() -> None:
    for file, decoder in (("mner/systems/rgcn.py", "crf"), ("mner/systems/rgcn_released.py", "own")):
        module = load_system(file)
        assert module.CARD.needs == ("regions", "relations")
        assert module.CARD.decoder == decoder
        assert set(module.CARD.variants) == {"paper", "released"}


def test_message_passing_gives_the_same_emissions_and_gradients() -> None:
    found = []
    for aggregate in ("dense", "message_passing"):
        model, one = tagger(aggregate=aggregate), batch()
        scores = model(one).scores[one.word_mask]
        gradients = torch.autograd.grad(scores.square().sum(), list(model.parameters()), allow_unused=True)
        found.append([scores.detach(), *(gradient for gradient in gradients if gradient is not None)])
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=1e-10)
