"""Unpack archives from outside without trusting a name, a link or a size in them."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from mner.base.files import write_atomically

BYTE_LIMIT = 8 * 2**30
ENTRY_LIMIT = 200_000
HEADER_LIMIT = 1 << 20
_HEADERS = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, NotImplementedError)


class ArchiveError(ValueError):
    """An archive that is refused or cannot be read; the message names archive, ``entry`` and reason."""

    def __init__(self, message: str, entry: str | None = None) -> None:
        self.entry = entry
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A regular file of an archive: its place, its size in bytes as the archive declares it, how to open it."""

    place: PurePosixPath
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]


class _BoundedHeaders(tarfile.TarInfo):
    """A tar entry whose long names and extra fields are not read into memory beyond ``HEADER_LIMIT``."""

    def _proc_member(self, opened: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > HEADER_LIMIT:
            raise ArchiveError(
                f"{opened.name!s}: refused, a header of {self.size:,} bytes; at most {HEADER_LIMIT:,} are read"
            )
        return super()._proc_member(opened)  # type: ignore[misc]


def safe_extract(
    archive: Path, destination: Path, *, byte_limit: int = BYTE_LIMIT, entry_limit: int = ENTRY_LIMIT
) -> list[Path]:
    """Unpack a zip or tar archive (told by content, compressed or not) below ``destination``.

    Every entry is judged before the first byte is written: only regular files and folders, only relative names
    without ``..``, at most ``byte_limit`` unpacked bytes in at most ``entry_limit`` entries, no two entries
    with one name. Files arrive whole or not at all, with mode 644 whatever the archive says.

    Returns:
        the files written, in archive order.

    Raises:
        ArchiveError: the archive breaks one of these rules, is damaged, or is neither zip nor tar.
    """
    if not archive.is_file():
        raise ArchiveError(f"{archive}: no such archive")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                return _extract(archive, _zip_entries(archive, opened), destination, byte_limit, entry_limit)
        with tarfile.open(archive, tarinfo=_BoundedHeaders) as opened:
            entries = _tar_entries(archive, opened, destination)
            return _extract(archive, entries, destination, byte_limit, entry_limit)
    except tarfile.ReadError as error:
        raise ArchiveError(f"{archive}: neither a zip nor a tar archive, or damaged; get it again") from error
    except _DAMAGED as error:
        raise ArchiveError(f"{archive}: cannot be unpacked ({type(error).__name__}: {error})") from error


def _extract(
    archive: Path, entries: Iterator[_Entry | None], destination: Path, byte_limit: int, entry_limit: int
) -> list[Path]:
    files = _judged(archive, entries, byte_limit, entry_limit)
    destination.mkdir(parents=True, exist_ok=True)
    root = destination.resolve()
    written = []
    for entry in tqdm(files, desc=f"unpacking {archive.name}", unit="file", delay=2.0):
        target = root / entry.place
        if not target.parent.resolve().is_relative_to(root):
            raise _refusal(archive, entry.place, f"a link below {destination} leads its folder elsewhere")
        write_atomically(target, partial(_copy, archive, entry))
        written.append(destination / entry.place)
    return written


def _judged(archive: Path, entries: Iterator[_Entry | None], byte_limit: int, entry_limit: int) -> list[_Entry]:
    files: list[_Entry] = []
    places: set[PurePosixPath] = set()
    total = 0
    for number, entry in enumerate(entries, start=1):
        if number > entry_limit:
            raise ArchiveError(f"{archive}: more than {entry_limit:,} entries")
        if entry is None:
            continue
        total += entry.size
        if total > byte_limit:
            raise ArchiveError(f"{archive}: unpacks to more than {byte_limit:,} bytes")
        if entry.place in places:
            raise _refusal(archive, entry.place, "occurs twice")
        places.add(entry.place)
        files.append(entry)
    for place in places:
        if not places.isdisjoint(place.parents):
            raise _refusal(archive, place, "lies below another file of the archive")
    return files


def _zip_entries(archive: Path, opened: zipfile.ZipFile) -> Iterator[_Entry | None]:
    for info in opened.infolist():
        place = _checked_place(archive, info.orig_filename)
        if info.is_dir():
            yield None
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _refusal(archive, place, "is a link or a device, not a regular file")
        if info.flag_bits & 1:
            raise _refusal(archive, place, "is encrypted")
        yield _Entry(place, info.file_size, partial(opened.open, info))


def _tar_entries(archive: Path, opened: tarfile.TarFile, destination: Path) -> Iterator[_Entry | None]:
    for member in opened:
        place = _checked_place(archive, member.name)
        if member.isdir():
            yield None
            continue
        if not member.isreg():
            raise _refusal(archive, place, "is a link or a device, not a regular file")
        if reason := _refused_by_python(member, destination):
            raise _refusal(archive, place, f"is refused by Python's data filter ({reason})")
        yield _Entry(place, member.size, partial(_opened, opened, member))


def _refused_by_python(member: tarfile.TarInfo, destination: Path) -> str | None:
    """Python's own judgement of a member, which comes on top of the rules of :func:`safe_extract`.

    Python 3.11.0 to 3.11.3 have no such judgement (Debian 12 ships 3.11.2). There our rules stand alone: they are
    the stricter ones, and no member is ever written by ``tarfile`` itself.
    """
    if not hasattr(tarfile, "data_filter"):
        return None
    try:
        tarfile.data_filter(member, str(destination))
    except tarfile.FilterError as error:
        return str(error)
    return None


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member)
    if file is None:
        raise tarfile.ReadError(f"{member.name} has no content")
    return file


def _checked_place(archive: Path, name: str) -> PurePosixPath:
    place = PurePosixPath(name)
    if place.is_absolute() or "\\" in name or "\0" in name or ":" in name.split("/", 1)[0]:
        raise _refusal(archive, name, "is not a plain relative name")
    if ".." in place.parts:
        raise _refusal(archive, name, "climbs out of its folder")
    return place


def _copy(archive: Path, entry: _Entry, temporary: Path) -> None:
    with entry.open() as source, temporary.open("wb") as target:
        shutil.copyfileobj(source, target)
        if target.tell() != entry.size:
            raise _refusal(archive, entry.place, f"holds {target.tell():,} bytes but declares {entry.size:,}")


def _refusal(archive: Path, entry: object, reason: str) -> ArchiveError:
    message = f"{archive}: refused, entry {str(entry)!r} {reason}; nothing of this archive can be trusted"
    return ArchiveError(message, str(entry))
