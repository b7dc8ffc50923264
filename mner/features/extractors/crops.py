"""Region vectors of detected objects and of the whole picture: the inputs of rows that look at objects.

UMGF reads four crops a picture, the whole picture where nothing is found (its option ``nodes: first``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mner.features.extractors.contract import Extractor, ExtractorError
from mner.features.found import Box, Found, Objects, Regions
from mner.features.pixels import shrunk

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
LONGEST = 1024
_CHUNK = 32


class CropRegions:
    """One vector a box: the mean of a grid extractor's regions over that part of the picture.

    Rows are the best ``objects`` boxes of the detector, best first, then the whole picture, so a picture without
    objects has one row. ``boxes`` of the regions say which is which.
    """

    kind = "crops"

    def __init__(self, detector: Extractor, grid: Extractor, *, objects: int = 4) -> None:
        if detector.kind != "objects" or grid.kind != "grid":
            raise ExtractorError(
                f"crops need an objects and a grid extractor, not {detector.kind} and {grid.kind}"
            )
        if objects < 0:
            raise ExtractorError(f"{objects} objects a picture; at least 0")
        self._detector, self._grid, self._objects = detector, grid, objects
        self.provenance = {
            "model": f"mean grid of crops: {grid.provenance['model']}",
            "weights_sha256": grid.provenance["weights_sha256"],
            "preprocessing": f"RGB, shrunk to at most {LONGEST} px; each box cut out and prepared as for the grid",
            "regions": f"best {objects} objects, then the whole picture; one mean vector each",
            "detector": dict(detector.provenance),
            "grid": dict(grid.provenance),
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The picture itself, 8-bit RGB, no side longer than 1024 px."""
        return shrunk(image, LONGEST)

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Vectors and boxes of each picture."""
        pictures = [Image.fromarray(picture) for picture in prepared]
        objects = self._detector.extract([self._detector.prepare(picture) for picture in pictures])
        boxes = [[*_best(found, self._objects), WHOLE] for found in objects]
        cuts = [
            self._grid.prepare(cut_out(picture, box))
            for picture, wanted in zip(pictures, boxes, strict=True)
            for box in wanted
        ]
        vectors = [
            found.values.mean(axis=0)
            for start in range(0, len(cuts), _CHUNK)
            for found in self._grid.extract(cuts[start : start + _CHUNK])
            if isinstance(found, Regions)
        ]
        remaining = iter(vectors)
        return [
            Regions(np.stack([next(remaining) for _ in wanted]), np.array(wanted, dtype=np.float32))
            for wanted in boxes
        ]


def _best(found: Found, count: int) -> list[Box]:
    if not isinstance(found, Objects):
        raise ExtractorError(f"the detector gave {type(found).__name__}, not Objects")
    return [item.box for item in found.items[:count]]


def cut_out(picture: Image.Image, box: Box) -> Image.Image:
    """The part of a picture that a box touches, at least one pixel."""
    width, height = picture.size
    left, top = min(width - 1, math.floor(box[0] * width)), min(height - 1, math.floor(box[1] * height))
    right, bottom = max(left + 1, math.ceil(box[2] * width)), max(top + 1, math.ceil(box[3] * height))
    return picture.crop((left, top, min(width, right), min(height, bottom)))
