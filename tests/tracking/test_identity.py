"""A run keeps its key when code moves and loses it when anything it read, or a version, is another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tiny

from mner.base.files import cached_sha256_of, sha256_of
from mner.config.schema import EncoderSource
from mner.models.encoders import EncoderError, extraction_fingerprint_of, fingerprint_of, location_of, tokenizer_of
from mner.tracking.identity import (
    KINDS,
    CellIdentity,
    Difference,
    UnknownIdentityError,
    differences,
    identity_of,
    identity_of_record,
    render_differences,
)
from mner.tracking.record import Record

CELL = CellIdentity(
    dataset="toy",
    system="bert",
    files={"data/toy/corpus/train.jsonl": "a" * 64},
    encoder="b" * 64,
    recipe={"epochs": 2, "views": ("own", "none"), "clip": None},
    options={"dropout": 0.1},
    visual_input="none",
    versions={"system": 1, "protocol": 1},
)
KEY = "7937df613cb74d899d10505e96da84b2e97fb2f700bf485b149bd6edf7d6ef0b"
OTHERWISE: Mapping[str, tuple[Mapping[str, Any], Difference]] = {
    "dataset": ({"dataset": "other"}, Difference("dataset", "", "toy", "other")),
    "system": ({"system": "other"}, Difference("system", "", "bert", "other")),
    "version": (
        {"versions": {"system": 2, "protocol": 1}},
        Difference("version", "system", 1, 2),
    ),
    "encoder": ({"encoder": "c" * 64}, Difference("encoder", "", "b" * 64, "c" * 64)),
    "recipe": ({"recipe": {**CELL.recipe, "clip": 1.0}}, Difference("recipe", "clip", None, 1.0)),
    "option": ({"options": {}}, Difference("option", "dropout", 0.1, None)),
    "visual input": ({"visual_input": "captions"}, Difference("visual input", "", "none", "captions")),
    "file": ({"files": {}}, Difference("file", "data/toy/corpus/train.jsonl", "a" * 64, None)),
}

# ---- keys


@pytest.mark.parametrize("kind", OTHERWISE)
def test_every_part_is_in_the_key_and_is_named_where_it_differs(kind: str) -> None:
    changes, expected = OTHERWISE[kind]
    other = replace(CELL, **changes)
    assert other.key(1) != CELL.key(1)
    assert differences(CELL.run(1), other.run(1)) == (expected,)
    assert differences(CELL.run(1), other.run(1), set(KINDS) - {kind}) == ()


def test_the_seed_is_a_part_and_no_part_is_forgotten() -> None:
    assert CELL.key(1) != CELL.key(2)
    assert differences(CELL.run(1), CELL.run(2)) == (Difference("seed", "", 1, 2),)
    assert len(KINDS) == len(fields(CellIdentity)) + 1 == len(OTHERWISE) + 1


def test_a_name_without_a_value_is_not_the_absence_of_the_name() -> None:
    without = replace(CELL, recipe={name: value for name, value in CELL.recipe.items() if name != "clip"})
    assert without.key(1) != CELL.key(1)
    assert [one.name for one in differences(CELL.run(1), without.run(1))] == ["clip"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
OPTIONS = st.dictionaries(st.text(min_size=1), VALUES, max_size=4)


@given(OPTIONS, OPTIONS)
def test_keys_are_equal_if_and_only_if_nothing_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    here, there = replace(CELL, options=one).run(1), replace(CELL, options=other).run(1)
    assert (here.key == there.key) == (differences(here, there) == ())


@given(OPTIONS)
def test_neither_order_nor_the_way_through_a_file_changes_a_key(options: dict[str, Any]) -> None:
    again = json.loads(json.dumps(dict(reversed(options.items()))))
    assert replace(CELL, options=again).key(1) == replace(CELL, options=options).key(1)


@pytest.mark.parametrize("value", [Path("x"), {1, 2}, float("nan"), float("inf")])
def test_a_key_is_made_of_json_only(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(CELL, options={"a": value}).key(1)


def test_the_first_differences_are_named_and_the_others_counted() -> None:
    other = replace(CELL, recipe={"epochs": 3, "views": ["own"], "clip": 2}, options={}, encoder="")
    text = render_differences(differences(CELL.run(1), other.run(1)))
    assert text == "made from another encoder, recipe clip, recipe epochs and 2 more"


def test_a_key_is_the_same_in_every_process() -> None:
    stated = {field.name: getattr(CELL, field.name) for field in fields(CELL)}
    code = (
        "import json, sys; from mner.tracking.identity import CellIdentity;"
        "print(CellIdentity(**json.loads(sys.argv[1])).key(1))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4242"}
    command = [sys.executable, "-c", code, json.dumps(stated)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == CELL.key(1) == KEY


# ---- cells


def key_of(root: Path, system: str = "bert-crf") -> str:
    return identity_of(tiny.cell_of(root, system)).key(1)


def test_neither_where_a_world_lies_nor_the_name_of_its_profile_is_in_a_key(world: Path, tmp_path: Path) -> None:
    def rename(raw: dict[str, Any]) -> None:
        raw["active"]["name"] = "renamed"

    elsewhere = tmp_path / "somewhere" / "else"
    shutil.copytree(world, elsewhere)
    before = key_of(world, "rgcn")
    assert key_of(elsewhere, "rgcn") == before
    tiny.change_parameters(elsewhere, rename)
    assert key_of(elsewhere, "rgcn") == before


def test_another_version_of_the_card_or_of_the_protocol_is_another_run(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = tiny.cell_of(world)
    before = identity_of(cell)
    monkeypatch.setattr(cell.module, "CARD", replace(cell.module.CARD, version=2))
    card = identity_of(cell)
    monkeypatch.setattr("mner.tracking.identity.PROTOCOL_VERSION", 2)
    both = identity_of(cell)
    assert len({before.key(1), card.key(1), both.key(1)}) == 3
    assert [one.name for one in differences(before.run(1), both.run(1))] == ["protocol", "system"]


def test_a_finished_run_has_the_identity_that_its_cell_had(world: Path) -> None:
    (record,) = tiny.train(world, "bert-crf")
    cell = tiny.cell_of(world)
    assert identity_of_record(record).key == record.key == identity_of(cell).key(1)
    read = Record.read(cell.run_folder(1) / "record.json")
    assert differences(identity_of(cell).run(1), identity_of_record(read)) == ()


def test_what_is_not_at_hand_is_said_with_its_file_or_its_package(world: Path) -> None:
    cell = tiny.cell_of(world)
    corpus = world / "data" / tiny.DATASET / "corpus" / "train.jsonl"
    corpus.rename(corpus.with_suffix(".hidden"))
    with pytest.raises(UnknownIdentityError) as raised:
        identity_of(cell)
    assert raised.value.not_built == corpus.relative_to(world)
    corpus.with_suffix(".hidden").rename(corpus)
    tiny.change_parameters(world, lambda raw: raw["encoders"]["tiny"].update(package="no_such_encoder"))
    with pytest.raises(UnknownIdentityError) as raised:
        identity_of(tiny.cell_of(world))
    assert raised.value.not_built is None


# ---- encoders


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder's folder with its weights in shards."""
    from transformers import AutoModel

    folder = tmp_path_factory.mktemp("sharded")
    whole = Path(location_of(tiny.write_encoder(folder / "packages")))
    shards = folder / "shards"
    shutil.copytree(whole, shards)
    (shards / "model.safetensors").unlink()
    AutoModel.from_pretrained(whole).save_pretrained(shards, max_shard_size="20KB")
    assert len(list(shards.glob("model-*.safetensors"))) > 1
    return shards


