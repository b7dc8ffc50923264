"""An encoder that comes in parts of an archive, and MPNet's own attention with its shared relative positions."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from transformers import BertTokenizer, MPNetConfig, MPNetModel

from mner.base.files import sha256_of
from mner.config.schema import EncoderSource
from mner.data.subwords import WordPieces
from mner.models.assembled_encoder import PackagesError, assembled
from mner.models.encoders import (
    TextEncoder,
    fingerprint_of,
    first_piece_vectors,
    location_of,
    longest_input,
    pretrained_model,
)
from mner.training.experiment import lower_states

CPU = torch.device("cpu")
WORDS = ["alice", "visits", "tokyo", "today", "nothing", "happens"]
TWEETS = [WORDS[:4], WORDS[4:], WORDS * 5]


@pytest.fixture(scope="module")
def model() -> MPNetModel:
    torch.manual_seed(3)
    config = MPNetConfig(
        vocab_size=20,
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        initializer_range=0.4,
        attn_implementation="eager",
    )
    return MPNetModel(config, add_pooling_layer=False)


@pytest.fixture(scope="module")
def table():
    vocabulary = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", *WORDS]
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(vocabulary)})
    return WordPieces(tokenizer).table(TWEETS, max_pieces=40)


def text_of(table, rows=(0, 1, 2)):
    return table.rows(list(rows), max(len(TWEETS[row]) for row in rows))


@pytest.mark.parametrize("frozen", [0, 2])
def test_mpnets_states_are_those_of_the_library(model, table, frozen) -> None:
    encoder, text = TextEncoder(model, frozen).eval(), text_of(table)
    with torch.no_grad():
        expected = model(input_ids=text.input_ids, attention_mask=text.attention_mask.long()).last_hidden_state
        torch.testing.assert_close(encoder(text), first_piece_vectors(expected, text.first_piece))


def test_mpnets_bias_of_relative_positions_is_at_work(model, table) -> None:
    encoder, text = TextEncoder(model).eval(), text_of(table)
    with torch.no_grad():
        before = encoder(text)
        kept = model.encoder.relative_attention_bias.weight.clone()
        model.encoder.relative_attention_bias.weight.zero_()
        after = encoder(text)
        model.encoder.relative_attention_bias.weight.copy_(kept)
    assert (before - after).abs().max() > 1e-3


@pytest.mark.parametrize("frozen", [1, 3])
def test_mpnets_cached_states_give_the_output_of_uncached_ones(model, table, frozen) -> None:
    encoder = TextEncoder(model, frozen).eval()
    states = lower_states(table, encoder, batch_size=2, device=CPU, precision="float32", label="t")
    torch.testing.assert_close(encoder(text_of(table.with_states(states))), encoder(text_of(table)))


def test_what_frozen_layers_of_mpnet_share_is_frozen_too(table) -> None:
    config = MPNetConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8
    )
    for frozen in (0, 1):
        encoder = TextEncoder(MPNetModel(config, add_pooling_layer=False), frozen)
        assert encoder.bert.encoder.relative_attention_bias.weight.requires_grad == (frozen == 0)


def _package(folder: Path, name: str, part: int, content: bytes) -> None:
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    file = f"{name}/input/tiny.zip.{part:03}"
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_bytes(content)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{file},,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")


@pytest.fixture
def packages(tmp_path, model, monkeypatch) -> tuple[tuple[str, ...], str]:
    """Two packages with a part each of a tiny MPNet, and the SHA-256 of its weights."""
    model.save_pretrained(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        for file in (tmp_path / "model").iterdir():
            archive.write(file, f"tiny/{file.name}")
    content = (tmp_path / "whole.zip").read_bytes()
    names = [f"tiny-mpnet-{tmp_path.name.replace('_', '-')}-{part}" for part in (1, 2)]
    for part, name in enumerate(names, start=1):
        half = len(content) // 2
        _package(tmp_path / "site", name, part, content[:half] if part == 1 else content[half:])
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    return tuple(f"{name}==1.0" for name in names), sha256_of(tmp_path / "model" / "model.safetensors")


def test_parts_are_joined_once_and_then_read(packages, tmp_path, monkeypatch) -> None:
    requirements, sha256 = packages
    monkeypatch.setenv("MNER_CACHE", str(tmp_path / "cache"))
    source = EncoderSource("tiny", packages=requirements, sha256=sha256)
    assert fingerprint_of(source) == fingerprint_of(EncoderSource("tiny", hub=str(tmp_path / "model")))
    assert longest_input(source) == 64
    assert pretrained_model(source).config._attn_implementation == "eager"
    folder = Path(location_of(source))
    assert folder.is_relative_to(tmp_path / "cache")
    assert [path.name for path in folder.parent.iterdir() if not path.name.startswith(".")] == [folder.name]
    monkeypatch.setattr(sys, "path", [])  # not needed any more
    assert location_of(source) == str(folder)


def test_other_weights_and_absent_packages_are_refused(packages, tmp_path) -> None:
    requirements, sha256 = packages
    cache = tmp_path / "cache"
    with pytest.raises(PackagesError, match=sha256):
        assembled("tiny", requirements, "0" * 64, cache)
    with pytest.raises(PackagesError, match=re.escape(f"no-such==1.0 {requirements[0]}")):
        assembled("tiny", ("no-such==1.0", requirements[0]), sha256, cache)
    with pytest.raises(PackagesError, match=re.escape("1.0")):
        assembled("tiny", (requirements[0].replace("1.0", "2.0"),), sha256, cache)
    with pytest.raises(PackagesError):
        assembled("tiny", requirements[:1], sha256, cache)  # half an archive
    assert not [path for path in (cache / "encoders").iterdir() if path.is_dir()]
    with pytest.raises(ValueError, match="sha256"):
        EncoderSource("tiny", packages=requirements)  # without a hash
