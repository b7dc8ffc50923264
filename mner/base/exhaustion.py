"""Errors that say nothing of what was run: the disk or the memory was full, and may not be next time."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


class NoSpaceError(RuntimeError):
    """The disk below ``folder`` has fewer bytes (``free``) than what is about to begin will write (``needed``)."""

    def __init__(self, folder: Path, free: int, needed: int) -> None:
        self.folder, self.free, self.needed = folder, free, needed
        super().__init__(
            f"{folder}: {free / 1e9:.1f} GB are free and about {needed / 1e9:.1f} GB are needed; nothing was "
            "begun: free some room, then give the same command"
        )


def check_free(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        folder: where it will be written.
        needed: bytes, as estimated.

    Raises:
        NoSpaceError: fewer bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoSpaceError(folder, free, needed)


def no_room(error: BaseException) -> int | None:
    """The system's number of the error if it says that the disk is full; None for any other.

    Libraries that write by themselves wrap it: safetensors names the number in its text, and torch says only that
    its file came out shorter than it should.
    """
    if isinstance(error, OSError):
        return error.errno if error.errno in NO_ROOM else None
    text = str(error)
    if type(error).__module__.startswith("safetensors") and (found := _SYSTEM_ERROR.search(text)):
        return int(found[1]) if int(found[1]) in NO_ROOM else None
    if isinstance(error, RuntimeError) and "inline_container.cc" in text:
        return errno.ENOSPC
    return None


def is_exhaustion(error: BaseException) -> bool:
    """Whether memory (of the machine or of a GPU) or disk was full: the same run may well succeed later."""
    if isinstance(error, MemoryError) or no_room(error) is not None:
        return True
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


@contextmanager
def full_disk_names(path: Path) -> Iterator[None]:
    """Give an error of a full disk the file's name, so that it can be told in one line.

    Raises:
        OSError: the disk is full; its ``filename`` is ``path``.
    """
    try:
        yield
    except Exception as error:
        number = no_room(error)
        if number is None or (isinstance(error, OSError) and error.filename is not None):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
