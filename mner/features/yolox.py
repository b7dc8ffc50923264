"""Objects by YOLOX-nano (Ge et al., 2021), 80 COCO classes, an ONNX file among the public sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from mner.data.coco import COCO_80
from mner.data.sources import SourceFile, select
from mner.features.detections import decode_yolox, select_objects
from mner.features.extractor import ExtractorError
from mner.features.found import Found
from mner.features.onnx import onnx_session
from mner.features.packages import versions
from mner.features.pixels import fitted
from mner.files import sha256_of

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
