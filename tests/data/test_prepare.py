"""Preparing a data set: what is written of lists and annotations, which pictures are looked for and remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.fake_sources import fake_sources

from mner.data.prepare import prepare
from mner.data.sources import SourceFile

DATASET = "twitter2015"


def _draw(folder: Path, image: str, shade: int) -> str:
    """Draw ``<image>.jpg`` and give its SHA-256."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{image}.jpg"
    Image.new("L", (8, 8), shade).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sources(folder: Path) -> Callable[[SourceFile], Path]:
    """The small files of ``support.fake_sources``, with two lists of their own and no dev record."""
    fetch = fake_sources(folder)

    def fetched(source: SourceFile) -> Path:
        path = fetch(source)
        if source.role == "retrieval":
            words, tags, image, *_ = path.read_text(encoding="utf-8").split("\n")
            if source.split == "dev":
                words, image = "of another", "unknown.jpg"
            lists = [
                *(" ".join(str(0.9 - place / 20) for place in range(10)), " ".join(f"{n}.jpg" for n in range(10))),
                *(
                    " ".join(str(0.4 - place / 40) for place in range(10)),
                    " ".join(f"{n}.jpg" for n in range(9, 19)),
                ),
            ]
            path.write_text("\n".join([words, tags, image, *lists, ""]), encoding="utf-8")
        return path

    return fetched


def _prepared(root: Path, arrivals: Path | None = None) -> dict[str, Any]:
    """Prepare small files; the findings by id, and what ``side`` holds of pictures."""
    sources = _sources(root / "in")
    prepare(DATASET, root / "out", sources, images=root / "pictures", arrivals=arrivals)
    findings = json.loads((root / "out" / "audit" / "findings.json").read_text(encoding="utf-8"))
    side = {
        name: json.loads((root / "out" / "side" / f"{name}.json").read_text()) for name in ("pixels", "images")
    }
    return {one["id"]: one for one in findings} | side


def test_published_lists_keep_their_scores_and_a_sentence_without_a_record_has_none(tmp_path: Path) -> None:
    prepare(DATASET, tmp_path / "out", _sources(tmp_path / "in"))
    held = json.loads((tmp_path / "out" / "side" / "retrieval.json").read_text())
    assert (held["k"], held["dev"]) == (10, [None])
    (train,) = held["train"]
    assert train["inter_images"] == [str(number) for number in range(10)]
    assert train["intra_images"] == [str(number) for number in range(9, 19)]
    assert (train["inter_scores"][:2], train["intra_scores"][:2]) == ([0.9, 0.85], [0.4, 0.375])


def test_a_data_set_of_one_annotation_has_no_other_and_its_audit_is_a_table(tmp_path: Path) -> None:
    prepare("twitter2017", tmp_path / "out", _sources(tmp_path / "in"))
    assert [path.name for path in (tmp_path / "out" / "gold").iterdir()] == ["test.jsonl"]
    assert json.loads((tmp_path / "out" / "side" / "objects.json").read_text()) == {}
    assert (tmp_path / "out" / "audit" / "audit.md").read_text().startswith("# Audit of twitter2017\n")


def test_pictures_of_tweets_and_of_published_neighbours_are_looked_for_and_no_others(tmp_path: Path) -> None:
    hashes = {image: _draw(tmp_path / "pictures", image, 7) for image in ("alpha1", "3", "12", "unwanted")}
    found = _prepared(tmp_path)
    wanted = {"alpha1", "3", "12"}
    assert found["pixels"] == {image: {"file": f"{image}.jpg", "sha256": hashes[image]} for image in wanted}
    assert found["pixels.found"]["seen"] == 3
    missing = sorted({"beta1", "gamma1", *map(str, range(19))} - wanted)
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
