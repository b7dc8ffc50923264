"""Files that are either whole or absent: atomic writes, hashes, and locks that die with their process."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from mner.base.exhaustion import full_disk_names

REBUILD = "delete it and run `dvc repro`"
SETTLED_NS = 2_000_000_000
COMMITTED = "it is committed: `git checkout` brings it back"
REGULAR = "regular file"
_KINDS = {
    stat.S_IFREG: REGULAR,
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "FIFO",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
}


class BrokenFileError(ValueError):
    """A file is there but cut short or damaged; the message names it, says how, and what to do."""


class BusyError(RuntimeError):
    """Another living process holds the lock at ``path``; ``owner`` is its number, None where that is not known."""

    def __init__(self, path: Path, owner: int | None) -> None:
        self.path, self.owner = path, owner
        super().__init__(f"process {owner or 'unknown'} holds {path}")


class RefusedFileError(ValueError):
    """A file that a user named is not read: it is no regular file, or too large.

    ``kind`` is what it is (``regular file``, ``folder``, ``FIFO``, ...); ``size`` and ``at_most`` are bytes,
    ``size`` 0 where the kind alone decides.
    """

    def __init__(self, path: Path, kind: str, size: int, at_most: int) -> None:
        self.path, self.kind, self.size, self.at_most = path, kind, size, at_most
        why = f"holds {size:,} bytes, and at most {at_most:,} are read" if kind == REGULAR else f"is a {kind}"
        super().__init__(f"{path} {why}; name a regular file of at most {at_most:,} bytes")


def regular_file(path: Path, at_most_bytes: int) -> Path:
    """Refuse what must not be read whole: a FIFO and a device never end, a sparse file may be larger than memory.

    Call it before a file that a user named is opened: opening a FIFO alone waits for ever.

    Args:
        path: the file; a link counts as what it leads to.
        at_most_bytes: the largest size that is read.

    Returns:
        ``path`` itself.

    Raises:
        FileNotFoundError: nothing is there.
        RefusedFileError: it is no regular file, or holds more than ``at_most_bytes``.
    """
    state = path.stat()
    kind = _KINDS.get(stat.S_IFMT(state.st_mode), "file of unknown kind")
    if kind != REGULAR:
        raise RefusedFileError(path, kind, 0, at_most_bytes)
    if state.st_size > at_most_bytes:
        raise RefusedFileError(path, kind, state.st_size, at_most_bytes)
    return path


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either its old bytes or all of the new ones."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_text_atomically(path: Path, text: str) -> None:
    """UTF-8 counterpart of :func:`write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode("utf-8"))


def json_bytes(value: Any, *, indent: int | None = 1) -> bytes:
    """``value`` as JSON with sorted keys and a closing newline; on one line, without a space, for None."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8")


def write_json_atomically(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Write ``value`` as :func:`json_bytes` gives it."""
    write_bytes_atomically(path, json_bytes(value, indent=indent))


def write_all_atomically(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all are on the disk beside their places before the first is renamed.

    Raises:
        OSError: the disk is full; every file is as it was.
    """
    with ExitStack() as parts:
        ready = [(parts.enter_context(_part(path, content)), path) for path, content in contents.items()]
        for part, path in ready:
            part.replace(path)


@contextmanager
def _part(path: Path, content: bytes) -> Iterator[Path]:
    """A flushed temporary file beside ``path``, gone when the block ends unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with full_disk_names(path), os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.chmod(0o644)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to disk, then rename it into place.

    Raises:
        OSError: the disk is full; ``filename`` is ``path``, which is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        with full_disk_names(path):
            write(temporary)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_partial_files(folder: Path) -> None:
    """Delete what a killed :func:`write_atomically` left behind; call it while holding the folder's lock."""
    for stale in folder.rglob(".*.part"):
        stale.unlink(missing_ok=True)


@contextmanager
def reading(path: Path, remedy: str = REBUILD) -> Iterator[None]:
    """Turn what parsers of JSON, safetensors and xz say of a damaged file into a :class:`BrokenFileError`."""
    try:
        yield
    except (
        json.JSONDecodeError,
        UnicodeDecodeError,
        SafetensorError,
        lzma.LZMAError,
        EOFError,
        RecursionError,
    ) as error:
        raise BrokenFileError(f"{path} is damaged ({error}); {remedy}") from error


def read_json(path: Path, remedy: str = REBUILD) -> Any:
    """The value of a JSON file.

    Raises:
        BrokenFileError: it is no JSON.
    """
    with reading(path, remedy):
        return json.loads(path.read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_of_text(text: str) -> str:
    """SHA-256 of a text's bytes in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def cached_sha256_of(path: Path) -> str:
    """:func:`sha256_of`, computed once in a process as long as the file stays as it is.

    A file counts as unchanged if size, inode and both times are. One that was written in the last seconds is
    hashed anew each time: a clock that ticks too coarsely would hide a second write.
    """
    held = path.stat()
    if time.time_ns() - max(held.st_mtime_ns, held.st_ctime_ns) < SETTLED_NS:
        return sha256_of(path)
    return _sha256_of_version(path.absolute(), held.st_size, held.st_mtime_ns, held.st_ctime_ns, held.st_ino)


@lru_cache(maxsize=4096)
def _sha256_of_version(path: Path, *version: int) -> str:
    return sha256_of(path)


def sha256_of_folder(folder: Path, names: Callable[[Path], bool]) -> str:
    """SHA-256 over names and contents of the files below a folder whose relative path ``names`` accepts.

    Where the folder lies, and when its files were written, makes no difference.
    """
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sha256_of_json({path.as_posix(): cached_sha256_of(folder / path) for path in found if names(path)})


def sha256_of_json(value: Any, *, allow_nan: bool = True) -> str:
    """SHA-256 of a value's canonical JSON text (sorted keys, no spaces).

    Raises:
        ValueError: a number is not finite and ``allow_nan`` is False.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=allow_nan)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; the kernel drops it when the process dies, however it dies.

    A process that outlived its parent (``kill -9`` on ``dvc repro`` leaves the stage running) still holds the
    lock: we say so once and wait for it instead of writing the same files beside it. Next to the lock,
    ``<path>.owner`` holds the number of the process that has it.

    Args:
        path: the lock file; its folder is made.
        wait: whether to wait for another holder.

    Raises:
        BusyError: another process holds it, and we were told not to ``wait``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_name(f"{path.name}.owner")
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        held = BusyError(path, _owner(owner))
        if not wait:
            raise held from None
        print(f"waiting: {held}", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        owner.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _owner(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
