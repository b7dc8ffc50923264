"""Which pictures an extractor is to see: those of a data set, as the data stage recorded them, or any folder's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mner.base.files import read_json, sha256_of_json
from mner.data.picture_files import SUFFIXES, Content, ImageError, Refusal, read_content, scan_images


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to open: its id, its path inside the folder, and the SHA-256 of the bytes that are meant."""

    image: str
    file: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one folder in order of their ids, and the ids that are masked without being opened."""

    folder: Path
    listed: tuple[Picture, ...]
    refused: Mapping[str, Refusal]

    def __post_init__(self) -> None:
        ids = [picture.image for picture in self.listed]
        if ids != sorted(ids):
            raise ImageError(f"{self.folder}: pictures must be listed in order of their ids")
        seen = set(self.refused)
        for image in ids:
            if image in seen:
                raise ImageError(f"{self.folder}: picture {image} is listed twice; an id names one picture only")
            seen.add(image)

    def fingerprint(self) -> str:
        """SHA-256 over ids and hashes: the same value promises the same pictures."""
        return sha256_of_json([[picture.image, picture.sha256] for picture in self.listed])


def pictures_of_folder(folder: Path) -> Pictures:
    """Every picture below ``folder``, hidden folders and links to folders left out; its id is its name's stem.

    Raises:
        ImageError: not a folder, no picture in it, one id for two files, or a name that is not UTF-8.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder; name one that holds pictures as <image id>.jpg")
    found: dict[str, Path] = {}
    for path in _files_below(folder):
        if path.suffix.lower() not in SUFFIXES:
            continue
        _check_name(folder, path)
        if path.stem in found:
            places = " and ".join(str(one.relative_to(folder)) for one in (found[path.stem], path))
            raise ImageError(f"{folder}: {places} have the same id {path.stem!r}; keep or rename one of them")
        found[path.stem] = path
    if not found:
        raise ImageError(f"{folder} holds no picture ({', '.join(SUFFIXES)}), nor do folders in it")
    return Pictures(folder, tuple(_hashed(folder, image, found[image]) for image in sorted(found)), {})


def _files_below(folder: Path) -> list[Path]:
    files: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(place) / name for name in sorted(names) if not name.startswith(".")]
    return files


def _check_name(folder: Path, path: Path) -> None:
    """Results are UTF-8 and name a picture by its file: one that they cannot name is said before work begins."""
    name = str(path.relative_to(folder))
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ImageError(f"{folder}: the name {name!r} is not UTF-8; rename this file or its folder") from error


def _hashed(folder: Path, image: str, path: Path) -> Picture:
    content = read_content(path, folder)
    sha256 = content.sha256 if isinstance(content, Content) else None
    return Picture(image, path.relative_to(folder).as_posix(), sha256)


def pictures_of_dataset(data: Path, dataset: str, wanted: Iterable[str], images: Path | None) -> Pictures:
    """The wanted pictures of ``data/<dataset>``, by the record in ``side/pixels.json``.

    ``images`` is the folder of pictures the data stage read; a data set that brings its own pictures has them in
    its folder. Known invalid pictures, and wanted ones without a usable file, are refused with their reason.

    Raises:
        ImageError: the data stage recorded no pictures, or their folder is not known now; names the ways out.
    """
    own = data / dataset
    recorded = read_json(own / "side" / "pixels.json")
    brought = (own / "images").is_dir() and any((own / "images").iterdir())
    folder = own if brought else images
    if not recorded or folder is None:
        raise ImageError(_none_at_hand(dataset, bool(recorded), folder))
    ids = sorted(set(wanted))
    invalid = set(read_json(own / "side" / "images.json")["invalid"])
    pixels = {image: entry for image, entry in recorded.items() if image not in invalid}
    listed = tuple(Picture(i, pixels[i]["file"], pixels[i]["sha256"]) for i in ids if i in pixels)
    refused = {i: Refusal("invalid", "listed as invalid in side/images.json") for i in ids if i in invalid}
    refused |= _without_record(dataset, folder, [i for i in ids if i not in invalid and i not in pixels])
    return Pictures(folder, listed, refused)


def _without_record(dataset: str, folder: Path, ids: list[str]) -> dict[str, Refusal]:
    """Why the data stage recorded nothing for these ids, by looking again at what lies there."""
    scan = scan_images(folder, ids, {})
    refused = {image: Refusal("missing", "no file of this name") for image in scan.missing}
    refused |= {image: Refusal("unreadable", reason) for image, reason in scan.unreadable.items()}
    again = f"run `dvc repro -f -s data@{dataset}` to record it"
    for image, entry in scan.pixels.items():
        refused[image] = Refusal("changed", f"{entry['file']}: not as the data stage found it; {again}")
    return refused


def _none_at_hand(dataset: str, recorded: bool, folder: Path | None) -> str:
    why = (
        "their folder is not named: MNER_IMAGES is not set"
        if recorded and folder is None
        else f"data/{dataset}/side/pixels.json records none"
    )
    return (
        f"{dataset} has no pictures at hand, and a kind of features.kinds needs them ({why}). Three ways out:\n"
        f"  1. set MNER_IMAGES to a folder that holds them as <image id>.jpg, then run "
        f"`dvc repro -f -s data@{dataset}`, which records them, and `dvc repro`\n"
        f"  2. fetch them with `mner images {dataset} --to FOLDER --method google-drive`, then do as in 1.\n"
        f"  3. choose other kinds in params.yaml, features.kinds.{dataset}: caption-tokens needs no pictures"
    )
