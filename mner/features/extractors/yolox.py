"""Objects by YOLOX-nano (Ge et al., 2021), 80 COCO classes, from an ONNX file among the public sources.

Plain functions on arrays. Boxes are left, top, right, bottom in pixels of the detector's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image

from mner.base.files import sha256_of
from mner.data.side_data import COCO_80
from mner.data.sources import SourceFile, select
from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.pinned_models import onnx_session, versions
from mner.features.found import Detection, Found, Objects, fractions
from mner.features.pixels import fitted

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


SIDE = 416
PADDING = 114


def weight_source() -> SourceFile:
    """The detector's file in the table of sources."""
    return next(source for source in select(copy="yolox") if source.path.endswith("/yolox_nano.onnx"))


def load_yolox(
    weights: Path,
    *,
    device: torch.device,
    threads: int = 1,
    score: float = 0.3,
    overlap: float = 0.45,
    limit: int = 100,
) -> YoloxObjects:
    """The extractor from its ONNX file; the options are those of :class:`YoloxObjects`."""
    return YoloxObjects(
        onnx_session(weights, device, threads, "YOLOX-nano"),
        sha256_of(weights),
        score=score,
        overlap=overlap,
        limit=limit,
    )


class YoloxObjects:
    """Objects of at least ``score``, repeats within a class above ``overlap`` removed, at most ``limit``.

    ``session`` takes one padded picture of 1 x 3 x 416 x 416 and gives the raw head, 1 x 3549 x 85.
    """

    kind = "objects"

    def __init__(
        self, session: Any, weights_sha256: str, *, score: float = 0.3, overlap: float = 0.45, limit: int = 100
    ) -> None:
        if not (0 <= score <= 1 and 0 <= overlap <= 1 and limit >= 1):
            raise ExtractorError(f"score {score} and overlap {overlap} are shares, limit {limit} at least 1")
        self._session = session
        self._score, self._overlap, self._limit = score, overlap, limit
        self.provenance = {
            "model": "YOLOX-nano, COCO, 80 classes (ONNX, input 416 px)",
            "weights_sha256": weights_sha256,
            "preprocessing": f"BGR 0-255 as float32, fitted into {SIDE} px (bilinear, Pillow), at the top left, "
            f"padded with {PADDING}",
            "selection": {"score": score, "overlap": overlap, "limit": limit, "suppression": "within a class"},
            "provider": session.get_providers()[0],
            "packages": versions("numpy", "onnxruntime", "pillow"),
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The picture fitted into 416 px, 8-bit RGB, not yet padded: its shape says what the padding will be."""
        return fitted(image, short=SIDE, long=SIDE)

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Objects of each picture, best first; pictures pass one by one, as the file's input is fixed."""
        name = self._session.get_inputs()[0].name
        found: list[Found] = []
        for picture in prepared:
            (raw,) = self._session.run(None, {name: letterboxed(picture)})
            boxes, scores = decode_yolox(raw[0], SIDE)
            height, width = picture.shape[:2]
            found.append(
                select_objects(
                    boxes,
                    scores,
                    COCO_80,
                    width=width,
                    height=height,
                    score=self._score,
                    overlap=self._overlap,
                    limit=self._limit,
                )
            )
        return found


def letterboxed(picture: UInt8[np.ndarray, "height width 3"]) -> Float[np.ndarray, "1 3 side side"]:
    """The network's input: blue, green, red planes of 0 to 255, the picture at the top left, padding elsewhere."""
    canvas = np.full((SIDE, SIDE, 3), PADDING, dtype=np.uint8)
    height, width = picture.shape[:2]
    canvas[:height, :width] = picture
    return np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
