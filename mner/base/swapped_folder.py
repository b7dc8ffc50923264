"""Whole folders written aside and swapped in: readers find all of the old files or all of the new ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mner.base.exhaustion import full_disk_names


def _beside(target: Path) -> tuple[Path, Path]:
    return target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")


def settle(target: Path) -> None:
    """Put back what a killed :func:`swapped` had moved away, so that the folder is there as it was.

    Call it before ``target`` is read. Nothing happens where nothing was interrupted.
    """
    _, old = _beside(target)
    if old.is_dir() and not target.exists():
        old.rename(target)


@contextmanager
def swapped(target: Path) -> Iterator[Path]:
    """Fill a new folder beside ``target`` and put it in its place when the block ends well.

    ``target`` stays as it is until then, and where the block raises. A kill at any moment leaves the old folder or
    the new one: between the two renames the old one lies beside it, and :func:`settle` puts it back.

    Yields:
        The empty folder to write into.

    Raises:
        OSError: the disk is full; ``target`` is as it was.
    """
    new, old = _beside(target)
    settle(target)
    for stale in (new, old):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        with full_disk_names(new):
            new.mkdir(parents=True)
            yield new
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            settle(target)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
