"""Open one picture as RGB, or say in one sentence why it is not usable; never an exception, never a stand-in.

What counts is the content, not the suffix. Everything refused is counted and listed beside the features.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mner.data.images import BYTE_LIMIT, PIXEL_LIMIT
from mner.features.extractor import as_rgb

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF")

Kind = Literal[
    "invalid",
    "missing",
    "outside",
    "not a file",
    "unreadable",
    "empty",
    "too many bytes",
    "changed",
    "wrong format",
    "too many pixels",
    "damaged",
]
"""Why a picture is masked. ``invalid``: known to show nothing of its tweet (side/images.json). ``outside``: a
path or link that leaves the folder of pictures. ``unreadable``: the system refuses to read it. ``changed``: its
bytes are not those of its first arrival. ``damaged``: truncated or broken content."""

_UNDECODABLE = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)
_SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A picture that is masked: what kind of fault, and a sentence that names file and fault."""

    kind: Kind
    sentence: str


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one file and their SHA-256 in hexadecimal."""

    bytes: bytes
    sha256: str


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
    name = _name(path, folder)
    if sha256 is not None and content.sha256 != sha256:
        return Refusal("changed", f"{name}: SHA-256 is {content.sha256}, recorded was {sha256}")
    with quiet_pillow():
        return _decoded(content.bytes, name, tuple(formats), pixel_limit)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings (large pictures, odd metadata) off the screen: what matters of them is a refusal.

    Filters of warnings belong to the whole process, so whoever opens pictures in threads holds this around all of
    them; the threads' own nested uses then change nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def read_content(path: Path, folder: Path) -> Content | Refusal:
    """Bytes of a regular file of at most 64 MiB that lies in ``folder``, links followed; or why it is not read."""
    name = _name(path, folder)
    try:
        place = path.resolve(strict=True)
        if not place.is_relative_to(folder.resolve()):
            return Refusal("outside", f"{name}: a path or link that leaves the folder")
        # The resolved place, without following links and without waiting for a pipe's writer: what was checked is
        # what is opened.
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:  # noqa: PTH123 (a file descriptor has no path)
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return Refusal("not a file", f"{name}: not a regular file")
            content = file.read(BYTE_LIMIT + 1)
    except FileNotFoundError:
        return Refusal("missing", f"{name}: no such file")
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError: a link to itself, before Python 3.13. ValueError: a name with a zero byte.
        return Refusal("unreadable", f"{name}: cannot be read ({_short(error)})")
    if not content:
        return Refusal("empty", f"{name}: an empty file")
    if len(content) > BYTE_LIMIT:
        return Refusal("too many bytes", f"{name}: {status.st_size:,} bytes, more than {BYTE_LIMIT:,}")
    return Content(content, hashlib.sha256(content).hexdigest())


def _decoded(content: bytes, name: str, formats: tuple[str, ...], pixel_limit: int) -> Image.Image | Refusal:
    try:
        with Image.open(io.BytesIO(content), formats=formats) as picture:
            width, height = picture.size
            if width * height > pixel_limit:
                return Refusal("too many pixels", f"{name}: {width} x {height} pixels, more than {pixel_limit:,}")
            picture.load()
            return _rgb(_upright(picture))
    except Image.DecompressionBombError:
        return Refusal("too many pixels", f"{name}: far more than {pixel_limit:,} pixels")
    except UnidentifiedImageError:
        return Refusal("wrong format", f"{name}: the content is none of {', '.join(formats)}")
    except _UNDECODABLE as error:
        return Refusal("damaged", f"{name}: truncated or damaged ({_short(error)})")


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except _UNDECODABLE:
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


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _short(error: Exception) -> str:
    """The system's reason without the path: findings name a file inside its folder, never the machine's path."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return reason or str(error) or type(error).__name__
