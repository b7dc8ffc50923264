"""Pictures of tweets on this machine: read one, and scan a folder of them.

Either comes back, or a refusal that says in one sentence what is wrong; never an exception.

A picture that is not usable is named with its reason and left out; it is never replaced by another one.
Fetching them is ``mner.data.image_sources``.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

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


SUFFIXES: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".webp", ".gif")
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF")
"""What is read as a picture, here and by every extractor: the content decides, not the suffix."""


class ImageError(RuntimeError):
    """Pictures that cannot be looked for or fetched at all; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ImageScan:
    """What a folder of pictures holds of the wanted ones; every wanted id is in exactly one of the first four.

    ``pixels`` maps an id to ``{"file": path relative to the folder, "sha256": hexadecimal}``; ``missing`` lists
    ids without a file; ``unreadable`` and ``changed`` map an id to the reason it is left out. ``ignored`` lists
    files that have a wanted id as their name but not the suffix of a picture.
    """

    pixels: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


def scan_images(
    folder: Path,
    wanted: Sequence[str],
    known: Mapping[str, str],
    *,
    pixel_limit: int = PIXEL_LIMIT,
    workers: int = 8,
) -> ImageScan:
    """Find, open and hash the wanted pictures in ``folder`` or one level below: an id and one of :data:`SUFFIXES`.

    What counts is the content, one of :data:`FORMATS`, not the suffix. Unreadable are: links that leave
    ``folder``, things that are not files, pictures of more than ``pixel_limit`` pixels or 64 MiB, truncated files,
    other formats, and ids for which two different files lie there. ``known`` maps ids to the SHA-256 of their
    first arrival; a
    readable picture with another hash is ``changed``.

    Raises:
        ImageError: ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder; name the folder that holds the pictures as <image id>.jpg")
    ids = list(dict.fromkeys(wanted))
    found, ignored = _candidates(folder, set(ids))
    scan = ImageScan(missing=[image for image in ids if image not in found], ignored=ignored)
    present = [image for image in ids if image in found]

    def examine(image: str) -> tuple[str, Path | str, str]:
        return image, *_examined(folder, found[image], pixel_limit)

    with quiet_pillow(), ThreadPoolExecutor(max_workers=workers) as pool:
        results = pool.map(examine, present)
        for image, place, outcome in tqdm(results, total=len(present), desc="pictures", unit="picture", delay=2.0):
            _enter(scan, folder, image, place, outcome, known)
    return scan


def _enter(
    scan: ImageScan, folder: Path, image: str, place: Path | str, outcome: str, known: Mapping[str, str]
) -> None:
    if isinstance(place, str):
        scan.unreadable[image] = place
        return
    file = place.relative_to(folder).as_posix()
    if known.get(image, outcome) != outcome:
        scan.changed[image] = f"{file}: SHA-256 is {outcome}, at first arrival it was {known[image]}"
    else:
        scan.pixels[image] = {"file": file, "sha256": outcome}


def _candidates(folder: Path, wanted: set[str]) -> tuple[dict[str, list[Path]], list[str]]:
    """Paths by image id, those directly in ``folder`` first, in name order; nothing is opened yet.

    The second is what is named like a wanted picture but has another suffix or none.
    """
    entries = sorted(folder.iterdir())
    paths = [path for path in entries if not path.is_dir()]
    for nested in (path for path in entries if path.is_dir()):
        paths += sorted(path for path in nested.iterdir() if not path.is_dir())
    found: dict[str, list[Path]] = {}
    ignored: list[str] = []
    for path in paths:
        if path.suffix.lower() in SUFFIXES and path.stem in wanted:
            found.setdefault(path.stem, []).append(path)
        elif {path.stem, path.name} & wanted:
            ignored.append(name_in(path, folder))
    return found, ignored


def _examined(folder: Path, paths: Sequence[Path], pixel_limit: int) -> tuple[Path | str, str]:
    """The path and SHA-256 of a usable picture, or the reason it is not usable and an empty string."""
    contents = []
    for path in paths:
        content = read_content(path, folder)
        if isinstance(content, Refusal):
            return content.sentence, ""
        contents.append(content)
    if any(content.sha256 != contents[0].sha256 for content in contents[1:]):
        names = " and ".join(name_in(path, folder) for path in paths)
        return f"{names} differ; keep the right one", ""
    reason = undecodable(contents[0].bytes, name_in(paths[0], folder), pixel_limit)
    return (reason, "") if reason else (paths[0], contents[0].sha256)


def undecodable(content: bytes, name: str, pixel_limit: int = PIXEL_LIMIT) -> str:
    """Why these bytes are no usable picture of at most ``pixel_limit`` pixels; empty if they are."""
    refusal = decoded(content, name, FORMATS, pixel_limit, lambda picture: None)
    return "" if refusal is None else refusal.sentence
