"""Every architecture of text: its own forward, frozen layers, words split as in their sentence, real lengths."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from support import tiny_encoders
from support.tiny_encoders import ARCHITECTURES, BYTE_LEVEL, POSITIONS

from mner.config.schema import EncoderSource
from mner.data.batch import TextInput
from mner.data.subwords import PieceTable, WordPieces
from mner.models.encoder_checks import check_encoder
from mner.models.encoders import (
    EncoderError,
    TextEncoder,
    fingerprint_of,
    longest_input,
    pretrained_model,
    tokenizer_of,
)
from mner.models.word_tokenizers import normalised

TWEETS = [["alice", "visits", "tokyo", "today"], ["acme"]]
BEHIND_PADDING = ("bertweet", "camembert", "mpnet", "roberta", "xlm-roberta")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("encoders")
    return {name: tiny_encoders.write(name, root / name) for name in ARCHITECTURES}


def source_of(folders: dict[str, Path], name: str, **options: str) -> EncoderSource:
    return EncoderSource(name, hub=str(folders[name]), **options)


def table_of(source: EncoderSource) -> PieceTable:
    return WordPieces(tokenizer_of(source)).table(TWEETS, max_pieces=60)


def text_of(source: EncoderSource) -> TextInput:
    return table_of(source).rows([0, 1], 4)


def library(source: EncoderSource, text: TextInput) -> torch.Tensor:
    model = pretrained_model(source).eval()
    with torch.no_grad():
        return model(input_ids=text.input_ids, attention_mask=text.attention_mask.long()).last_hidden_state


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_states_are_the_librarys_with_and_without_frozen_layers(folders: dict[str, Path], name: str) -> None:
    source = source_of(folders, name)
    text = text_of(source)
    expected = library(source, text)[text.attention_mask]
    for frozen in (0,) if name == "albert" else (0, 1, 2, 3):
        encoder = TextEncoder(pretrained_model(source), frozen).eval()
        with torch.no_grad():
            found = encoder.pieces(text)
            below, last = encoder.upper(text)
        torch.testing.assert_close(found[text.attention_mask], expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(last[text.attention_mask], expected, rtol=1e-5, atol=1e-5)
        assert not torch.equal(below, last)


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - {"albert"}))
def test_frozen_states_are_fixed_and_can_be_cached(folders: dict[str, Path], name: str) -> None:
    source, frozen = source_of(folders, name), 2
    encoder, text = TextEncoder(pretrained_model(source), frozen).train(), text_of(source)
    states = encoder.lower(text)
    assert torch.equal(states, encoder.lower(text))
    assert not states.requires_grad
    encoder.pieces(text).square().sum().backward()
    moving = {part for part, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert moving
    assert all(".2." in part or "pooler" in part for part in moving), sorted(moving)
    cached = TextInput(text.input_ids, text.attention_mask, text.first_piece, states)
    encoder.eval()
    with torch.no_grad():
        assert torch.equal(encoder.pieces(cached), encoder.pieces(text))
    assert not any("forward" in vars(module) for module in encoder.modules())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_words_are_split_as_their_sentence_is(folders: dict[str, Path], name: str) -> None:
    source = source_of(folders, name)
    tokenizer = tokenizer_of(source)
    ids = table_of(source).ids[1:]
    plain = transformers.AutoTokenizer.from_pretrained(str(folders[name]))
    blank = " " if name in BYTE_LEVEL else ""
    expected = plain(blank + " ".join(TWEETS[0]), add_special_tokens=False)["input_ids"]
    assert ids[: len(expected)].tolist() == expected
    assert ids[len(expected)] == tokenizer.sep_token_id


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_longest_input_fits_and_no_longer_one(folders: dict[str, Path], name: str) -> None:
    source = source_of(folders, name)
    longest = longest_input(source)
    assert longest == POSITIONS - (2 if name in BEHIND_PADDING else 0)
    ids = torch.full((1, longest), 7)
    with torch.no_grad():
        states = (
            TextEncoder(pretrained_model(source))
            .eval()
            .pieces(TextInput(ids, torch.ones_like(ids).bool(), torch.zeros(1, 1, dtype=torch.long)))
        )
    assert states.shape == (1, longest, 32)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_usable_encoder_passes_the_check(folders: dict[str, Path], name: str) -> None:
    check_encoder(source_of(folders, name), 0 if name == "albert" else 2)


def test_layers_that_share_weights_or_are_not_there_cannot_be_frozen(folders: dict[str, Path]) -> None:
    for name, frozen in (("albert", 1), ("bert", 4)):
        with pytest.raises(EncoderError):
            check_encoder(source_of(folders, name), frozen)
        with pytest.raises(EncoderError):
            TextEncoder(pretrained_model(source_of(folders, name)), frozen)


def test_what_is_no_encoder_of_text_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folders["bert"]))
    small = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    unusable = {
        "writes text": transformers.T5Config(vocab_size=len(tokenizer), **small),
        "too few words": transformers.BertConfig(vocab_size=9, **tiny_encoders.SMALL),
        "pictures": transformers.ViTConfig(**tiny_encoders.SMALL),
        "no weights": transformers.BertConfig(vocab_size=len(tokenizer), **tiny_encoders.SMALL),
    }
    for name, config in unusable.items():
        config.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        with pytest.raises(EncoderError) as caught:
            check_encoder(EncoderSource("x", hub=str(tmp_path / name)))
        assert "\n" not in str(caught.value), name
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError):
        check_encoder(EncoderSource("x", hub=str(tmp_path / "empty")))


def test_weights_of_an_older_folder_are_read(folders: dict[str, Path], tmp_path: Path) -> None:
    source = source_of(folders, "bert")
    model = pretrained_model(source)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    transformers.AutoTokenizer.from_pretrained(str(folders["bert"])).save_pretrained(tmp_path)
    older = EncoderSource("older", hub=str(tmp_path))
    check_encoder(older)
    assert torch.equal(library(older, text_of(older)), library(source, text_of(source)))


@pytest.mark.parametrize("name", ["bert", "bertweet", "roberta"])
def test_users_and_links_are_normalised_where_the_entry_says_so(folders: dict[str, Path], name: str) -> None:
    plain, normalising = source_of(folders, name), source_of(folders, name, normalise="bertweet")
    tokenizers = tokenizer_of(plain), tokenizer_of(normalising)
    tweets = [["alice", "@Anna_1", "https://t.co/a1", "www.a.com"], ["alice", "@USER", "HTTPURL", "HTTPURL"]]
    before, after = (WordPieces(tokenizer).table(tweets, max_pieces=200) for tokenizer in tokenizers)
    (first, second), (seen, expected) = ([subwords_of(one, row) for row in (0, 1)] for one in (before, after))
    assert second == seen == expected
    assert first != second
    assert fingerprint_of(plain) != fingerprint_of(normalising)


def subwords_of(table: PieceTable, row: int) -> list[int]:
    return table.ids[table.offsets[row] : table.offsets[row + 1]].tolist()


def test_other_words_than_users_and_links_stay(folders: dict[str, Path]) -> None:
    for word in ("@", "alice", "a@b.c", "http", "https://", "#www.x", "RT"):
        assert normalised(word) == word
    with pytest.raises(ValueError):  # noqa: PT011
        source_of(folders, "bert", normalise="lower")
