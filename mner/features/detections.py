"""From a detector's raw numbers to objects: decoding a YOLOX head, suppression of repeats, boxes in fractions.

Plain functions on arrays. Boxes are left, top, right, bottom in pixels of the detector's input.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from mner.features.found import Detection, Objects, fractions

YOLOX_STRIDES: tuple[int, ...] = (8, 16, 32)


def decode_yolox(
    raw: Float[np.ndarray, "anchors columns"], side: int, strides: Sequence[int] = YOLOX_STRIDES
) -> tuple[Float[np.ndarray, "anchors 4"], Float[np.ndarray, "anchors classes"]]:
    """Boxes in pixels and class scores (objectness x class) of a raw YOLOX head (Ge et al., 2021, section 2.1).

    The columns are x, y offset from the cell in strides, logarithm of width and height in strides, objectness and
    classes as probabilities. Anchors run over strides, then rows, then columns of a ``side`` x ``side`` input.

    Raises:
        ValueError: the number of anchors does not fit ``side``.
    """
    cells, steps = _anchors(side, strides)
    if len(raw) != len(cells):
        raise ValueError(f"{len(raw)} anchors; an input of {side} px has {len(cells)} at strides {tuple(strides)}")
    centres = (raw[:, :2] + cells) * steps
    halves = np.exp(raw[:, 2:4]) * steps / 2
    return np.concatenate([centres - halves, centres + halves], axis=1), raw[:, 4:5] * raw[:, 5:]


def _anchors(side: int, strides: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of every anchor's cell (anchors, 2), and its stride (anchors, 1)."""
    cells, steps = [], []
    for stride in strides:
        rows, columns = np.divmod(np.arange((side // stride) ** 2), side // stride)
        cells.append(np.stack([columns, rows], axis=1))
        steps.append(np.full((len(rows), 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(steps).astype(np.float32)


def overlaps(box: Float[np.ndarray, "4"], boxes: Float[np.ndarray, "others 4"]) -> Float[np.ndarray, " others"]:
    """Intersection over union of one box with each of the others; 0 where both are empty."""
    corner = np.maximum(box[:2], boxes[:, :2])
    extent = np.clip(np.minimum(box[2:], boxes[:, 2:]) - corner, 0, None)
    shared = extent[:, 0] * extent[:, 1]
    union = _areas(box[None]) + _areas(boxes) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _areas(boxes: Float[np.ndarray, "boxes 4"]) -> Float[np.ndarray, " boxes"]:
    return (boxes[:, 2] - boxes[:, 0]).clip(0) * (boxes[:, 3] - boxes[:, 1]).clip(0)


def suppress_repeats(
    boxes: Float[np.ndarray, "boxes 4"],
    scores: Float[np.ndarray, " boxes"],
    classes: Int[np.ndarray, " boxes"],
    overlap: float,
) -> list[int]:
    """Positions of the boxes that stay, best first: greedy non-maximum suppression within each class.

    A box goes if it overlaps a better kept one of its class by more than ``overlap`` (intersection over union).
    Equal scores are taken in their order, so the result is the same on every machine.
    """
    kept: list[int] = []
    for candidate in np.argsort(-scores, kind="stable").tolist():
        rivals = [position for position in kept if classes[position] == classes[candidate]]
        if not rivals or overlaps(boxes[candidate], boxes[rivals]).max() <= overlap:
            kept.append(candidate)
    return kept


def select_objects(
    boxes: Float[np.ndarray, "anchors 4"],
    class_scores: Float[np.ndarray, "anchors classes"],
    names: Sequence[str],
    *,
    width: float,
    height: float,
    score: float,
    overlap: float,
    limit: int,
) -> Objects:
    """Objects of a picture that covers the top left ``width`` x ``height`` pixels of the detector's input.

    Each anchor stands for its best class; those of at least ``score`` compete by :func:`suppress_repeats`, and the
    best ``limit`` stay. Boxes are cut at the picture's borders; what lies outside is dropped.
    """
    classes = class_scores.argmax(axis=1)
    scores = class_scores[np.arange(len(classes)), classes]
    strong = np.flatnonzero(scores >= score)
    boxes, scores, classes = boxes[strong], scores[strong], classes[strong]
    found = []
    for position in suppress_repeats(boxes, scores, classes, overlap):
        box = fractions(boxes[position], width, height)
        if box[2] > box[0] and box[3] > box[1]:
            found.append(Detection(names[int(classes[position])], float(scores[position]), box))
    return Objects(tuple(found[:limit]))
