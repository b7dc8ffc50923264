"""The result of an extraction is the store of before, in order, with everything left out said and listed."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from support import tiny_extractor as tiny

from mner.features.extraction_results import merge_regions
from mner.features.found import Regions
from mner.features.found_files import object_labels, read_found
from mner.features.shards import ExtractionError, WorkFolder
from mner.features.store import FeatureError, read_store, write_store

COUNT = 30


@pytest.fixture
def pictures(tmp_path) -> Path:
    tiny.draw(tmp_path / "pictures", COUNT)
    return tmp_path / "pictures"


def test_the_store_is_the_one_that_write_store_writes(pictures, tmp_path):
    done = tiny.run(pictures, tmp_path / "out", tmp_path / "work")
    path = tmp_path / "out" / "grid.safetensors"
    store = read_store(path)
    assert list(store.rows) == sorted(one.stem for one in pictures.iterdir())
    assert (done.path, done.computed, done.with_results, done.refused) == (path, COUNT, COUNT, {})
    features = {i: store.values[store.offsets[r] : store.offsets[r + 1]].float() for i, r in store.rows.items()}
    write_store(tmp_path / "again.safetensors", features, store.provenance)
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert path.with_suffix(".json").read_bytes() == (tmp_path / "again.json").read_bytes()
    extractor = tiny.TinyGrid()
    image = pictures / "p003.png"
    (expected,) = extractor.extract([extractor.prepare(tiny.Image.open(image))])
    np.testing.assert_allclose(features["p003"].numpy(), expected.values, atol=1e-3)
    assert not (tmp_path / "work").exists()
    assert "30 pictures -> " in done.render()
    assert "masked: none" in done.render()


def test_boxes_lie_beside_the_vectors_and_the_store_opens_all_the_same(pictures, tmp_path):
    tiny.run(pictures, tmp_path, tmp_path / "work", tiny.TinyGrid(kind="crops"))
    tensors = load_file(tmp_path / "crops.safetensors")
    assert tensors["boxes"].shape == (COUNT * 16, 4)
    assert tensors["boxes"][17].tolist() == [0.25, 0.0, 0.5, 0.25]
    assert read_store(tmp_path / "crops.safetensors").values.shape == (COUNT * 16, tiny.WIDTH)


def test_the_result_depends_neither_on_workers_nor_on_the_size_of_shards(pictures, tmp_path):
    tiny.run(pictures, tmp_path / "one", tmp_path / "work", workers=1, pictures_per_shard=4)
    tiny.run(pictures, tmp_path / "two", tmp_path / "work", workers=5, pictures_per_shard=100)
    assert tiny.everything(tmp_path / "one") == tiny.everything(tmp_path / "two")


def test_what_no_tensor_holds_becomes_one_file(pictures, tmp_path):
    tiny.run(pictures, tmp_path, tmp_path / "work", tiny.Brightness())
    provenance, found = read_found(tmp_path / "tags.json")
    assert (provenance["kind"], provenance["extractor"]) == ("tags", {"model": "mean of the pixels"})
    assert list(found) == sorted(one.stem for one in pictures.iterdir())
    assert {one.items[0].label for one in found.values()} == {"light", "dark"}
    with pytest.raises(FeatureError):
        object_labels(tmp_path / "tags.json", score=0.5)


def test_a_result_that_stands_is_left_as_it_is_until_something_changes(pictures, tmp_path):
    place = pictures, tmp_path / "out", tmp_path / "work"
    tiny.run(*place)
    extractor = tiny.TinyGrid()
    assert tiny.run(*place, extractor).computed == extractor.seen == 0
    changed = tiny.TinyGrid(seed=1)
    assert tiny.run(*place, changed).computed == changed.seen == COUNT
    shutil.copy(pictures / "p000.jpg", pictures / "q.jpg")
    assert tiny.run(*place, changed).computed == COUNT + 1
    (tmp_path / "out" / "grid.findings.json").write_text("torn")
    assert tiny.run(*place, changed).computed == COUNT + 1


# ---- pictures that are left out


def test_unusable_pictures_are_masked_listed_and_taken_in_once_they_are_there(pictures, tmp_path):
    whole = (pictures / "p001.png").read_bytes()
    faults = {"p001.png": b"", "p004.jpg": b"GIF87a\1\0", "p006.jpg": (pictures / "p006.jpg").read_bytes()[:300]}
    for name, content in faults.items():
        (pictures / name).write_bytes(content)
    (tmp_path / "secret.png").write_bytes(whole)
    (pictures / "p009.png").unlink()
    (pictures / "p009.png").symlink_to(tmp_path / "secret.png")
    place = pictures, tmp_path / "out", tmp_path / "work"
    done = tiny.run(*place)
    kinds = {image: refusal.kind for image, refusal in done.refused.items()}
    assert kinds == {"p001": "empty", "p004": "wrong format", "p006": "damaged", "p009": "outside"}
    assert set(read_store(done.path).rows) == {one.stem for one in pictures.iterdir()} - set(kinds)
    listed = json.loads((tmp_path / "out" / "grid.findings.json").read_text())
    assert (listed["pictures_wanted"], listed["pictures_masked"]) == (COUNT, 4)
    assert listed["masked_by_kind"] == {"damaged": 1, "empty": 1, "outside": 1, "wrong format": 1}
    assert [one["image"] for one in listed["findings"]] == sorted(kinds)
    assert listed["findings"][0]["what"].startswith("p001.png: ")
    assert "masked: 1 damaged, 1 empty, 1 outside, 1 wrong format" in done.render()
    assert str(tmp_path) not in json.dumps(listed)
    (pictures / "p001.png").write_bytes(whole)
    assert "p001" in read_store(tiny.run(*place).path).rows


def test_a_shard_whose_pictures_all_lack_regions_leaves_no_trace_in_the_vectors(tmp_path):
    work = WorkFolder(tmp_path / "work", {"kind": "made up"})
    work.open()
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = [[("a", vectors[:0]), ("b", vectors[:0])], [("c", vectors)], [("d", vectors[:0])]]
    for boxed in (False, True):
        shards = [
            work.write(n, [(i, Regions(v, np.zeros((len(v), 4)) if boxed else None)) for i, v in part], {})
            for n, part in enumerate(found)
        ]
        merge_regions(tmp_path / "grid.safetensors", work, shards, {})
        store = read_store(tmp_path / "grid.safetensors")
        assert list(store.rows) == ["a", "b", "c", "d"]
        assert store.offsets.tolist() == [0, 0, 0, 2, 2]
        np.testing.assert_array_equal(store.values.float().numpy(), vectors)


def test_a_picture_without_regions_is_present_and_empty(pictures, tmp_path):
    class NothingInDarkPictures(tiny.TinyGrid):
        def extract(self, prepared):
            found = super().extract(prepared)
            return [f if p.mean() > 0.4 else Regions(f.values[:0]) for f, p in zip(found, prepared, strict=True)]

    done = tiny.run(pictures, tmp_path, tmp_path / "work", NothingInDarkPictures())
    store = read_store(done.path)
    counts = np.diff(store.offsets)
    assert len(counts) == COUNT
    assert set(counts) == {0, 16}


def test_no_usable_picture_at_all_is_an_error(pictures, tmp_path):
    for one in pictures.iterdir():
        one.write_bytes(b"")
    with pytest.raises(FeatureError):
        tiny.run(pictures, tmp_path / "out", tmp_path / "work")
    assert json.loads((tmp_path / "out" / "grid.findings.json").read_text())["pictures_masked"] == COUNT
    assert not (tmp_path / "out" / "grid.safetensors").exists()


# ---- extractors at fault


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found[:-1],
        lambda found: [Regions(one.values * np.nan) for one in found],
        lambda found: [Regions(one.values + 70_000) for one in found],
        lambda found: [Regions(one.values[:, : 8 - i]) for i, one in enumerate(found)],
        lambda found: [Regions(one.values[0]) for one in found],
    ],
)
def test_what_cannot_be_features_is_refused(change, pictures, tmp_path):
    class Faulty(tiny.TinyGrid):
        def extract(self, prepared):
            return change(super().extract(prepared))

    with pytest.raises(ExtractionError):
        tiny.run(pictures, tmp_path / "out", tmp_path / "work", Faulty(), pictures_per_shard=4)


def test_a_failing_preparation_names_the_picture(pictures, tmp_path):
    class Fails(tiny.TinyGrid):
        def prepare(self, image):
            if image.size[0] == 26:
                raise ZeroDivisionError("of no width")
            return super().prepare(image)

    with pytest.raises(ExtractionError):
        tiny.run(pictures, tmp_path / "out", tmp_path / "work", Fails())


# ---- memory


def test_merging_holds_one_shard_in_memory_not_the_store(tmp_path):
    """A store of 48 MiB is merged from shards of 3 MiB in less than 8 MiB."""
    held = WorkFolder(tmp_path / "work", {})
    held.open()
    values = np.ones((64, 8192), dtype=np.float32)
    shards = [
        held.write(number, [(f"i{number:03d}-{k}", Regions(values * (number + 1))) for k in range(3)], {})
        for number in range(16)
    ]
    path = tmp_path / "grid.safetensors"
    tracemalloc.start()
    try:
        merge_regions(path, held, shards, {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 48 * 2**20
    assert 3 * 2**20 < peak < 8 * 2**20  # the lower bound says that the tensors are counted at all
    store = read_store(path)
    assert [float(store.values[int(store.offsets[3 * n]), 7]) for n in (0, 15)] == [1.0, 16.0]
