"""Text encoders: first pieces, frozen layers and their cached states, padding, and errors that say what to do."""

from __future__ import annotations

import pytest
import torch
from support import tiny
from support.messages import names
from transformers import BertConfig, BertModel, RobertaConfig

from mner.config.schema import EncoderSource
from mner.data.subwords import WordPieces
from mner.models.encoders import (
    EncoderError,
    TextEncoder,
    fingerprint_of,
    first_piece_vectors,
    longest_input,
    pretrained_model,
    tokenizer_of,
)
from mner.training.experiment import lower_states

CPU = torch.device("cpu")


TWEETS = [
    ["alice", "visits", "tokyo", "today", "!"],
    ["bob", "\u200d", "kelly"],
    ["nothing", "happens", "here"] * 4,
]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> EncoderSource:
    return tiny.write_encoder(tmp_path_factory.mktemp("packages"), layers=3)


@pytest.fixture(scope="module")
def table(source):
    return WordPieces(tokenizer_of(source)).table(TWEETS, max_pieces=40)


def text_of(table, rows=(0, 1, 2)):
    return table.rows(list(rows), max(len(TWEETS[row]) for row in rows))


def test_a_word_is_its_first_pieces_vector_and_zero_without_one():
    pieces = torch.arange(24.0).reshape(2, 4, 3) + 1
    first = torch.tensor([[1, 3, -1], [2, -1, -1]])
    vectors = first_piece_vectors(pieces, first)
    assert torch.equal(vectors[0, :2], pieces[0, [1, 3]])
    assert torch.equal(vectors[1, 0], pieces[1, 2])
    assert not vectors[0, 2].any()
    assert not vectors[1, 1:].any()


def test_words_are_the_last_layers_first_pieces_as_the_library_computes_them(source, table):
    encoder, text = TextEncoder(pretrained_model(source)).eval(), text_of(table)
    with torch.no_grad():
        reference = encoder.bert(input_ids=text.input_ids, attention_mask=text.attention_mask.long())
        words = encoder(text)
    expected = first_piece_vectors(reference.last_hidden_state, text.first_piece)
    torch.testing.assert_close(words, expected, rtol=1e-5, atol=1e-5)
    assert not words[1, 1].any()  # the dissolved word


