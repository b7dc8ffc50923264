"""Objects by DETR (Carion et al., ECCV 2020) from a model hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.pinned_models import model_from_hub
from mner.features.found import Detection, Found, Objects, fractions
from mner.features.pixels import Scale, fitted, same_shapes


def load_detr(
    *,
    device: torch.device,
    network: bool,
    model: str = "facebook/detr-resnet-101",
    revision: str | None = None,
    score: float = 0.7,
    limit: int = 100,
    short: int = 800,
    long: int = 1333,
) -> DetrObjects:
    """The extractor for a hub name and commit, or a folder without one.

    Commits of the published models' branch ``no_timm`` need no further package.
    """
    from transformers import DetrForObjectDetection

    detector, origin = model_from_hub(DetrForObjectDetection, model, revision, network=network)
    return DetrObjects(detector.to(device), device, origin, score=score, limit=limit, short=short, long=long)


class DetrObjects:
    """Objects of at least ``score``, at most ``limit``, in pictures of ``short`` px, ``long`` at most."""

    kind = "objects"

    def __init__(
        self,
        detector: Any,
        device: torch.device,
        origin: Mapping[str, Any],
        *,
        score: float,
        limit: int,
        short: int,
        long: int,
    ) -> None:
        if not (0 <= score <= 1 and limit >= 1 and 1 <= short <= long):
            raise ExtractorError(f"score {score} is a share, limit {limit} at least 1, 1 <= {short} <= {long} px")
        self._detector, self._device = detector, device
        self._score, self._limit, self._short, self._long = score, limit, short, long
        self._scale = Scale()
        self.provenance = {
            **origin,
            "preprocessing": f"RGB, short side to {short} px, long side at most {long} px (bilinear, Pillow), no "
            f"padding; {self._scale.describe()}",
            "selection": {"score": score, "limit": limit},
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The resized picture, 8-bit RGB; shapes differ between pictures."""
        return fitted(image, short=self._short, long=self._long)

    @torch.inference_mode()
    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Objects of each picture, best first. Only pictures of one shape share a batch: padding would leak."""
        found: dict[int, Found] = {}
        names = self._detector.config.id2label
        for positions in same_shapes(prepared):
            output = self._detector(
                pixel_values=self._scale.batch([prepared[position] for position in positions], self._device)
            )
            for position, logits, boxes in zip(
                positions, output.logits.float().cpu(), output.pred_boxes.float().cpu(), strict=True
            ):
                found[position] = decode_detr(logits, boxes, names, score=self._score, limit=self._limit)
        return [found[position] for position in range(len(prepared))]


def decode_detr(
    logits: Float[Tensor, "queries classes"],
    boxes: Float[Tensor, "queries 4"],
    names: Mapping[int, str],
    *,
    score: float,
    limit: int,
) -> Objects:
    """Objects from class logits, the last class being "no object", and boxes as centre and extent in fractions."""
    probabilities = logits.softmax(-1)[:, :-1]
    scores, classes = probabilities.max(-1)
    best, order = scores.sort(descending=True, stable=True)
    found = []
    for value, query in zip(best.tolist(), order.tolist(), strict=True):
        x, y, width, height = boxes[query].tolist()
        box = fractions((x - width / 2, y - height / 2, x + width / 2, y + height / 2), 1, 1)
        if value >= score and box[2] > box[0] and box[3] > box[1]:
            found.append(Detection(names[int(classes[query])], value, box))
    return Objects(tuple(found[:limit]))
