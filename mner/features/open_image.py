"""Open one picture as RGB, or say in one sentence why it is not usable; never an exception, never a stand-in.

What counts is the content, not the suffix. Everything refused is counted and listed beside the features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mner.data.picture_file import (
    PIXEL_LIMIT,
    UNDECODABLE,
    Refusal,
    decoded,
    name_in,
    quiet_pillow,
    read_content,
)
from mner.features.extractor import as_rgb

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF")
_SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L")


def open_image(
    path: Path,
    folder: Path,
    *,
    sha256: str | None = None,
    formats: Sequence[str] = FORMATS,
    pixel_limit: int = PIXEL_LIMIT,
) -> Image.Image | Refusal:
    """The picture at ``path``, which must lie in ``folder``, upright and in RGB; or why it is refused.

    ``sha256`` is the hash that was recorded at its first arrival, if one was. The first frame of an animation
    counts. Turning to RGB is deterministic: the EXIF orientation is applied (an unreadable one counts as upright),
    transparency is laid over white, palettes and CMYK are converted by Pillow's fixed formulas, and of 16 bits the
    upper eight are kept, as Pillow keeps them for 16-bit colour.
    """
    content = read_content(path, folder)
    if isinstance(content, Refusal):
        return content
    name = name_in(path, folder)
    if sha256 is not None and content.sha256 != sha256:
        return Refusal("changed", f"{name}: SHA-256 is {content.sha256}, recorded was {sha256}")
    with quiet_pillow():
        return decoded(content.bytes, name, formats, pixel_limit, lambda picture: _rgb(_upright(picture)))


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except UNDECODABLE:
        return picture.copy()


def _rgb(picture: Image.Image) -> Image.Image:
    transparent = picture.info.get("transparency")
    if picture.mode in _SIXTEEN_BITS:
        values = np.asarray(picture).astype(np.int64)
        grey = np.clip(values >> 8, 0, 255).astype(np.uint8)
        if isinstance(transparent, int):
            grey[values == transparent] = 255
        return Image.fromarray(grey).convert("RGB")
    # A colour of an RGB picture may stand for transparency, too.
    return as_rgb(picture if picture.mode != "RGB" or transparent is None else picture.convert("RGBA"))