@pytest.fixture
def folder(sharded: Path, tmp_path: Path) -> Path:
    shutil.copytree(sharded, tmp_path / "encoder")
    return tmp_path / "encoder"


def flip_last_byte(path: Path) -> None:
    """Change a file in place and put its times back: its size, inode and times are what they were."""
    held, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(held.st_atime_ns, held.st_mtime_ns))


ENCODER_FILES: Mapping[str, Callable[[Path], Path]] = {
    "tokenizer": lambda folder: folder / "tokenizer.json",
    "tokenizer's settings": lambda folder: folder / "tokenizer_config.json",
    "configuration": lambda folder: folder / "config.json",
    "first shard": lambda folder: min(folder.glob("model-*.safetensors")),
    "last shard": lambda folder: max(folder.glob("model-*.safetensors")),
}


@pytest.mark.parametrize("what", ENCODER_FILES)
def test_every_file_of_a_local_encoder_is_part_of_its_identity(folder: Path, what: str) -> None:
    source = EncoderSource("mine", hub=str(folder))
    before = fingerprint_of(source)
    flip_last_byte(ENCODER_FILES[what](folder))
    assert fingerprint_of(source) != before
    assert extraction_fingerprint_of(source) == fingerprint_of(source)


def test_the_place_the_name_and_the_notes_of_a_local_encoder_are_none(folder: Path, tmp_path: Path) -> None:
    before = fingerprint_of(EncoderSource("mine", hub=str(folder)))
    (folder / "README.md").write_text("trained on Mondays")
    (folder / ".gitattributes").write_text("* binary")
    moved = folder.rename(tmp_path / "moved")
    assert fingerprint_of(EncoderSource("other", hub=str(moved), revision="0" * 40)) == before


def test_a_folder_needs_no_revision_and_must_be_there(folder: Path, tmp_path: Path) -> None:
    source = EncoderSource("mine", hub=str(folder))
    assert source.describe() == "folder:encoder"
    assert tokenizer_of(source)(["alice"])["input_ids"]
    with pytest.raises(EncoderError, match="gone"):
        fingerprint_of(EncoderSource("mine", hub=str(tmp_path / "gone")))


# ---- hashes that are kept


def test_a_kept_hash_is_not_believed_of_a_file_that_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for text in ("a", "b", "longer", "c"):
        path.write_text(text)
        assert cached_sha256_of(path) == sha256_of(path)
    flip_last_byte(path)
    assert cached_sha256_of(path) == sha256_of(path)


def test_a_settled_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr("mner.base.files.sha256_of", lambda path: read.append(path) or "hash")
    monkeypatch.setattr("mner.base.files.SETTLED_NS", -1)
    path = tmp_path / "file"
    path.write_text("a")
    assert [cached_sha256_of(path), cached_sha256_of(path)] == ["hash", "hash"]
    assert len(read) == 1
    path.replace(tmp_path / "other")
    shutil.copy2(tmp_path / "other", path)
    cached_sha256_of(path)
    assert len(read) == 2
