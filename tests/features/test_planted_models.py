"""What extractors ask of their model and make of its answer; stand-ins answer what a test tells them to."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mner.features.extractors.blip import BlipCaptions
from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.crops import CropRegions, cut_out
from mner.features.extractors.detr import DetrObjects
from mner.features.extractors.efficientnet import EfficientNetGrid, EfficientNetTags, pooled_map
from mner.features.extractors.rapid_ocr import RapidOcrLines
from mner.features.extractors.tesseract import TesseractLines, lines_of
from mner.features.extractors.yolox import YoloxObjects
from mner.features.found import Caption, Detection, Found, Lines, Objects, Regions

CPU = torch.device("cpu")
BLACK = Image.new("RGB", (40, 30))


def stripes(width: int, height: int) -> Image.Image:
    """Red counts columns, green counts rows."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return Image.fromarray(np.stack([columns, rows, 0 * rows], axis=-1))


class PlantedCaptioner(nn.Module):
    """Keeps what it was asked for; stands where BLIP's network and its tokenizer do."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.config = SimpleNamespace(vision_config=SimpleNamespace(image_size=8))
        self.said, self.asked = said, {}

    def generate(self, **asked: Any) -> Tensor:
        self.asked = asked
        return torch.zeros(len(asked["pixel_values"]), 3, dtype=torch.long)

    def batch_decode(self, pieces: Tensor, *, skip_special_tokens: bool) -> list[str]:
        return [self.said if skip_special_tokens else f"[CLS] {self.said}" for _ in pieces]


BLIP = {"pieces": 20, "beams": 3}


class TestBlip:
    def test_it_asks_for_pieces_and_beams_and_gives_the_bare_words(self) -> None:
        planted = PlantedCaptioner(" a dog\n that  runs ")
        extractor = BlipCaptions(planted, planted, CPU, {"model": "x"}, pieces=7, beams=3)
        assert extractor.extract([]) == []
        assert planted.asked == {}
        assert extractor.extract([extractor.prepare(BLACK)] * 2) == [Caption("a dog that runs")] * 2
        pixels = planted.asked.pop("pixel_values")
        assert planted.asked == {"max_new_tokens": 7, "num_beams": 3, "do_sample": False}
        # The mean and deviation that CLIP states, in shares of 255.
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])
        deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711])
        torch.testing.assert_close(pixels[1, :, 3, 4], -mean / deviation, rtol=1e-5, atol=1e-6)
        assert extractor.provenance["generation"] == "at most 7 pieces, 3 beams, no prompt"
        assert extractor.provenance["model"] == "x"

    def test_a_picture_is_squeezed_with_bicubic_resampling(self) -> None:
        planted = PlantedCaptioner("")
        picture = stripes(40, 30)
        expected = np.array(picture.resize((8, 8), Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(BlipCaptions(planted, planted, CPU, {}, **BLIP).prepare(picture), expected)

    @pytest.mark.parametrize("options", [{"pieces": 0}, {"beams": 0}])
    def test_no_piece_and_no_beam_are_refused(self, options: dict[str, int]) -> None:
        with pytest.raises(ExtractorError):
            BlipCaptions(PlantedCaptioner(""), None, CPU, {}, **{**BLIP, **options})


class PlantedObjects:
    """Finds the planted boxes in every picture."""

    kind = "objects"

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.provenance = {"model": "planted objects", "weights_sha256": "d" * 64}
        self.found = Objects(tuple(Detection("a", 0.5, box) for box in boxes))

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.array(image)

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        return [self.found for _ in prepared]


class PlantedGrid:
    """Two regions a cut: its width and height, and three times as much; counts the cuts of each batch."""

    kind = "grid"

    def __init__(self) -> None:
        self.provenance = {"model": "planted grid", "weights_sha256": "9" * 64}
        self.batches: list[int] = []

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.array(image)

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        self.batches.append(len(prepared))
        sizes = [np.array([cut.shape[1], cut.shape[0]], dtype=np.float32) for cut in prepared]
        return [Regions(np.stack([size, 3 * size])) for size in sizes]


class TestCrops:
    def test_each_picture_has_the_vectors_of_its_own_cuts_however_many_there_are(self) -> None:
        grid = PlantedGrid()
        crops = CropRegions(PlantedObjects((0, 0, 0.5, 1), (0.5, 0, 1, 0.5), (0, 0, 0.25, 0.25)), grid)
        found = crops.extract([crops.prepare(Image.new("RGB", (8 * n, 16))) for n in range(1, 21)])
        assert grid.batches == [32, 32, 16], "a batch of cuts never grows with the pictures"
        for n, one in enumerate(found, start=1):
            sizes = np.array([(4 * n, 16), (4 * n, 8), (2 * n, 4), (8 * n, 16)])
            np.testing.assert_array_equal(one.values, 2 * sizes)

    def test_pictures_are_shrunk_before_they_are_cut(self) -> None:
        prepared = CropRegions(PlantedObjects(), PlantedGrid()).prepare(Image.new("RGB", (2048, 10)))
        assert prepared.shape == (5, 1024, 3)

    def test_a_cut_holds_every_pixel_that_its_box_touches(self) -> None:
        cut = cut_out(stripes(10, 20), (0.25, 0.26, 0.51, 0.57))
        assert (cut.size, cut.getpixel((0, 0)), cut.getpixel((3, 6))) == ((4, 7), (2, 5, 0), (5, 11, 0))

    def test_a_cut_beyond_the_lower_right_border_is_the_last_pixel(self) -> None:
        assert cut_out(stripes(10, 20), (1.0, 1.0, 1.0, 1.0)).getpixel((0, 0)) == (9, 19, 0)

    def test_provenance_names_the_weights_that_make_the_vectors_and_the_number_of_objects(self) -> None:
        provenance = CropRegions(PlantedObjects(), PlantedGrid(), objects=2).provenance
        assert provenance["weights_sha256"] == "9" * 64
        assert provenance["detector"]["weights_sha256"] == "d" * 64
        assert "best 2 objects" in provenance["regions"]
        with pytest.raises(ExtractorError):
            CropRegions(PlantedObjects(), PlantedGrid(), objects=-1)


class PlantedNetwork(nn.Module):
    """Gives planted class scores, and its own input as feature map; stands where a picture network does."""

    def __init__(self, scores: Sequence[float] = ()) -> None:
        super().__init__()
        self.scores, self.seen = torch.tensor(scores), torch.empty(0)
        self.config = SimpleNamespace(id2label={0: "cat", 1: "dog"})

    def extract_features(self, pixels: Tensor) -> Tensor:
        return pixels

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen = pixels
        return self.scores.repeat(len(pixels), 1)


class TestEfficientNet:
    def test_the_network_sees_the_middle_of_the_picture_from_minus_one_to_one(self) -> None:
        picture = Image.new("RGB", (292, 292), "white")
        picture.paste("black", (16, 16, 276, 276))
        for extractor in (
            EfficientNetGrid(PlantedNetwork(), CPU, pool=None),
            EfficientNetTags(PlantedNetwork([0.0]), CPU, ["a"], top=1),
        ):
            prepared = extractor.prepare(picture)
            assert prepared.shape == (260, 260, 3)
            assert not prepared.any(), "the white frame of 16 px is cut off"
        (black,) = EfficientNetGrid(PlantedNetwork(), CPU, None).extract([prepared])
        (white,) = EfficientNetGrid(PlantedNetwork(), CPU, None).extract([prepared + 255])
        assert (set(black.values.ravel()), set(white.values.ravel())) == ({-127 / 128}, {1.0})

    def test_classes_that_share_a_name_are_added_up_and_equal_ones_keep_their_order(self) -> None:
        names = ["crane", "dog", *(f"rest {number:02d}" for number in range(30)), "crane"]
        extractor = EfficientNetTags(PlantedNetwork([1.0, 1.5, *[0.0] * 30, 1.0]), CPU, names, top=32)
        (found,) = extractor.extract([extractor.prepare(BLACK)])
        assert [tag.label for tag in found.items] == list(dict.fromkeys(names))
        crane, dog, rest = (found.items[place].score for place in (0, 1, 2))
        assert (crane / rest, dog / rest) == pytest.approx((2 * np.e, np.exp(1.5)), rel=1e-5)

    @pytest.mark.parametrize("top", [0, 3])
    def test_as_many_labels_as_there_are_can_be_asked_for(self, top: int) -> None:
        with pytest.raises(ExtractorError):
            EfficientNetTags(PlantedNetwork(), CPU, ["a", "b", "a"], top=top)

    def test_regions_run_row_by_row_and_a_pool_of_none_of_them_is_refused(self) -> None:
        features = torch.arange(12.0).view(1, 2, 2, 3)
        assert pooled_map(features, None)[0].tolist() == [[x, x + 6] for x in (0, 1, 2, 3, 4, 5)]
        assert pooled_map(features, 1)[0].tolist() == [[2.5, 8.5]]
        for pool in (0, 3):
            with pytest.raises(ExtractorError):
                pooled_map(features, pool)


DETR = {"score": 0.5, "limit": 10, "short": 800, "long": 1333}


class TestDetr:
    @pytest.mark.parametrize(
        "options", [{"score": -0.1}, {"score": 1.1}, {"limit": 0}, {"short": 0}, {"short": 9, "long": 8}]
    )
    def test_options_that_mean_nothing_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ExtractorError):
            DetrObjects(PlantedNetwork(), CPU, {}, **{**DETR, **options})

    def test_the_short_side_is_brought_to_its_length_unless_the_long_one_would_pass_its_own(self) -> None:
        extractor = DetrObjects(PlantedNetwork(), CPU, {}, **{**DETR, "short": 20, "long": 50})
        shapes = [extractor.prepare(Image.new("RGB", size)).shape[:2] for size in ((80, 40), (400, 40), (5, 10))]
        assert shapes == [(20, 40), (5, 50), (40, 20)]


class TestYolox:
    @pytest.mark.parametrize("options", [{"score": 1.1}, {"overlap": -0.1}, {"overlap": 1.1}, {"limit": 0}])
    def test_options_that_mean_nothing_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ExtractorError):
            YoloxObjects(None, "0" * 64, **options)


def lines_of_boxes(*lines: tuple[str, float, list[list[float]]]) -> SimpleNamespace:
    texts, scores, boxes = zip(*lines, strict=True)
    return SimpleNamespace(boxes=np.array(boxes), txts=texts, scores=scores)


class TestRapidOcr:
    def test_a_slanted_line_has_the_upright_box_around_it_in_fractions(self) -> None:
        slanted = [[10.0, 8.0], [50.0, 2.0], [52.0, 10.0], [12.0, 16.0]]
        reader = RapidOcrLines(lambda picture: lines_of_boxes(("way out", 0.75, slanted)), 0.5, "CPU")
        (found,) = reader.extract([reader.prepare(Image.new("RGB", (100, 20)))])
        assert [(one.text, one.score, one.box) for one in found.items] == [
            ("way out", 0.75, (0.1, 0.1, 0.52, 0.8))
        ]

    @pytest.mark.parametrize(("boxes", "texts"), [(None, None), (np.zeros((1, 4, 2)), None), (None, ("a",))])
    def test_boxes_without_text_and_text_without_boxes_are_no_lines(self, boxes: Any, texts: Any) -> None:
        result = SimpleNamespace(boxes=boxes, txts=texts, scores=None)
        reader = RapidOcrLines(lambda picture: result, 0.5, "CPU")
        assert reader.extract([reader.prepare(BLACK)]) == [Lines(())]

    def test_the_engine_sees_blue_first(self) -> None:
        reader = RapidOcrLines(None, 0.5, "CPU")
        assert reader.prepare(Image.new("RGB", (1, 1), (1, 2, 3))).tolist() == [[[3, 2, 1]]]

    @pytest.mark.parametrize("score", [-0.1, 1.1])
    def test_a_score_that_is_no_share_is_refused(self, score: float) -> None:
        with pytest.raises(ExtractorError):
            RapidOcrLines(None, score, "CPU")


class TestTesseract:
    def test_a_line_is_told_by_block_paragraph_and_number_and_weak_words_of_it_stay(self) -> None:
        words = [  # block, paragraph, line, text, confidence, left, top, width, height
            (1, 1, 1, "a", 90, 10, 12, 10, 8),
            (1, 1, 1, "weak", 30, 30, 10, 10, 6),
            (1, 1, 1, " ", 95, 0, 0, 90, 90),
            (1, 1, 1, "unread", -1, 0, 0, 90, 90),
            (1, 1, 2, "b", 90, 0, 30, 10, 10),
            (1, 2, 1, "c", 90, 0, 50, 10, 10),
            (2, 1, 1, "d", 90, 0, 70, 10, 10),
        ]
        names = ("block_num", "par_num", "line_num", "text", "conf", "left", "top", "width", "height")
        table = dict(zip(names, zip(*words, strict=True), strict=True))
        found = lines_of(table, 100, 100, 0.5).items
        assert [line.text for line in found] == ["a weak", "b", "c", "d"]
        assert (found[0].score, found[0].box) == (pytest.approx(0.6), (0.1, 0.1, 0.4, 0.2))

    def test_the_program_is_asked_for_language_and_layout_and_its_pixels_become_fractions(self) -> None:
        asked: list[tuple[Any, ...]] = []

        def read(picture: Image.Image, *, lang: str, config: str, output_type: str) -> dict[str, list[Any]]:
            asked.append((picture.size, lang, config, output_type))
            columns = {"text": [" way"], "conf": [75], "left": [10], "top": [4], "width": [40], "height": [8]}
            return columns | {part: [1] for part in ("block_num", "par_num", "line_num")}

        package = SimpleNamespace(image_to_data=read, Output=SimpleNamespace(DICT="dict"))
        reader = TesseractLines(package, "5.0", language="deu", layout=6, score=0.75)
        (found,) = reader.extract([reader.prepare(Image.new("RGB", (100, 20)))])
        assert asked == [((100, 20), "deu", "--psm 6", "dict")]
        assert [(one.text, one.score, one.box) for one in found.items] == [("way", 0.75, (0.1, 0.2, 0.5, 0.6))]
