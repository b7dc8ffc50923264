"""What the features stage wants of a data set, and what it hands to extractors and encoders."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from support import tiny as small
from support import tiny_extractor as tiny
from support.messages import names

from mner.base.files import read_json, write_json_atomically
from mner.base.hardware import cpu_threads
from mner.config import Config, Places
from mner.features.feature_building import build_features, wanted_pictures
from mner.features.found import Caption
from mner.features.pictures import pictures_of_folder
from mner.features.store import read_store
from mner.models.encoders import extraction_fingerprint_of

CPU = torch.device("cpu")
SIDE = Path("data") / small.DATASET / "side"
OF_TWEETS = {sentence.image for split in small.splits().values() for sentence in split}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data set whose first two tweets have pictures."""
    small.write_dataset(tmp_path)
    own = tmp_path / "data" / small.DATASET
    tiny.draw(tmp_path / "drawn", 2)
    (own / "images").mkdir()
    pixels = {}
    for image, drawn in zip(("train0", "train1"), pictures_of_folder(tmp_path / "drawn").listed, strict=True):
        pixels[image] = {"file": f"images/{image}.png", "sha256": drawn.sha256}
        shutil.copy(tmp_path / "drawn" / drawn.file, own / "images" / f"{image}.png")
    write_json_atomically(tmp_path / SIDE / "pixels.json", pixels)
    return tmp_path


@pytest.fixture
def raw(root: Path) -> dict[str, Any]:
    return small.parameters(str(small.write_encoder(root / "packages").package))


def settings(root: Path, raw: dict[str, Any], *kinds: str, **changes: Any) -> Config:
    raw["features"] |= {"kinds": {small.DATASET: list(kinds)}, **changes} if kinds else changes
    return small.write_parameters(root, raw)


def test_wanted_are_the_tweets_own_pictures_and_the_first_places_of_both_lists_of_every_split(
    root: Path, raw: dict[str, Any]
) -> None:
    retrieval = read_json(root / SIDE / "retrieval.json")
    for split in ("train", "dev", "test"):
        lists = {name: [f"{split}-{name}-{place}" for place in range(3)] for name in ("inter", "intra")}
        retrieval[split][1] |= {f"{name}_images": images for name, images in lists.items()}
    write_json_atomically(root / SIDE / "retrieval.json", retrieval)
    found = wanted_pictures(settings(root, raw), small.DATASET, root)
    listed = {f"{s}-{name}-{n}" for s in ("train", "dev", "test") for name in ("inter", "intra") for n in (0, 1)}
    assert found == OF_TWEETS | listed, "two places, as relations.k says"


def test_captions_of_pictures_that_nobody_wants_are_left_out(root: Path, raw: dict[str, Any]) -> None:
    captions = read_json(root / SIDE / "captions.json")
    captions["planted"]["unwanted"] = "a dog"
    write_json_atomically(root / SIDE / "captions.json", captions)
    build_features(settings(root, raw), small.DATASET, root, CPU)
    store = read_store(root / "features" / small.DATASET / "caption_tokens.safetensors")
    assert set(store.rows) == OF_TWEETS - {"train3", "train5"}


def test_the_encoder_is_run_as_the_parameters_say(
    root: Path, raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def features(
        captions: dict[str, str], encoder: Any, tokenizer: Any, **options: Any
    ) -> dict[str, torch.Tensor]:
        asked.update(options, threads=torch.get_num_threads())
        return {"train0": torch.zeros(1, 4)}

    monkeypatch.setattr("mner.features.feature_building.caption_token_features", features)
    raw["encoders"]["another"] = {"package": str(small.write_encoder(root / "more", seed=1).package)}
    raw["recipe"]["threads"] = torch.get_num_threads() + 1
    config = settings(root, raw, max_regions=5, batch_size=3)
    build_features(config, small.DATASET, root, CPU)
    assert asked == {"max_regions": 5, "batch_size": 3, "device": CPU, "threads": raw["recipe"]["threads"]}
    store = read_store(root / "features" / small.DATASET / "caption_tokens.safetensors")
    assert store.provenance["encoder_sha256"] == extraction_fingerprint_of(config.encoders["tiny"])


def test_an_extractor_gets_its_options_and_the_places_it_may_use(
    root: Path, raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def load(name: str, around: Any, options: Any) -> Any:
        asked.append((name, around, dict(options)))
        return tiny.TinyGrid()

    monkeypatch.setattr("mner.features.feature_building.load_extractor", load)
    extractors = {"grid": {"name": "some", "batch_size": 7, "options": {"seed": 3}}}
    places = Places(root / "cache", (root / "mirror",), None, network=False)
    with cpu_threads(3):
        build_features(settings(root, raw, "grid", extractors=extractors), small.DATASET, root, CPU, places)
    ((name, around, options),) = asked
    assert (name, options) == ("some", {"seed": 3})
    assert (around.device, around.cache, around.mirrors) == (CPU, root / "cache", (root / "mirror",))
    assert (around.network, around.threads) == (False, 3)
    store = read_store(root / "features" / small.DATASET / "grid.safetensors")
    assert store.provenance["batch_size"] == 7
    assert set(store.rows) == {"train0", "train1"}


def test_tokens_are_made_of_extracted_captions_after_they_were_extracted(
    root: Path, raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Captions(tiny.TinyGrid):
        def extract(self, prepared: Any) -> list[Caption]:
            return [Caption("a person") for _ in prepared]

    monkeypatch.setattr("mner.features.feature_building.load_extractor", lambda *_: Captions(kind="captions"))
    raw["data"]["captions"] = {small.DATASET: "extracted"}
    extractors = {"captions": {"name": "some", "batch_size": 7}}
    config = settings(root, raw, "caption-tokens", "captions", extractors=extractors)
    build_features(config, small.DATASET, root, CPU, Places(root, (), None, network=False))
    store = read_store(root / "features" / small.DATASET / "caption_tokens.safetensors")
    assert set(store.rows) == {"train0", "train1"}
    assert store.provenance["captions"] == "extracted"


def test_kinds_made_of_pictures_need_places_to_look_for_them(root: Path, raw: dict[str, Any]) -> None:
    config = settings(root, raw, "grid", extractors={"grid": {"name": "some", "batch_size": 7}})
    with pytest.raises(ValueError, match=names("toy", "grid")):
        build_features(config, small.DATASET, root, CPU)


def test_a_folder_among_the_features_is_left_alone(root: Path, raw: dict[str, Any]) -> None:
    kept = root / "features" / small.DATASET / "mine" / "notes.json"
    write_json_atomically(kept, {})
    build_features(settings(root, raw), small.DATASET, root, CPU)
    assert kept.is_file()
