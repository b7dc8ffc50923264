"""One file that should be a picture: its bytes, if they may be read, and the picture, if it can be decoded.

Either comes back, or a refusal that says in one sentence what is wrong; never an exception.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from PIL import Image, UnidentifiedImageError

PIXEL_LIMIT = 32_000_000
BYTE_LIMIT = 64 * 2**20
UNDECODABLE = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)
"""What Pillow raises for truncated or broken content."""
Made = TypeVar("Made")

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
    name = name_in(path, folder)
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


def decoded(
    content: bytes, name: str, formats: Sequence[str], pixel_limit: int, make: Callable[[Image.Image], Made]
) -> Made | Refusal:
    """What ``make`` makes of the picture in ``content``; or why there is none, in a sentence on ``name``."""
    try:
        with Image.open(io.BytesIO(content), formats=tuple(formats)) as picture:
            width, height = picture.size
            if width * height > pixel_limit:
                return Refusal("too many pixels", f"{name}: {width} x {height} pixels, more than {pixel_limit:,}")
            picture.load()
            return make(picture)
    except Image.DecompressionBombError:
        return Refusal("too many pixels", f"{name}: far more than {pixel_limit:,} pixels")
    except UnidentifiedImageError:
        return Refusal("wrong format", f"{name}: the content is none of {', '.join(formats)}")
    except UNDECODABLE as error:
        return Refusal("damaged", f"{name}: truncated or damaged ({_short(error)})")


def name_in(path: Path, folder: Path) -> str:
    """Path within its folder, which findings name; the whole path if it lies elsewhere."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _short(error: Exception) -> str:
    """The system's reason without the path: findings name a file inside its folder, never the machine's path."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return reason or str(error) or type(error).__name__
