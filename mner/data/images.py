"""Pictures of tweets on this machine: which of the wanted ones are here, whole and unchanged.

A picture that is not usable is named with its reason and left out; it is never replaced by another one.
Fetching them is ``mner.data.image_sources``.
"""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

SUFFIXES: tuple[str, ...] = (".jpg", ".jpeg", ".png")
FORMATS: tuple[str, ...] = ("JPEG", "PNG")
PIXEL_LIMIT = 32_000_000
BYTE_LIMIT = 64 * 2**20
_UNDECODABLE = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, struct.error)


class ImageError(RuntimeError):
    """Pictures that cannot be looked for or fetched at all; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ImageScan:
    """What a folder of pictures holds of the wanted ones; every wanted id is in exactly one of the four.

    ``pixels`` maps an id to ``{"file": path relative to the folder, "sha256": hexadecimal}``; ``missing`` lists
    ids without a file; ``unreadable`` and ``changed`` map an id to the reason it is left out.
    """

    pixels: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)


def scan_images(
    folder: Path,
    wanted: Sequence[str],
    known: Mapping[str, str],
    *,
    pixel_limit: int = PIXEL_LIMIT,
    workers: int = 8,
) -> ImageScan:
    """Find, open and hash the wanted pictures ``<id>.jpg``, ``.jpeg``, ``.png`` in ``folder`` or one level below.

    What counts is the content, JPEG or PNG, not the suffix. Unreadable are: links that leave ``folder``, things
    that are not files, pictures of more than ``pixel_limit`` pixels or 64 MiB, truncated files, other formats,
    and ids for which two different files lie there. ``known`` maps ids to the SHA-256 of their first arrival; a
    readable picture with another hash is ``changed``.

    Raises:
        ImageError: ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder; name the folder that holds the pictures as <image id>.jpg")
    ids = list(dict.fromkeys(wanted))
    found = _candidates(folder, set(ids))
    scan = ImageScan(missing=[image for image in ids if image not in found])
    present = [image for image in ids if image in found]

    def examine(image: str) -> tuple[str, Path | str, str]:
        return image, *_examined(folder, found[image], pixel_limit)

    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=workers) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
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


def _candidates(folder: Path, wanted: set[str]) -> dict[str, list[Path]]:
    """Paths by image id, those directly in ``folder`` first, in name order; nothing is opened yet."""
    entries = sorted(folder.iterdir())
    paths = [path for path in entries if not path.is_dir()]
    for nested in (path for path in entries if path.is_dir()):
        paths += sorted(path for path in nested.iterdir() if not path.is_dir())
    found: dict[str, list[Path]] = {}
    for path in paths:
        if path.suffix.lower() in SUFFIXES and path.stem in wanted:
            found.setdefault(path.stem, []).append(path)
    return found


def _examined(folder: Path, paths: Sequence[Path], pixel_limit: int) -> tuple[Path | str, str]:
    """The path and SHA-256 of a usable picture, or the reason it is not usable and an empty string."""
    contents = []
    for path in paths:
        content, reason = _content(path, folder)
        if reason:
            return f"{path.relative_to(folder).as_posix()}: {reason}", ""
        contents.append(content)
    if any(content != contents[0] for content in contents[1:]):
        names = " and ".join(path.relative_to(folder).as_posix() for path in paths)
        return f"{names} differ; keep the right one", ""
    reason = undecodable(contents[0], pixel_limit)
    if reason:
        return f"{paths[0].relative_to(folder).as_posix()}: {reason}", ""
    return paths[0], hashlib.sha256(contents[0]).hexdigest()


def _content(path: Path, folder: Path) -> tuple[bytes, str]:
    """Bytes of a regular file that lies in ``folder``, or the reason it is not read."""
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return b"", "a link that leaves the folder"
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return b"", "not a regular file"
        if status.st_size > BYTE_LIMIT:
            return b"", f"{status.st_size:,} bytes, more than {BYTE_LIMIT:,}"
        return path.read_bytes(), ""
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that points to itself, before Python 3.13
        return b"", f"cannot be read ({error})"


def undecodable(content: bytes, pixel_limit: int = PIXEL_LIMIT) -> str:
    """Why these bytes are no usable JPEG or PNG picture of at most ``pixel_limit`` pixels; empty if they are."""
    if not content:
        return "an empty file"
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > pixel_limit:
                return f"{width} x {height} pixels, more than {pixel_limit:,}"
            picture.load()
    except Image.DecompressionBombError:
        return f"far more than {pixel_limit:,} pixels"
    except UnidentifiedImageError:
        return f"neither {' nor '.join(FORMATS)}"
    except _UNDECODABLE as error:
        return f"truncated or damaged ({error})"
    return ""
