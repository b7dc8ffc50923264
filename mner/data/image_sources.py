"""Fetch the pictures of the tweets from the places their publishers name.

One request a file from a GitHub repository at a pinned commit, one repository for each data set; or one archive of
both on Google Drive, through ``gdown``. No publisher states hashes; ``scan_images`` records them at first arrival.
"""

from __future__ import annotations

import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mner.base.files import exclusive, write_bytes_atomically
from mner.data.archives import safe_extract
from mner.data.download import Retry
from mner.data.picture_files import BYTE_LIMIT, SUFFIXES, ImageError, undecodable
from mner.data.sources import BASE

METHODS: tuple[str, ...] = ("github", "google-drive")
GITHUB_FOLDERS: Mapping[str, str] = {
    "twitter2015": "jinlanfu/NERmultimodal/6de7e3fbfde4f76d4ca8d35ba4bf6d12a8d61d1c/data/ner_img",
    "twitter2017": "CopotronicRifat/TwitterDataMABSA/7bac3a58e5d411baa86cd89b1390a063f82ffb98/twitter2017_images",
}
"""Owner, repository, commit and folder of ``<id>.jpg`` by data set; Twitter-2017's lacks about 1 % of them."""
DRIVE_ID = "1PpvvncnQkgDNeBMKVgG2zFYuRhbL873g"
DRIVE_DATASETS: tuple[str, ...] = ("twitter2015", "twitter2017")
LONGEST_WAIT = 60.0
_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Obtained:
    """Outcome of fetching: the folder to scan, counts of files, and the reason for each id that did not come."""

    folder: Path
    downloaded: int
    present: int
    failed: dict[str, str]


class _UnreachableError(Exception):
    """The server did not serve a file in any try; other files may fare no better."""


class _RefusedError(Exception):
    """The server has no such file, or what it sent is no picture; other files are unaffected."""


def obtain_images(
    dataset: str,
    destination: Path,
    *,
    method: str,
    wanted: Sequence[str] = (),
    base: str = BASE,
    workers: int = 4,
    retry: Retry | None = None,
) -> Obtained:
    """Bring the pictures of a data set into ``destination``; run it again to resume.

    ``github`` asks ``base``/``GITHUB_FOLDERS[dataset]``/<id>.jpg for every id of ``wanted`` that is missing in
    ``destination``, with at most ``workers`` requests at a time. ``google-drive`` downloads the one archive for
    both data sets and unpacks it below ``destination``; it needs no ids. Of GitHub only whole pictures are kept.

    Raises:
        ImageError: method, data set or an id is not one we can ask for, ``gdown`` is not installed, or the server
            cannot be reached. What had arrived by then stays.
        ArchiveError: the archive is refused, see :func:`mner.data.archives.safe_extract`.
    """
    if method not in METHODS:
        raise ImageError(f"unknown method {method!r} to obtain images; choose {' or '.join(METHODS)}")
    datasets = tuple(GITHUB_FOLDERS) if method == "github" else DRIVE_DATASETS
    if dataset not in datasets:
        ways = "; method google-drive has it" if dataset in DRIVE_DATASETS else ""
        raise ImageError(f"{method} has the pictures of {' and '.join(datasets)}, not of {dataset}{ways}")
    destination.mkdir(parents=True, exist_ok=True)
    with exclusive(destination / ".obtain.lock"):
        if method == "google-drive":
            return _from_drive(destination)
        place = f"{base}/{GITHUB_FOLDERS[dataset]}"
        return _from_github(destination, list(dict.fromkeys(wanted)), place, workers, retry or Retry())


def _from_github(destination: Path, ids: Sequence[str], place: str, workers: int, retry: Retry) -> Obtained:
    _check_request(ids, place)
    lacking = [
        image for image in ids if not any((destination / f"{image}{suffix}").is_file() for suffix in SUFFIXES)
    ]
    failed: dict[str, str] = {}
    in_a_row = 0
    with _pool(workers) as pool:
        tasks = {
            pool.submit(_bring, _address(place, image), destination / f"{image}.jpg", retry): image
            for image in lacking
        }
        for task in tqdm(as_completed(tasks), total=len(tasks), desc="downloading", unit="picture", delay=2.0):
            try:
                task.result()
                in_a_row = 0
            except _RefusedError as refusal:
                failed[tasks[task]] = str(refusal)
                in_a_row = 0
            except _UnreachableError as failure:
                failed[tasks[task]] = str(failure)
                in_a_row += 1
                if in_a_row >= 2 * workers or in_a_row == len(lacking):
                    raise _given_up(destination, place, in_a_row, failure) from failure
    return Obtained(destination, len(lacking) - len(failed), len(ids) - len(lacking), failed)


