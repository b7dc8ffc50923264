"""Who trains what: one process a run, any number of processes a cell. Locks die with their process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import ReadWriteLock, Timeout

from mner.base.files import BusyError, exclusive

__all__ = ["BusyError", "presence", "run_lock"]


@contextmanager
def run_lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Be the only process that trains a run.

    Raises:
        BusyError: another process holds ``path`` and ``wait`` is False.
    """
    with exclusive(path, wait=wait):
        yield


@contextmanager
def presence(path: Path, tidy: Callable[[], Any]) -> Iterator[None]:
    """Be one of those who work behind ``path``; whoever comes while nobody is there tidies up first.

    Others who come meanwhile wait until it is done, so ``tidy`` may delete what dead processes left half-written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = ReadWriteLock(path, is_singleton=False)
    try:
        try:
            with lock.write_lock(blocking=False):
                tidy()
        except Timeout:
            pass  # others are at work, and the first of them tidied
        with lock.read_lock():
            yield
    finally:
        lock.close()
