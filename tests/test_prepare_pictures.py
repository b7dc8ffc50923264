"""Preparing a data set with a folder of pictures: which are looked for, and what is remembered of them."""

from __future__ import annotations

import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mner.data.prepare import prepare

AUDIT = runpy.run_path(str(Path(__file__).with_name("test_audit.py")))
DATASET = "twitter2015"


def _draw(folder: Path, image: str, shade: int) -> str:
    """Draw ``<image>.jpg`` and give its SHA-256."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{image}.jpg"
    Image.new("L", (8, 8), shade).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _prepared(root: Path, arrivals: Path | None = None) -> dict[str, Any]:
    """Prepare the small data set of ``test_audit.py``; its findings by id, and what ``side`` holds of pictures."""
    sources = AUDIT["fake_sources"](root / "in")
    prepare(DATASET, root / "out", sources, images=root / "pictures", arrivals=arrivals)
    findings = json.loads((root / "out" / "audit" / "findings.json").read_text(encoding="utf-8"))
    side = {
        name: json.loads((root / "out" / "side" / f"{name}.json").read_text()) for name in ("pixels", "images")
    }
    return {one["id"]: one for one in findings} | side


def test_pictures_of_tweets_and_of_published_neighbours_are_looked_for_and_no_others(tmp_path: Path) -> None:
    hashes = {image: _draw(tmp_path / "pictures", image, 7) for image in ("alpha1", "3", "unwanted")}
    found = _prepared(tmp_path)
    wanted = {"alpha1", "3"}
    assert found["pixels"] == {image: {"file": f"{image}.jpg", "sha256": hashes[image]} for image in wanted}
    assert found["pixels.found"]["seen"] == 2
    missing = sorted({"beta1", "gamma1", *map(str, range(10))} - wanted)
    assert (found["pixels.missing"]["seen"], found["pixels.missing"]["images"]) == (len(missing), missing)


def test_a_picture_known_to_be_none_of_its_tweet_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mner.data.audit.SHARED_CAPTION", 1)
    for image in ("alpha1", "beta1"):
        _draw(tmp_path / "pictures", image, 7)
    found = _prepared(tmp_path)
    assert found["images"] == {"invalid": ["alpha1"]}
    assert list(found["pixels"]) == ["beta1"]


def test_the_first_arrival_of_a_picture_is_remembered_and_another_one_later_is_left_out(tmp_path: Path) -> None:
    arrivals = tmp_path / "arrivals.json"
    first = {image: _draw(tmp_path / "pictures", image, 7) for image in ("alpha1", "beta1")}
    assert _prepared(tmp_path, arrivals)["pixels"].keys() == first.keys()
    assert json.loads(arrivals.read_text()) == first
    _draw(tmp_path / "pictures", "alpha1", 200)
    late = _draw(tmp_path / "pictures", "gamma1", 9)
    found = _prepared(tmp_path, arrivals)
    assert found["pixels"].keys() == {"beta1", "gamma1"}
    assert (found["pixels.changed"]["severity"], found["pixels.changed"]["images"]) == ("defect", ["alpha1"])
    assert json.loads(arrivals.read_text()) == first | {"gamma1": late}, (
        "the first arrival stays the one that counts"
    )


def test_a_torn_memory_of_arrivals_is_refused_with_what_to_do(tmp_path: Path) -> None:
    arrivals = tmp_path / "arrivals.json"
    arrivals.write_text('{"alpha1": ')
    _draw(tmp_path / "pictures", "alpha1", 7)
    with pytest.raises(ValueError, match=r"arrivals\.json.*delete it: the pictures as they are now"):
        _prepared(tmp_path, arrivals)
