"""Writing in pictures by RapidOCR: PP-OCRv6 detection and recognition, models inside the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.pinned_models import checked_weights, needed, uses_cuda, versions
from mner.features.found import Found, Lines, TextLine, fractions
from mner.features.pixels import shrunk

LONGEST = 2000
MODELS: dict[str, tuple[str, str]] = {
    "Det": ("PP-OCRv6_det_small.onnx", "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"),
    "Cls": (
        "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    "Rec": ("PP-OCRv6_rec_small.onnx", "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"),
}
"""Detection, direction and recognition: file name and SHA-256. Each is given by its path: where RapidOCR is given
a path it never looks for a download."""


def load_rapidocr(*, device: torch.device, threads: int = 1, score: float = 0.5) -> RapidOcrLines:
    """The extractor; the engine runs on the device if the installed ONNX Runtime can use it.

    Raises:
        ExtractorError: a package is not installed, or carries other models.
    """
    package = needed("rapidocr", "RapidOCR")
    runtime = needed("onnxruntime", "RapidOCR")
    folder = Path(str(package.__file__)).parent / "models"
    cuda = uses_cuda(runtime, device)
    parameters: dict[str, Any] = {
        "Global.log_level": "error",
        "Global.max_side_len": LONGEST,
        "Global.text_score": score,
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "EngineConfig.onnxruntime.use_cuda": cuda,
        "EngineConfig.onnxruntime.cuda_ep_cfg.device_id": device.index or 0,
    }
    for part, (file, sha256) in MODELS.items():
        parameters[f"{part}.model_path"] = str(checked_weights(folder / file, sha256, "rapidocr"))
    return RapidOcrLines(package.RapidOCR(params=parameters), score, "CUDA" if cuda else "CPU")


class RapidOcrLines:
    """Lines of writing read with at least ``score``, from top to bottom.

    A line's box is the upright rectangle around the (possibly slanted) quadrilateral that was found.
    """

    kind = "ocr"

    def __init__(self, engine: Any, score: float, provider: str) -> None:
        if not 0 <= score <= 1:
            raise ExtractorError(f"score is {score}; it is a share")
        self._engine = engine
        self.provenance = {
            "model": "RapidOCR: " + ", ".join(file for file, _ in MODELS.values()),
            "weights_sha256": dict(MODELS.values()),
            "preprocessing": f"BGR, shrunk to at most {LONGEST} px (bilinear, Pillow); the package's own resizing",
            "selection": {"score": score},
            "provider": provider,
            "packages": versions("onnxruntime", "opencv-python-headless", "pillow", "rapidocr"),
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The picture, 8-bit BGR, no side longer than 2000 px."""
        return np.ascontiguousarray(shrunk(image, LONGEST)[:, :, ::-1])

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Lines of each picture; pictures pass one by one, the lines of one in batches."""
        return [self._lines(picture) for picture in prepared]

    def _lines(self, picture: np.ndarray) -> Lines:
        result = self._engine(picture)
        if result.boxes is None or result.txts is None:
            return Lines(())
        height, width = picture.shape[:2]
        found = []
        for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            edges = (*np.min(corners, axis=0), *np.max(corners, axis=0))
            found.append(TextLine(text, float(score), fractions(edges, width, height)))
        return Lines(tuple(found))
