"""Which pictures are looked at, which kinds are made of them, and what is said where there are none."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support import tiny as small
from support import tiny_extractor as tiny

from mner.base.files import write_json_atomically
from mner.cli.verbs import extract as command
from mner.config import ConfigError, Places
from mner.data.picture_files import ImageError, Refusal
from mner.features.extraction import extract
from mner.features.extractors.contract import ExtractorError
from mner.features.feature_building import build_features
from mner.features.pictures import Picture, Pictures, pictures_of_dataset, pictures_of_folder
from mner.features.store import read_store

COUNT = 30


@pytest.fixture
def pictures(tmp_path) -> Path:
    tiny.draw(tmp_path / "pictures", COUNT)
    return tmp_path / "pictures"


def test_duplicate_ids_are_an_error_that_names_both_files(pictures, tmp_path):
    (pictures / "more").mkdir()
    shutil.copy(pictures / "p003.png", pictures / "more" / "p003.jpg")
    with pytest.raises(ImageError):
        pictures_of_folder(pictures)
    twice = (Picture("a", "a.png", None), Picture("a", "b.png", None))
    with pytest.raises(ImageError):
        Pictures(pictures, twice, {})
    with pytest.raises(ImageError):
        Pictures(pictures, twice[:1], {"a": Refusal("invalid", "known")})


def test_folders_without_pictures_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ImageError):
        pictures_of_folder(tmp_path)
    with pytest.raises(ImageError):
        pictures_of_folder(tmp_path / "notes.txt")


def test_pictures_are_found_below_a_folder_hidden_places_and_links_left_out(tmp_path):
    tiny.draw(tmp_path / "drawn", 1)
    for place in ("b.JPG", "deep/a.WebP", "deep/.hidden.png", ".trash/c.png", "deep/.d/e.png", "notes.txt"):
        (tmp_path / "some" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "drawn" / "p000.jpg", tmp_path / "some" / place)
    (tmp_path / "some" / "linked").symlink_to(tmp_path / "drawn")
    listed = pictures_of_folder(tmp_path / "some").listed
    assert [(one.image, one.file) for one in listed] == [("a", "deep/a.WebP"), ("b", "b.JPG")]


@pytest.mark.parametrize("place", [b"caf\xe9.jpg", b"caf\xe9/a.jpg"])
def test_a_name_that_results_cannot_hold_is_said_before_work_begins(place, tmp_path):
    path = tmp_path / os.fsdecode(place)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    with pytest.raises(ImageError):
        pictures_of_folder(tmp_path)
    path.rename(tmp_path / "café.jpg")
    assert [one.image for one in pictures_of_folder(tmp_path).listed] == ["café"]


def test_pictures_out_of_order_are_refused(pictures):
    with pytest.raises(ImageError):
        Pictures(pictures, (Picture("b", "b.png", None), Picture("a", "a.png", None)), {})


def test_the_fingerprint_knows_ids_and_bytes_and_not_the_folder(pictures):
    def fingerprint(folder: Path, *named: str) -> str:
        return Pictures(
            folder, tuple(Picture(one[0], f"{one[0]}.png", one[1:]) for one in named), {}
        ).fingerprint()

    known = fingerprint(pictures, "a1", "b2")
    assert known == fingerprint(pictures.parent, "a1", "b2")
    others = (("a1", "c2"), ("a1", "b3"), ("a2", "b1"), ("a1",), ("a1", "b2", "c"))
    assert known not in {fingerprint(pictures, *named) for named in others}


class TestPicturesOfADataSet:
    @pytest.fixture
    def data(self, tmp_path, pictures) -> Path:
        listed = pictures_of_folder(pictures).listed
        pixels = {one.image: {"file": one.file, "sha256": one.sha256} for one in listed if one.image != "p007"}
        side = tmp_path / "data" / "set" / "side"
        write_json_atomically(side / "images.json", {"invalid": ["p002", "unwanted"]})
        write_json_atomically(side / "pixels.json", pixels)
        return tmp_path / "data"

    def test_invalid_and_missing_ones_are_refused_with_their_reason(self, data, pictures):
        (pictures / "p100.png").write_bytes(b"torn")
        wanted = ["p007", "p003", "p002", "p099", "p100", "p001"]
        made = pictures_of_dataset(data, "set", wanted, pictures)
        assert [one.image for one in made.listed] == ["p001", "p003"]
        assert {image: refusal.kind for image, refusal in made.refused.items()} == {
            "p002": "invalid",
            "p007": "changed",
            "p099": "missing",
            "p100": "unreadable",
        }
        assert "dvc repro -f -s data@set" in made.refused["p007"].sentence

    def test_a_picture_that_changed_after_the_data_stage_is_masked(self, data, pictures, tmp_path):
        shutil.copy(pictures / "p005.png", pictures / "p003.png")
        (pictures / "p008.jpg").unlink()
        chosen = pictures_of_dataset(data, "set", ["p001", "p003", "p008"], pictures)
        done = extract(
            chosen, tiny.TinyGrid(), tmp_path / "out", tmp_path / "work", batch_size=2, device=torch.device("cpu")
        )
        assert {image: one.kind for image, one in done.refused.items()} == {"p003": "changed", "p008": "missing"}

    def test_a_data_set_brings_its_own_pictures_where_it_has_them(self, data, pictures):
        shutil.move(pictures, data / "set" / "images")
        for images in (None, data):
            assert pictures_of_dataset(data, "set", ["p001"], images).folder == data / "set"

    def test_without_pictures_the_three_ways_out_are_named(self, data):
        with pytest.raises(ImageError):
            pictures_of_dataset(data, "set", ["p001"], None)
        write_json_atomically(data / "set" / "side" / "images.json", {"invalid": []})
        write_json_atomically(data / "set" / "side" / "pixels.json", {})
        with pytest.raises(ImageError):
            pictures_of_dataset(data, "set", ["p001"], data)
        with pytest.raises(ImageError):
            pictures_of_dataset(data, "set", ["p001"], None)


# ---- kinds of a data set


@pytest.fixture
def world(tmp_path):
    """A data set with pictures of its own, and its parameters."""
    source = small.write_encoder(tmp_path / "packages")
    small.write_dataset(tmp_path)
    tiny.draw(tmp_path / "drawn", 40)
    pixels = {}
    wanted = sorted({sentence.image for split in small.splits().values() for sentence in split})
    own = tmp_path / "data" / small.DATASET
    (own / "images").mkdir()
    for image, drawn in zip(wanted[1:], pictures_of_folder(tmp_path / "drawn").listed, strict=False):
        file = f"images/{image}{Path(drawn.file).suffix}"
        shutil.copy(tmp_path / "drawn" / drawn.file, own / file)
        pixels[image] = {"file": file, "sha256": drawn.sha256}
    write_json_atomically(own / "side" / "pixels.json", pixels)
    raw = small.parameters(str(source.package))
    raw["features"]["extractors"] = {
        "grid": {"name": "tiny", "batch_size": 4},
        "tags": {"name": "bright", "batch_size": 4},
    }
    return SimpleNamespace(root=tmp_path, raw=raw, features=tmp_path / "features" / small.DATASET)


@pytest.fixture
def build(world, monkeypatch):
    """Builds the chosen kinds with the tiny extractors in place of the large ones."""
    made = {"tiny": tiny.TinyGrid, "bright": tiny.Brightness}
    monkeypatch.setattr(
        "mner.features.feature_building.load_extractor", lambda name, around, options: made[name](**options)
    )
    places = Places(world.root / "cache", (), None, network=False)

    def do(*kinds: str, **changes) -> list[str]:
        if kinds:
            world.raw["features"]["kinds"] = {small.DATASET: list(kinds)}
        world.raw["features"] |= changes
        settings = small.write_parameters(world.root, world.raw)
        return build_features(settings, small.DATASET, world.root, torch.device("cpu"), places)

    return do


def test_without_a_choice_there_are_caption_tokens_and_nothing_else(build, world):
    build()
    plain = tiny.everything(world.features)
    assert set(plain) == {"caption_tokens.safetensors", "caption_tokens.json"}
    build("caption-tokens")
    assert tiny.everything(world.features) == plain


def test_chosen_kinds_are_made_kept_and_removed(build, world):
    said = build("caption-tokens", "grid", "tags")
    names = {"caption_tokens.safetensors", "caption_tokens.json", "tags.json", "tags.findings.json"}
    assert set(tiny.everything(world.features)) == names | {"grid.safetensors", "grid.json", "grid.findings.json"}
    assert "pictures -> " in said[1]
    store = read_store(world.features / "grid.safetensors")
    findings = json.loads((world.features / "grid.findings.json").read_text())
    assert len(store.rows) == store.provenance["pictures_with_features"]
    assert len(store.rows) + findings["pictures_masked"] == store.provenance["pictures_wanted"] == 40
    assert findings["masked_by_kind"] == {"invalid": 1, "missing": 1}
    before = (world.features / "grid.safetensors").stat()
    said = build("grid")
    assert "0 computed now" in said[0]
    assert (world.features / "grid.safetensors").stat().st_mtime_ns == before.st_mtime_ns
    assert set(tiny.everything(world.features)) == {"grid.safetensors", "grid.json", "grid.findings.json"}
    said = build(extractors={"grid": {"name": "tiny", "batch_size": 4, "options": {"seed": 3}}})
    assert "38 computed now" in said[0]


def test_pictures_that_are_not_there_are_an_error_before_anything_is_made(build, world):
    build("caption-tokens")
    before = tiny.everything(world.features)
    shutil.rmtree(world.root / "data" / small.DATASET / "images")
    with pytest.raises(ImageError):
        build("grid")
    assert tiny.everything(world.features) == before


def test_an_extractor_of_another_kind_is_refused(build):
    with pytest.raises(ExtractorError):
        build("grid", extractors={"grid": {"name": "bright", "batch_size": 4}})


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": {"toy": ["gird"]}},
        {"kinds": {"tyo": ["grid"]}},
        {"kinds": {"toy": []}},
        {"kinds": {"toy": ["grid", "grid"]}},
        {"extractors": {"gird": {"name": "tiny", "batch_size": 4}}},
        {"extractors": {"grid": {"name": "tiny", "batch_size": 0}}},
    ],
)
def test_a_choice_that_means_nothing_is_an_error(change, build):
    with pytest.raises(ConfigError):
        build(**change)


def test_the_command_extracts_from_any_folder(build, world, monkeypatch, capsys):
    small.write_parameters(world.root, world.raw)
    monkeypatch.chdir(world.root)
    for name in ("MNER_IMAGES", "MNER_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    command.run(SimpleNamespace(what="drawn", kind="grid", to=None))
    assert "40 pictures -> extracted/drawn/grid.safetensors" in capsys.readouterr().out
    command.run(SimpleNamespace(what=small.DATASET, kind="tags", to=Path("there")))
    assert "38 pictures -> there/tags.json" in capsys.readouterr().out
