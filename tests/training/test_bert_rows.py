"""BERT, UMT, UMGF and RpBERT as rows of the harness: pictures that count, pictures that are absent, training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from support.messages import names
from torch import Tensor
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, TextInput, Visual
from mner.data.corpus import LABELS
from mner.models.cards import ContractError
from mner.models.encoders import TextEncoder
from mner.models.model import Model, make_model
from mner.models.system import BuildContext, load_system
from mner.training.optimisers import NO_DECAY

TEXT, VISUAL, REGIONS = 16, 8, 4
ROWS: dict[str, dict[str, Any]] = {
    "bert": {"dropout": 0.1},
    "umt": {"variant": "released", "layers": [1, 1, 1], "span_weight": 0.5, "dropout": 0.1},
    "umgf": {
        "variant": "released",
        "layers": 2,
        "heads": 2,
        "width": 12,
        "inner": 6,
        "objects": 3,
        "dropout": 0.1,
    },
    "rpbert": {"placement": "projection", "positions": "packed", "words": None, "hidden": 12, "layers": 1},
}
MULTIMODAL = [row for row in ROWS if row != "bert"]


def encoder(frozen_layers: int = 0) -> TextEncoder:
    config = BertConfig(
        vocab_size=40, hidden_size=TEXT, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=32, attn_implementation="sdpa", initializer_range=0.2,
    )  # fmt: skip
    return TextEncoder(BertModel(config, add_pooling_layer=False), frozen_layers)


def built(
    row: str, *, seed: int = 0, frozen_layers: int = 0, visual: int | None = VISUAL, **options: Any
) -> Model:
    torch.manual_seed(seed)
    words = dict.fromkeys(("train", "dev", "test"), (("w",),))
    build = BuildContext(LABELS, lambda: encoder(frozen_layers), visual, words)
    return make_model(load_system(f"baselines/{row}.py"), build, {**ROWS[row], **options})


def stirred(row: str, **options: Any) -> Model:
    """In float64 and evaluation mode, every weight random, those that start at zero too."""
    model = built(row, **options).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def batch() -> Batch:
    """Three sentences of 5, 3 and 4 words, the third without picture; its second word has no piece."""
    generator = torch.Generator().manual_seed(1)
    lengths, counts = torch.tensor([5, 3, 4]), torch.tensor([4, 2, 0])
    word_mask = torch.arange(5) < lengths[:, None]
    first_piece = torch.where(word_mask, torch.arange(5) + 1, -1)
    first_piece[2] = torch.tensor([1, -1, 3, 4, -1])
    pieces = torch.arange(8) < lengths[:, None] + 2
    ids = torch.randint(1, 40, (3, 8), generator=generator) * pieces
    regions = torch.randn(3, REGIONS, VISUAL, generator=generator, dtype=torch.float64)
    return Batch(
        index=torch.arange(3),
        words=tuple(("w",) * int(length) for length in lengths),
        word_mask=word_mask,
        tags=torch.randint(0, len(LABELS), (3, 5), generator=generator) * word_mask,
        text=TextInput(ids, pieces, first_piece),
        image=Visual(regions, torch.arange(REGIONS) < counts[:, None]),
    )


def single_precision(given: Batch) -> Batch:
    return replace(given, image=Visual(given.image.regions.float(), given.image.mask))


def scores_of(model: Model, given: Batch) -> Tensor:
    with torch.no_grad():
        emissions = model.tagger(given)
    return emissions.scores * emissions.mask[..., None]


@pytest.mark.parametrize("row", ROWS)
def test_card_tells_recipe_and_doubts(row: str) -> None:
    card = load_system(f"baselines/{row}.py").CARD
    assert card.name == row.replace("_", "-")
    assert all((card.cite, card.published, card.caveats))
    assert card.needs == (() if row == "bert" else ("regions",))
    assert card.decoder == ("softmax" if row == "bert" else "crf")


@pytest.mark.parametrize("row", MULTIMODAL)
def test_a_picture_counts_for_its_own_sentence_alone(row: str) -> None:
    model, given = stirred(row), batch()
    expected = scores_of(model, given)
    regions = given.image.regions.clone()
    regions[0] += 1.0
    changed = scores_of(model, replace(given, image=replace(given.image, regions=regions)))
    assert not torch.allclose(changed[0], expected[0])
    torch.testing.assert_close(changed[1:], expected[1:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("row", MULTIMODAL)
def test_what_is_masked_contributes_nothing(row: str) -> None:
    """Values of absent regions do not matter, nor how many absent regions there are."""
    model, given = stirred(row), batch()
    expected = scores_of(model, given)
    assert expected.isfinite().all()
    hidden = ~given.image.mask[..., None]
    other = Visual(given.image.regions + 7.0 * hidden, given.image.mask)
    torch.testing.assert_close(scores_of(model, replace(given, image=other)), expected, rtol=0, atol=1e-12)
    more = Visual(torch.cat([other.regions, other.regions], 1), torch.cat([other.mask, other.mask & False], 1))
    torch.testing.assert_close(scores_of(model, replace(given, image=more)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("row", ROWS)
def test_a_sentence_is_the_same_in_any_batch(row: str) -> None:
    model, given = stirred(row), batch()
    together = scores_of(model, given)
    for number, length in enumerate(given.word_mask.sum(1).tolist()):
        pieces, one = length + 2, slice(number, number + 1)
        text = TextInput(*(part[one] for part in (given.text.input_ids, given.text.attention_mask)),
                         given.text.first_piece[one, :length])  # fmt: skip
        text = replace(text, input_ids=text.input_ids[:, :pieces], attention_mask=text.attention_mask[:, :pieces])
        image = Visual(given.image.regions[one], given.image.mask[one])
        alone = replace(given, word_mask=given.word_mask[one, :length], text=text, image=image)
        torch.testing.assert_close(scores_of(model, alone)[0], together[number, :length], rtol=0, atol=1e-12)


@pytest.mark.parametrize("row", MULTIMODAL)
def test_a_batch_without_any_picture_trains(row: str) -> None:
    model, given = stirred(row).train(), batch()
    nothing = replace(given.image, mask=torch.zeros_like(given.image.mask))
    model.loss(replace(given, image=nothing)).backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("row", ROWS)
def test_training_lowers_the_loss_and_is_repeatable(row: str) -> None:
    def losses() -> list[float]:
        model, given = built(row).train(), single_precision(batch())
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-2)
        values = []
        for _ in range(15):
            optimiser.zero_grad()
            loss = model.loss(given)
            loss.backward()
            optimiser.step()
            values.append(loss.item())
        return values

    first = losses()
    assert first[-1] < 0.5 * first[0]
    assert losses() == first


def pictured(kinds: list[int]) -> Batch:
    """The same two words again and again; whether the second is a person or a place only the picture tells."""
    count, tags = len(kinds), [LABELS.index("B-PER"), LABELS.index("B-LOC")]
    noise = torch.randn(count, REGIONS, VISUAL, generator=torch.Generator().manual_seed(sum(kinds)))
    regions = 0.3 * noise
    regions[:, :, 0] += torch.tensor([1.0 - 2.0 * kind for kind in kinds])[:, None]
    return Batch(
        index=torch.arange(count),
        words=(("the", "jordan"),) * count,
        word_mask=torch.ones(count, 2, dtype=torch.bool),
        tags=torch.tensor([[0, tags[kind]] for kind in kinds]),
        text=TextInput(
            torch.tensor([[2, 7, 8, 3]] * count),
            torch.ones(count, 4, dtype=torch.bool),
            torch.tensor([[1, 2]] * count),
        ),
        image=Visual(regions, torch.ones(count, REGIONS, dtype=torch.bool)),
    )


@pytest.mark.parametrize("row", MULTIMODAL)
def test_what_only_the_picture_tells_is_learned(row: str) -> None:
    model, learn, unseen = built(row), pictured([0, 1] * 6), pictured([1, 0, 0, 1, 1])
    model.eval()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(learn).backward()
        optimiser.step()
    names = {0: "B-PER", 1: "B-LOC"}
    assert model.decode(unseen) == [["O", names[kind]] for kind in (1, 0, 0, 1, 1)]
    blind = replace(unseen, image=replace(unseen.image, mask=torch.zeros_like(unseen.image.mask)))
    assert len({tuple(tags) for tags in model.decode(blind)}) == 1


@pytest.mark.parametrize("row", ROWS)
def test_frozen_layers_stay_and_cached_states_change_nothing(row: str) -> None:
    model, given = stirred(row, frozen_layers=1), batch()
    text_encoder = next(module for module in model.modules() if isinstance(module, TextEncoder))
    with torch.no_grad():
        states = text_encoder.lower(given.text)
    cached = replace(given, text=replace(given.text, states=states))
    torch.testing.assert_close(scores_of(model, cached), scores_of(model, given), rtol=0, atol=1e-12)
    model.train().loss(cached).backward()
    bert = text_encoder.bert
    assert all(parameter.grad is None for parameter in bert.encoder.layer[0].parameters())
    assert bert.encoder.layer[1].output.dense.weight.grad.abs().max() > 0
    if row == "rpbert":  # the picture enters below the frozen layer, and is trained through it
        assert model.tagger.reader.joint.projection.weight.grad.abs().max() > 0


@pytest.mark.parametrize("row", ROWS)
def test_mixed_precision(row: str) -> None:
    model, given = built(row).train(), single_precision(batch())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model.loss(given)
        decoded = model.eval().decode(given)
    loss.backward()
    assert loss.isfinite()
    assert [len(tags) for tags in decoded] == [5, 3, 4]


@pytest.mark.parametrize("row", ROWS)
def test_no_bias_and_no_norm_is_decayed(row: str) -> None:
    """The optimiser knows normalisation by name; every LayerNorm here must be named so."""
    for name, module in built(row).named_modules():
        if isinstance(module, torch.nn.LayerNorm):
            assert any(part in f"{name}.weight" for part in NO_DECAY), name


def test_umt_paper_variant_is_the_plain_sum() -> None:
    released, paper = stirred("umt"), stirred("umt", variant="paper")
    torch.testing.assert_close(scores_of(paper, batch()), 2 * scores_of(released, batch()))


def test_umt_loss_is_tags_plus_weighted_spans() -> None:
    model, given = stirred("umt"), batch()
    full, tags_only = model.loss(given), stirred("umt", span_weight=0.0).loss(given)
    spans = model.tagger.scores(given)[1]
    kinds = torch.tensor([[("O", "B", "I").index(LABELS[tag][0]) for tag in row] for row in given.tags.tolist()])
    auxiliary = -model.tagger.span_decoder.crf(spans, kinds, mask=given.word_mask, reduction="mean")
    torch.testing.assert_close(full, tags_only + 0.5 * auxiliary)


def test_umgf_sums_where_released_and_averages_in_the_paper() -> None:
    released, paper = stirred("umgf"), stirred("umgf")
    paper.tagger.released = False
    torch.testing.assert_close(released.loss(batch()), 3 * paper.loss(batch()))
    start = built("umgf").tagger.graph
    for first, second in zip(start[0].parameters(), start[1].parameters(), strict=True):
        assert torch.equal(first, second)
    start = built("umgf", variant="paper").tagger.graph
    assert not torch.equal(start[0].word_attention.query.weight, start[1].word_attention.query.weight)


def test_rpbert_reads_word_vectors_beside_berts() -> None:
    words = {
        "vectors": "random", "size": 3, "trained": False, "vocabulary": "train", "lower_case": True,
        "digits": "zero", "missing": "uniform", "unknown_rate": 0.0,
    }  # fmt: skip
    model = stirred("rpbert", words=words)
    expected = scores_of(model, batch())
    with torch.no_grad():
        model.tagger.vectors.table.weight.add_(1.0)
    assert not torch.allclose(scores_of(model, batch()), expected)


@pytest.mark.parametrize("row", MULTIMODAL)
def test_what_does_not_fit_is_refused(row: str) -> None:
    with pytest.raises(ContractError, match=names(row)):
        built(row, visual=None)
    with pytest.raises(ContractError, match=names(row, "batch.image")):
        built(row).tagger(replace(batch(), image=None))


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ContractError, match=names("umt", "'papers'", "released, paper")):
        built("umt", variant="papers")
    with pytest.raises(ContractError, match=names("umgf", "'old'")):
        built("umgf", variant="old")
    with pytest.raises(ContractError, match=names("umt", "[1, 1]")):
        built("umt", layers=[1, 1])
    with pytest.raises(ContractError, match=names("umgf", 0, 4)):
        built("umgf", layers=0, objects=4)
    with pytest.raises(ContractError, match=names("'none'", "padded, packed")):
        built("rpbert", positions="none")
    for row in ("umt", "umgf"):
        with pytest.raises(ContractError, match=names(row)):
            built(row).loss(replace(single_precision(batch()), tags=None))
