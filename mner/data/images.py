"""Pictures of tweets on this machine: which of the wanted ones are here, whole and unchanged.

A picture that is not usable is named with its reason and left out; it is never replaced by another one.
Fetching them is ``mner.data.image_sources``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from mner.data.picture_file import PIXEL_LIMIT, Refusal, decoded, name_in, quiet_pillow, read_content

SUFFIXES: tuple[str, ...] = (".jpg", ".jpeg", ".png")
FORMATS: tuple[str, ...] = ("JPEG", "PNG")


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
    """Why these bytes are no usable JPEG or PNG picture of at most ``pixel_limit`` pixels; empty if they are."""
    refusal = decoded(content, name, FORMATS, pixel_limit, lambda picture: None)
    return "" if refusal is None else refusal.sentence