def test_padding_changes_nothing(source, table):
    encoder = TextEncoder(pretrained_model(source)).eval()
    with torch.no_grad():
        together = encoder(text_of(table))
        for row, tweet in enumerate(TWEETS):
            alone = encoder(text_of(table, [row]))
            torch.testing.assert_close(alone[0], together[row, : len(tweet)], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frozen", [0, 1, 2, 3])
def test_frozen_layers_have_no_gradient_and_all_others_have(source, table, frozen):
    encoder = TextEncoder(pretrained_model(source), frozen).train()
    words = encoder(text_of(table))
    if frozen < 3:
        words.square().sum().backward()
    moving = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    still = {name for name, _ in encoder.named_parameters()} - moving
    layers = {f"bert.encoder.layer.{number}." for number in range(frozen)}
    expected = tuple(layers | {"bert.embeddings."}) if frozen else ("none",)
    assert all(name.startswith(expected) for name in still), sorted(still)
    assert not any(name.startswith(expected) for name in moving)
    assert {name for name, p in encoder.named_parameters() if not p.requires_grad} == still


def test_frozen_layers_run_without_dropout_while_training(source, table):
    encoder, text = TextEncoder(pretrained_model(source), 2).train(), text_of(table)
    assert torch.equal(encoder.lower(text), encoder.lower(text))
    assert not torch.equal(encoder(text), encoder(text))
    assert not encoder.bert.embeddings.training
    assert [layer.training for layer in encoder.bert.encoder.layer] == [False, False, True]
    whole = TextEncoder(pretrained_model(source), 0).train()
    assert not torch.equal(whole(text), whole(text))


@pytest.mark.parametrize("frozen", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_cached_states_give_the_output_and_gradients_of_uncached_ones(source, table, frozen, batch_size):
    encoder = TextEncoder(pretrained_model(source), frozen)
    states = lower_states(table, encoder, batch_size=batch_size, device=CPU, precision="float32", label="t")
    assert states.dtype == torch.float32
    cached = table.with_states(states)
    encoder.eval()
    torch.testing.assert_close(encoder(text_of(cached)), encoder(text_of(table)), rtol=1e-4, atol=1e-5)
    if frozen < 3:
        gradients = []
        for each in (table, cached):
            encoder.zero_grad()
            encoder(text_of(each)).square().sum().backward()
            gradients.append([p.grad for p in encoder.parameters() if p.grad is not None])
        assert len(gradients[0]) == len(gradients[1]) > 0
        torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-4)


def test_bfloat16_caches_are_close(source, table):
    encoder = TextEncoder(pretrained_model(source), 2)
    states = lower_states(table, encoder, batch_size=2, device=CPU, precision="bfloat16", label="t")
    assert states.dtype == torch.bfloat16
    encoder.eval()
    with torch.no_grad():
        difference = encoder(text_of(table.with_states(states))) - encoder(text_of(table))
    assert difference.abs().max() < 0.1


def test_what_an_encoder_cannot_do_is_refused(source):
    with pytest.raises(EncoderError):
        TextEncoder(pretrained_model(source), 4)
    with pytest.raises(EncoderError):
        TextEncoder(pretrained_model(source), -1)
    config = BertConfig(
        vocab_size=9, hidden_size=8, num_attention_heads=2, num_hidden_layers=1, attn_implementation="eager"
    )
    with pytest.raises(EncoderError):
        TextEncoder(BertModel(config))


def test_sources_are_checked_and_describe_themselves(source):
    with pytest.raises(ValueError, match=names("x", "'package'", "'packages'", "'hub'")):
        EncoderSource("x")
    with pytest.raises(ValueError, match=names("'package'", "'hub'")):
        EncoderSource("x", package="a", hub="b")
    assert source.describe() == f"package:{source.package}"
    assert EncoderSource("x", hub="org/name", revision="a1" * 20).describe() == "hub:org/name@a1a1a1a1a1a1"


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "a1" * 19, "A1" * 20])
def test_a_hub_model_is_pinned_to_a_commit(revision):
    with pytest.raises(ValueError, match=names("x", 40)):
        EncoderSource("x", hub="org/name", revision=revision)


def test_longest_input_of_an_encoder(source, tmp_path, monkeypatch):
    assert longest_input(source) == 64
    RobertaConfig(max_position_embeddings=40, pad_token_id=1).save_pretrained(tmp_path)
    other = EncoderSource("x", hub="org/name", revision="a1" * 20)
    monkeypatch.setattr("mner.models.encoders.location_of", lambda source: str(tmp_path))
    assert longest_input(other) == 38


def test_a_missing_package_says_what_to_install():
    absent = EncoderSource("x", package="no_such_encoder")
    for use in (pretrained_model, tokenizer_of, fingerprint_of):
        with pytest.raises(EncoderError):
            use(absent)


def test_an_unreachable_hub_says_what_to_choose_instead(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EncoderError):
        tokenizer_of(EncoderSource("x", hub="no-such-org/no-such-model", revision="a1" * 20))


def test_fingerprints_are_of_all_files_or_of_name_and_revision(source, tmp_path):
    other = tiny.write_encoder(tmp_path / "other", seed=1, layers=3)
    again = tiny.write_encoder(tmp_path / "again", seed=0, layers=3)
    assert fingerprint_of(source) == fingerprint_of(again) != fingerprint_of(other)
    hub = EncoderSource("x", hub="a/b", revision="1" * 40)
    assert fingerprint_of(hub) == fingerprint_of(EncoderSource("y", hub="a/b", revision="1" * 40))
    assert fingerprint_of(hub) != fingerprint_of(EncoderSource("x", hub="a/b", revision="2" * 40))
