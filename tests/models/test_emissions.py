"""Emissions of a wrong shape are an error that says what was expected and what was given."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, TextInput
from mner.data.corpus import LABELS
from mner.models.cards import Card, ContractError
from mner.models.encoders import TextEncoder
from mner.models.model import EmissionsError, Model, make_model
from mner.models.system import BuildContext, Emissions

WORDS, SUBWORDS = 3, 7


def encoder() -> TextEncoder:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    return TextEncoder(BertModel(BertConfig(vocab_size=9, attn_implementation="sdpa", **sizes)))


def batch() -> Batch:
    first = torch.tensor([[1, 3, 5], [1, -1, -1]])
    text = TextInput(torch.ones(2, SUBWORDS, dtype=torch.long), torch.ones(2, SUBWORDS).bool(), first)
    words = (("alice", "visits", "rome"), ("acme",))
    tags = torch.zeros(2, WORDS, dtype=torch.long)
    return Batch(torch.arange(2), words, torch.tensor([[True] * 3, [True, False, False]]), tags, text)


class FromStates(nn.Module):
    """Score what ``read`` takes from the encoder, in ``labels`` labels, under the mask that ``mask`` takes."""

    def __init__(self, build: BuildContext, subwords: bool = False, labels: int | None = None) -> None:
        super().__init__()
        self.encoder, self.subwords = build.encoder(), subwords
        self.output = nn.Linear(self.encoder.width, labels or len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        if self.subwords:
            return Emissions(self.output(self.encoder.pieces(batch.text)), batch.text.attention_mask)
        return Emissions(self.output(self.encoder(batch.text)), batch.word_mask)


class Bare(FromStates):
    """Forget to return Emissions."""

    def forward(self, batch: Batch) -> Tensor:  # type: ignore[override]
        return self.output(self.encoder(batch.text))


def model(decoder: str, tagger: type[nn.Module] = FromStates, **options: object) -> Model:
    module = ModuleType("example")
    vars(module).update(CARD=Card(name="example", title="t", cite="c", decoder=decoder), Tagger=tagger)
    return make_model(module, BuildContext(LABELS, encoder, None), options)


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_one_row_a_subword_is_refused(decoder: str) -> None:
    wrong = model(decoder, subwords=True)
    for call in (wrong.loss, wrong.decode):
        with pytest.raises(EmissionsError) as caught:
            call(batch())
        error = caught.value
        assert error.are_subwords
        assert (error.found, error.expected) == ((2, SUBWORDS, len(LABELS)), (2, WORDS, len(LABELS)))
        assert isinstance(error, ContractError)


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_labels_of_ones_own_are_refused(decoder: str) -> None:
    with pytest.raises(EmissionsError) as caught:
        model(decoder, labels=13).loss(batch())
    assert not caught.value.are_subwords
    assert (caught.value.found[2], caught.value.expected[2]) == (13, len(LABELS))


def test_what_is_no_emissions_is_refused() -> None:
    with pytest.raises(ContractError):
        model("softmax", Bare).loss(batch())


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_emissions_of_words_are_taken(decoder: str) -> None:
    right = model(decoder)
    assert torch.isfinite(right.loss(batch()))
    assert [len(tags) for tags in right.decode(batch())] == [3, 1]
