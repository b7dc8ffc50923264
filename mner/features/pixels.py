"""Open a picture as RGB and bring it to a model's size, deterministically.

What counts is the content, not the suffix. Everything refused is counted and listed beside the features.

Everything stays in 8-bit RGB, rows x columns x 3; a model's own scale and order are applied in its batch.
Pillow's resampling widens its filter when it shrinks, unlike OpenCV's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from mner.data.picture_files import (
    FORMATS,
    PIXEL_LIMIT,
    UNDECODABLE,
    Refusal,
    decoded,
    name_in,
    quiet_pillow,
    read_content,
)
from mner.features.extractors.contract import as_rgb

OpenPicture = Callable[[str], Image.Image | None]
"""Opens a picture by its id; None where there is no usable one."""
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


IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_DEVIATION = (58.395, 57.12, 57.375)
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True, slots=True)
class Scale:
    """What one brightness step means to a model: ``(value - mean) / deviation`` per colour, values 0 to 255."""

    mean: tuple[float, float, float] = IMAGENET_MEAN
    deviation: tuple[float, float, float] = IMAGENET_DEVIATION

    def batch(
        self, pictures: Sequence[UInt8[np.ndarray, "height width 3"]], device: torch.device
    ) -> Float[Tensor, "batch 3 height width"]:
        """Pictures of one shape as a model's input on ``device``."""
        values = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2).float()
        mean = torch.tensor(self.mean, device=device)[:, None, None]
        deviation = torch.tensor(self.deviation, device=device)[:, None, None]
        return ((values - mean) / deviation).contiguous()

    def describe(self) -> str:
        """For provenance."""
        return f"(RGB 0-255 - {list(self.mean)}) / {list(self.deviation)}"


@dataclass(frozen=True, slots=True)
class CentreCrop:
    """Resize the short side to ``resize`` pixels, keep the middle ``crop`` x ``crop``."""

    resize: int
    crop: int
    resampling: str = "bicubic"

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise ValueError(f"crop is {self.crop} and resize {self.resize}; 1 <= crop <= resize")
        if self.resampling not in RESAMPLING:
            raise ValueError(f"unknown resampling {self.resampling!r}; known: {', '.join(RESAMPLING)}")

    def __call__(self, image: Image.Image) -> UInt8[np.ndarray, "crop crop 3"]:
        """The crop is cut while resizing, so that a picture of one pixel by thousands costs no more."""
        picture = as_rgb(image)
        width, height = picture.size
        side = min(width, height) * self.crop / self.resize
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.array(picture.resize((self.crop, self.crop), RESAMPLING[self.resampling], box=box))

    def describe(self) -> str:
        """For provenance."""
        return f"RGB, short side to {self.resize} px ({self.resampling}, Pillow), centre crop of {self.crop} px"


def square(image: Image.Image, side: int, resampling: str) -> UInt8[np.ndarray, "side side 3"]:
    """The whole picture squeezed into a square; its proportions are lost."""
    return np.array(as_rgb(image).resize((side, side), RESAMPLING[resampling]))


def fitted(image: Image.Image, *, short: int, long: int) -> UInt8[np.ndarray, "height width 3"]:
    """Short side brought to ``short`` pixels, unless the long side would pass ``long``; proportions kept."""
    picture = as_rgb(image)
    factor = min(short / min(picture.size), long / max(picture.size))
    return _scaled(picture, factor)


def shrunk(image: Image.Image, longest: int) -> UInt8[np.ndarray, "height width 3"]:
    """The picture as it is, or made smaller until no side is longer than ``longest`` pixels."""
    picture = as_rgb(image)
    if max(picture.size) <= longest:
        return np.array(picture)
    return _scaled(picture, longest / max(picture.size))


def _scaled(picture: Image.Image, factor: float) -> UInt8[np.ndarray, "height width 3"]:
    width, height = (max(1, int(side * factor)) for side in picture.size)
    return np.array(picture.resize((width, height), Image.Resampling.BILINEAR))


def same_shapes(pictures: Sequence[np.ndarray]) -> list[list[int]]:
    """Positions grouped by equal shape, so that a batch needs no padding and no picture depends on another."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, picture in enumerate(pictures):
        groups.setdefault(picture.shape, []).append(position)
    return list(groups.values())
