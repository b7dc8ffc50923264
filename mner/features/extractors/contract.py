"""What every visual extractor offers.

An extractor turns pictures into one :data:`~mner.features.found.Found` each. ``prepare`` is the work of a
processor and may run in several threads at once; ``extract`` is the work of the model on a batch of prepared
pictures. A new extractor is a class with these four members and a line in ``extractor_names.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from mner.features.found import Found


class ExtractorError(RuntimeError):
    """An extractor that cannot be built or used; the message says what is missing and what to do."""


class Extractor(Protocol):
    """A model that finds one kind of thing in pictures.

    ``kind`` is one of ``mner.config.PICTURE_KINDS``: ``grid`` and ``crops`` give ``Regions``, the others
    ``Objects``, ``Lines``, ``Tags`` and ``Caption``. ``provenance`` is plain data that says what made the
    findings: model, weights and their SHA-256, preprocessing in words, package versions.
    """

    @property
    def kind(self) -> str:
        """Name the kind of thing that is found."""
        ...

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Describe, in plain data, what makes the findings."""
        ...

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Pixels as the model wants them, on the processor; safe to call from several threads at once.

        The array's meaning, shape and type are the extractor's own; pictures of one batch may differ in shape.
        Any mode of picture is accepted; it is read as :func:`as_rgb` reads it.
        """
        ...

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """One finding per prepared picture, in order, from one thread at a time.

        Deterministic; what is found in a picture does not depend on the batch it came in, up to float error.
        """
        ...


def as_rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB, transparency laid over white, as a page would show it; no rotation by metadata."""
    if image.mode == "RGB":
        return image
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")
