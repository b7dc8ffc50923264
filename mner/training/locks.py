"""Who trains what: one process a run, any number of processes a cell. Locks die with their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mner.files import exclusive


class BusyError(RuntimeError):
    """Another living process holds the lock; the message names it."""


@contextmanager
def run_lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Be the only process that trains a run.

    Raises:
        BusyError: another process holds ``path`` and we were told not to wait.
    """
    if wait:
        with exclusive(path):
            yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        if not _take(handle.fileno(), fcntl.LOCK_EX):
            handle.seek(0)
            raise BusyError(f"process {handle.read().strip() or 'unknown'} holds {path}")
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


@contextmanager
def presence(path: Path, tidy: Callable[[], Any]) -> Iterator[None]:
    """Be one of those who work behind ``path``; whoever comes while nobody is there tidies up first.

    Others who come meanwhile wait until it is done, so ``tidy`` may delete what dead processes left half-written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        if _take(handle.fileno(), fcntl.LOCK_EX):
            tidy()
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


def _take(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