def _check_request(ids: Sequence[str], base: str) -> None:
    if not base.startswith(("https://", "http://")):
        raise ImageError(f"{base!r} is not an http address")
    if not ids:
        raise ImageError("method github asks for one file at a time; name the wanted image ids")
    for image in ids:
        if not _SAFE_ID.fullmatch(image):
            raise ImageError(f"image id {image!r} is not a plain file name; nothing was asked for")


def _given_up(destination: Path, base: str, in_a_row: int, failure: Exception) -> ImageError:
    return ImageError(
        f"gave up after {in_a_row} pictures in a row that {base} did not serve (last: {failure}).\n"
        f"  What arrived is kept in {destination}; run the same command again to resume, or put pictures\n"
        "  named <image id>.jpg there yourself."
    )


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A thread pool that drops what it has not begun when its block ends, be it by an interrupt."""
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _address(place: str, image: str) -> str:
    return f"{place}/{urllib.parse.quote(image, safe='')}.jpg"


def _bring(address: str, path: Path, retry: Retry) -> None:
    content = _content(address, retry)
    reason = undecodable(content, address)
    if reason:
        raise _RefusedError(f"no usable picture came: {reason}")
    write_bytes_atomically(path, content)


def _content(address: str, retry: Retry) -> bytes:
    reason, wait = "", 0.0
    for attempt in range(retry.attempts):
        if attempt:
            time.sleep(max(wait, retry.pause * 2 ** (attempt - 1)))
        wait = 0.0
        try:
            return _request(address, retry.timeout)
        except urllib.error.HTTPError as error:
            reason = f"{address} answered {error.code}"
            error.close()
            if error.code not in _TRY_AGAIN:
                raise _RefusedError(reason) from error
            asked = error.headers.get("Retry-After") or ""
            wait = min(float(asked), LONGEST_WAIT) if asked.isdecimal() else 0.0
        except _BROKEN as error:
            reason = f"{address}: {getattr(error, 'reason', None) or error or type(error).__name__}"
    raise _UnreachableError(reason)


def _request(address: str, timeout: float) -> bytes:
    request = urllib.request.Request(address, headers={"User-Agent": "mner"})
    with urllib.request.urlopen(request, timeout=timeout) as response:
        content = response.read(BYTE_LIMIT + 1)
        declared = response.headers.get("Content-Length")
    if len(content) > BYTE_LIMIT:
        raise _RefusedError(f"{address} sent more than {BYTE_LIMIT:,} bytes")
    if declared is not None and int(declared) != len(content):
        raise ConnectionError(f"{len(content):,} of {int(declared):,} bytes arrived")
    return content


def _from_drive(destination: Path) -> Obtained:
    try:
        import gdown
    except ImportError as error:
        raise ImageError("method google-drive needs gdown; install it with: pip install -e '.[images]'") from error
    archive = destination / f"google-drive-{DRIVE_ID}.archive"
    if not archive.is_file():
        try:
            gdown.download(id=DRIVE_ID, output=str(archive), resume=True)
        except Exception as error:  # gdown raises its own classes, which differ between its versions
            raise _drive_refusal(archive, str(error) or type(error).__name__) from error
    if not archive.is_file():
        raise _drive_refusal(archive, "gdown returned without a file")
    pictures = [
        path
        for path in safe_extract(archive, destination)
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if not pictures:
        raise ImageError(f"{archive} unpacked without a picture in it; delete it and try again")
    folder = Path(os.path.commonpath([path.parent for path in pictures]))
    return Obtained(folder, len(pictures), 0, {})


def _drive_refusal(archive: Path, reason: str) -> ImageError:
    return ImageError(
        f"Google Drive file {DRIVE_ID} could not be downloaded ({reason}).\n"
        f"  Run the same command again to resume; or fetch https://drive.google.com/uc?id={DRIVE_ID} with a\n"
        f"  browser and put it at {archive}."
    )
