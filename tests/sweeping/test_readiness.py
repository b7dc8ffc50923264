"""``mner doctor``: what is counted as available, what as missing, and that each missing thing has a command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import tiny
from support.profile_settings import settings

from mner.base.files import write_json_atomically
from mner.config.places import Places
from mner.config.schema import EncoderSource
from mner.data.corpus import Sentence
from mner.data.prepare import write_corpus
from mner.sweeping import readiness
from mner.sweeping.readiness import Need, State, needs_of, render

CPU = torch.device("cpu")
COMMIT = "0" * 40


def picture_needs(root: Path, folder: Path | None) -> dict[str, State]:
    return {need.what.rpartition(" ")[2]: need.state for need in readiness._pictures("twitter2017", root, folder)}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A corpus of four sentences a split; the first picture of each shows nothing of its tweet."""
    splits = {
        split: [Sentence(n, f"{split}{n}", ("a",), ("O",)) for n in range(4)] for split in ("train", "dev", "test")
    }
    write_corpus(tmp_path / "data/twitter2017", splits)
    side = tmp_path / "data/twitter2017/side"
    side.mkdir(parents=True, exist_ok=True)
    write_json_atomically(side / "images.json", {"invalid": [f"{split}0" for split in splits]})
    write_json_atomically(side / "pixels.json", {f"{split}{n}": {} for split in splits for n in (1, 2, 3)})
    return tmp_path


def test_valid_pictures_are_counted_by_split(built: Path) -> None:
    folder = built / "pictures"
    folder.mkdir()
    names = [f"{split}{n}" for split in ("train", "dev") for n in (1, 2, 3)]
    for name in [*names, "test1"]:
        (folder / f"{name}.jpg").touch()
    assert picture_needs(built, folder) == {
        "train": State.AVAILABLE,
        "dev": State.AVAILABLE,
        "test": State.MISSING,
    }
    assert set(picture_needs(built, None).values()) == {State.MISSING}
    assert picture_needs(built, built)["train"] is State.AVAILABLE  # one level below


def test_pictures_that_came_after_the_data_were_prepared_have_to_be_recorded(built: Path) -> None:
    folder = built / "pictures"
    folder.mkdir()
    for name in [f"{split}{n}" for split in ("train", "dev", "test") for n in (1, 2, 3)]:
        (folder / f"{name}.jpg").touch()
    assert set(picture_needs(built, folder).values()) == {State.AVAILABLE}
    write_json_atomically(built / "data/twitter2017/side/pixels.json", {})
    needs = list(readiness._pictures("twitter2017", built, folder))
    assert {need.state for need in needs} == {State.MISSING}
    assert {need.command for need in needs} == {"dvc repro -f -s data@twitter2017"}


def test_a_profile_that_reads_no_pixels_needs_no_pictures(tmp_path: Path) -> None:
    places = Places(tmp_path, (), None, network=False)
    asked = {profile: needs_of(settings(profile), tmp_path, places, CPU) for profile in ("quick", "paper")}
    pictures = {name: [need for need in found if "pictures" in need.what] for name, found in asked.items()}
    assert pictures["quick"] == []
    assert pictures["paper"]
    paper = {need.what: need for need in asked["paper"]}
    assert paper["detector of crops-resnet152"].state is State.MISSING
    for kind in ("grid-resnet152", "grid-resnet101", "crops-resnet152"):
        assert f"extractor {kind}" in paper


def test_pictures_of_a_corpus_that_is_not_built_are_unknown(tmp_path: Path) -> None:
    assert picture_needs(tmp_path, tmp_path) == {"twitter2017": State.UNKNOWN}


def test_an_encoder_is_available_from_a_folder_or_the_cache_and_else_has_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    hub = EncoderSource("one", hub="owner/model", revision=COMMIT)
    absent = readiness._encoder(hub, "bert")
    assert absent.state is State.MISSING
    assert "owner/model" in absent.command
    assert COMMIT in absent.command
    snapshot = tmp_path / "models--owner--model" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    assert readiness._encoder(hub, "bert").state is State.AVAILABLE
    assert readiness._encoder(EncoderSource("two", hub=str(tmp_path)), "bert").state is State.AVAILABLE
    no_package = readiness._encoder(EncoderSource("three", package="no_such_package_here"), "bert")
    assert no_package.state is State.MISSING
    assert no_package.command


def test_models_that_extractor_options_name_are_found_at_any_depth() -> None:
    options = {"objects": 4, "grid": {"name": "grid-hub", "model": "owner/resnet", "revision": COMMIT}}
    assert list(readiness._hub_models(options)) == [("owner/resnet", COMMIT)]


def test_a_profile_on_a_bare_machine_names_what_is_missing(tmp_path: Path) -> None:
    places = Places(tmp_path, (), None, network=False)
    paper = settings("paper")
    few = replace(paper, active=replace(paper.active, datasets=("twitter2017",), systems=("umt", "bilstm-crf")))
    found = {need.what: need for need in needs_of(few, tmp_path, places, CPU)}
    assert found["files of twitter2017"].state is State.MISSING
    assert found["disk"].state is State.UNKNOWN
    assert found["time"].state is State.UNKNOWN
    assert "encoder bert-base-cased" in found
    assert all(need.command for need in found.values() if need.state is State.MISSING and need.what != "GPU")


def test_a_small_world_that_is_built_needs_nothing_more(tmp_path: Path) -> None:
    tiny.make_world(tmp_path)
    config = tiny.cell_of(tmp_path).config
    found = needs_of(config, tmp_path, Places(tmp_path, (), None, network=False), CPU)
    assert {need.what for need in found if need.state is State.MISSING} <= {"GPU"}
    assert not any(need.what.startswith(("files of", "pictures of")) for need in found)


def test_the_last_line_names_what_is_missing() -> None:
    needs = [Need("a", State.AVAILABLE, "x"), Need("b", State.MISSING, "y", "make b")]
    table = render([*needs, Need("c", State.MISSING, "z", required=False)], "paper")
    assert table.splitlines()[-1].endswith(": b")
    assert "make b" in table
