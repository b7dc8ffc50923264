"""Decoding of detector heads and suppression of repeats, on cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import names

from mner.data.side_data import COCO_80, canonical_name
from mner.features.extractors.detr import decode_detr
from mner.features.extractors.yolox import (
    PADDING,
    SIDE,
    YoloxObjects,
    decode_yolox,
    letterboxed,
    overlaps,
    select_objects,
    suppress_repeats,
    weight_source,
)
from mner.features.found import Objects, fractions

ANCHORS = 52 * 52 + 26 * 26 + 13 * 13


class PlantedSession:
    """Stands where ONNX Runtime does: the raw head is planted, the input is kept."""

    def __init__(self, raw: np.ndarray) -> None:
        self.raw, self.seen = raw, []

    def get_inputs(self):
        return [type("Input", (), {"name": "pixels"})()]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]

    def run(self, _, inputs):
        self.seen.append(inputs["pixels"])
        return [self.raw[None]]


def planted(objects: dict[int, tuple[tuple[float, ...], float, int, float]]) -> np.ndarray:
    """A raw head silent but for some anchors: offsets and log extents, objectness, class, probability."""
    raw = np.zeros((ANCHORS, 85), dtype=np.float32)
    for anchor, (geometry, objectness, number, probability) in objects.items():
        raw[anchor, :4], raw[anchor, 4], raw[anchor, 5 + number] = geometry, objectness, probability
    return raw


def test_decoding_runs_over_strides_then_rows_then_columns():
    # Stride 16 begins at 52 * 52; row 2, column 3 of its 26 x 26 cells; 4 strides wide, 2 high.
    anchor = 52 * 52 + 2 * 26 + 3
    raw = planted({anchor: ((0.5, 0.25, np.log(4), np.log(2)), 0.5, 7, 0.8)})
    boxes, scores = decode_yolox(raw, SIDE)
    centre = ((3 + 0.5) * 16, (2 + 0.25) * 16)
    np.testing.assert_allclose(
        boxes[anchor], [centre[0] - 32, centre[1] - 16, centre[0] + 32, centre[1] + 16], rtol=1e-6
    )
    assert scores[anchor, 7] == pytest.approx(0.4)
    assert scores.sum() == pytest.approx(0.4)
    # A silent anchor is one stride wide around its cell's corner; the last one has stride 32.
    np.testing.assert_allclose(boxes[-1], [12 * 32 - 16, 12 * 32 - 16, 12 * 32 + 16, 12 * 32 + 16])


def test_a_head_of_another_size_is_refused():
    with pytest.raises(ValueError, match=names(10, 416, 3549)):
        decode_yolox(np.zeros((10, 85), dtype=np.float32), SIDE)


def test_overlap_is_intersection_over_union():
    box = np.array([0, 0, 2, 2.0])
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 4, 4], [0, 0, 1, 1], [5, 5, 5, 5]], dtype=float)
    np.testing.assert_allclose(overlaps(box, others), [1, 1 / 3, 0, 1 / 4, 0])
    np.testing.assert_array_equal(overlaps(others[4], others[4:]), [0.0])


def test_repeats_go_within_a_class_only_and_ties_keep_their_order():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 10]], dtype=float)
    scores = np.array([0.8, 0.9, 0.7, 0.9, 0.8])
    classes = np.array([0, 0, 1, 0, 0])
    # 1 beats 0 and 4 (overlap .9); 2 is of another class; 3 is elsewhere and ties with 1, coming after it.
    assert suppress_repeats(boxes, scores, classes, 0.5) == [1, 3, 2]
    assert suppress_repeats(boxes, scores, classes, 0.95) == [1, 3, 0, 2]


def test_a_repeat_that_overlaps_no_more_than_allowed_stays():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 4]], dtype=float)
    scores, classes = np.array([0.9, 0.8, 0.7]), np.zeros(3, dtype=int)
    assert suppress_repeats(boxes[:2], scores[:2], classes[:2], 0.5) == [0, 1], "exactly half"
    assert suppress_repeats(boxes[::2], scores[::2], classes[::2], 0.39) == [0]


def test_many_equal_scores_are_taken_in_their_order():
    """Of 200: numpy sorts a few in their order whatever it is asked for."""
    corners = 20.0 * np.arange(200)[:, None]
    boxes = np.concatenate([corners, 0 * corners, corners + 10, 0 * corners + 10], axis=1)
    scores = np.tile([0.5, 0.75], 100)
    kept = suppress_repeats(boxes, scores, np.zeros(200, dtype=int), 0.5)
    assert kept == [*range(1, 200, 2), *range(0, 200, 2)]


def test_what_stays_does_not_overlap_and_what_goes_does():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (80, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, (80, 2))], axis=1)
    scores, classes = rng.uniform(size=80).round(1), rng.integers(0, 3, 80)
    kept = suppress_repeats(boxes, scores, classes, 0.4)
    for position in range(80):
        better = [k for k in kept if classes[k] == classes[position] and k != position]
        rivals = [k for k in better if (-scores[k], k) < (-scores[position], position)]
        repeated = bool(rivals) and overlaps(boxes[position], boxes[rivals]).max() > 0.4
        assert repeated == (position not in kept)


@pytest.mark.parametrize("size", [(832, 416), (200, 800), (416, 416), (31, 17), (3000, 5)])
def test_a_planted_box_comes_back_in_fractions_of_the_original(size):
    """The detector sees a picture fitted into its square: fractions must not depend on the square."""
    width, height = size
    factor = SIDE / max(size)
    wanted = np.array([0.25, 0.5, 0.75, 1.0])
    pixels = wanted * [width, height, width, height] * factor
    centre, extent = (pixels[:2] + pixels[2:]) / 2, pixels[2:] - pixels[:2]
    raw = planted({0: ((*(centre / 8), *np.log(extent / 8)), 1.0, 16, 0.9)})
    detector = YoloxObjects(PlantedSession(raw), "0" * 64)
    prepared = detector.prepare(Image.new("RGB", size, "white"))
    (found,) = detector.extract([prepared])
    assert [(item.label, round(item.score, 6)) for item in found.items] == [("dog", 0.9)]
    # Fitted sides are whole pixels, so a fraction may move by one pixel of the fitted side.
    assert np.abs(np.array(found.items[0].box) - wanted).max() <= 1.01 / min(prepared.shape[:2])


def test_boxes_are_cut_at_the_picture_and_dropped_in_the_padding():
    inside = ((2, 2, np.log(16), np.log(16)), 1.0, 0, 0.9)  # 16 to 16 around (16, 16): left and top lie outside
    below = ((25, 40, 0, 0), 1.0, 0, 0.9)  # centre at row 320 of a picture that is 208 rows high
    found = YoloxObjects(PlantedSession(planted({0: inside, 1: below})), "0" * 64).extract(
        [np.zeros((208, 416, 3), dtype=np.uint8)]
    )
    assert [item.box for item in found[0].items] == [(0.0, 0.0, 80 / 416, 80 / 208)]


def test_score_overlap_and_limit_of_the_detector_are_those_it_was_given():
    # Two boxes that overlap by a third, a weaker one elsewhere, and one weaker than the default score.
    raw = planted(
        {
            0: ((2, 2, 0, 0), 1.0, 0, 0.9),
            1: ((1.5, 2, 0, 0), 1.0, 0, 0.8),
            2: ((8, 8, 0, 0), 1.0, 0, 0.35),
            3: ((12, 12, 0, 0), 1.0, 0, 0.25),
        }
    )
    for options, scores in (
        ({}, [0.9, 0.8, 0.35]),
        ({"overlap": 0.3}, [0.9, 0.35]),
        ({"score": 0.2}, [0.9, 0.8, 0.35, 0.25]),
        ({"limit": 1}, [0.9]),
    ):
        (found,) = YoloxObjects(PlantedSession(raw), "0" * 64, **options).extract(
            [np.zeros((416, 416, 3), dtype=np.uint8)]
        )
        assert [round(item.score, 6) for item in found.items] == scores, options


def test_the_network_sees_blue_first_and_padding_below():
    session = PlantedSession(planted({}))
    picture = np.zeros((416, 208, 3), dtype=np.uint8)
    picture[..., 0], picture[..., 2] = 10, 30
    assert YoloxObjects(session, "0" * 64).extract([picture]) == [Objects(())]
    seen = session.seen[0]
    assert (seen.shape, seen.dtype) == ((1, 3, SIDE, SIDE), np.float32)
    assert seen[0, :, 5, 100].tolist() == [30, 0, 10]
    assert seen[0, :, 5, 300].tolist() == [PADDING] * 3
    np.testing.assert_array_equal(seen, letterboxed(picture))


def test_best_class_threshold_and_limit():
    boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], dtype=np.float32)
    scores = np.array([[0.2, 0.5], [0.29, 0.1], [0.6, 0.6]], dtype=np.float32)
    options = {"width": 100, "height": 20, "score": 0.3, "overlap": 0.5}
    found = select_objects(boxes, scores, ("a", "b"), **options, limit=5)
    assert [(item.label, item.box) for item in found.items] == [("a", (0.4, 0, 0.5, 0.5)), ("b", (0, 0, 0.1, 0.5))]
    assert len(select_objects(boxes, scores, ("a", "b"), **options, limit=1).items) == 1


def test_an_object_of_just_the_score_counts_and_one_in_the_padding_takes_no_place():
    boxes = np.array([[0, 50, 10, 60], [0, 0, 10, 10], [20, 0, 30, 10]], dtype=np.float32)
    scores = np.array([[0.75], [0.5], [0.25]], dtype=np.float32)
    options = {"width": 100, "height": 40, "overlap": 0.5, "limit": 2}
    found = select_objects(boxes, scores, ("a",), score=0.25, **options)
    assert [item.score for item in found.items] == [0.5, 0.25]


def test_detr_boxes_are_centre_and_extent_and_the_last_class_is_nothing():
    logits = torch.tensor([[0.0, 9.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    boxes = torch.tensor([[0.5, 0.5, 0.5, 0.25], [0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    found = decode_detr(logits, boxes, {0: "cat", 1: "dog"}, score=0.5, limit=9)
    assert [(item.label, item.box) for item in found.items] == [
        ("dog", (0.25, 0.375, 0.75, 0.625)),
        ("cat", (0.0, 0.0, 0.25, 0.25)),
    ]


def test_detr_keeps_objects_of_just_the_score_and_drops_boxes_without_extent_or_outside():
    logits = torch.tensor([[0.0, -99.0, 0.0], [9.0, 0.0, 0.0], [9.0, 0.0, 0.0]])
    boxes = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.0, 0.5], [2.0, 0.5, 0.5, 0.5]])
    found = decode_detr(logits, boxes, {0: "cat", 1: "dog"}, score=0.5, limit=9)
    assert [(item.label, item.score) for item in found.items] == [("cat", 0.5)]
    below = decode_detr(logits[:1], boxes[:1], {0: "cat", 1: "dog"}, score=0.51, limit=9)
    assert below.items == (), "nothing is found, though the one before the last class is best"


def test_fractions_never_leave_the_picture():
    assert fractions((-5, 10, 250, 90), 200, 100) == (0.0, 0.1, 1.0, 0.9)


def test_the_detector_numbers_classes_as_its_class_file_does(mirror):
    path = mirror / weight_source().path.replace("model/yolox_nano.onnx", "coco_classes.txt")
    names = path.read_text(encoding="utf-8").split("\n")
    assert tuple(canonical_name(name.strip()) for name in names if name.strip()) == COCO_80
