"""Files that are either whole or absent: atomic writes, hashes, and locks that die with their process."""

from __future__ import annotations

import fcntl
import hashlib
import json
import lzma
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

REBUILD = "delete it and run `dvc repro`"
SETTLED_NS = 2_000_000_000
COMMITTED = "it is committed: `git checkout` brings it back"


class BrokenFileError(ValueError):
    """A file is there but cut short or damaged; the message names it, says how, and what to do."""


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either its old bytes or all of the new ones."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_text_atomically(path: Path, text: str) -> None:
    """UTF-8 counterpart of :func:`write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_json_atomically(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Write ``value`` as JSON with sorted keys and a closing newline; on one line, without a space, for None."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, sort_keys=True, ensure_ascii=False)
    write_text_atomically(path, text + "\n")


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to disk, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
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
    except (json.JSONDecodeError, UnicodeDecodeError, SafetensorError, lzma.LZMAError, EOFError) as error:
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
def exclusive(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; the kernel drops it when the process dies, however it dies.

    A process that outlived its parent (``kill -9`` on ``dvc repro`` leaves the stage running) still holds the
    lock: we say so once and wait for it instead of writing the same files beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            print(f"waiting: process {owner} holds {path}", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
