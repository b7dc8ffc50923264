"""Get a public file: from the cache, else from a mirror folder, else from the network; checked whichever it was.

A file counts only if its size and SHA-256 are those of the source table. Downloads resume where they stopped,
appear in the cache whole or not at all, and one process at a time downloads a file.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mner.base.files import exclusive, sha256_of
from mner.data.sources import BASE, SourceFile

_CHUNK = 1 << 16
_TRY_AGAIN = frozenset({408, 416, 429, 500, 502, 503, 504})
BROKEN = (urllib.error.URLError, TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException)


class SourceError(RuntimeError):
    """A public file that cannot be had as it must be; the message says what was seen and the ways out.

    ``path`` is that of the source table; ``seen`` has a line for every place that was looked at.
    """

    def __init__(self, message: str, path: str = "", seen: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.path, self.seen = path, tuple(seen)


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient a download is: tries, seconds of silence before giving up a try, first pause in seconds.

    The pause doubles after every try. A try that has brought fewer than ``least_rate`` bytes a second after
    ``grace`` seconds is given up, and all are when they took ``deadline`` seconds together.
    """

    attempts: int = 4
    timeout: float = 30.0
    pause: float = 1.0
    least_rate: float = 2000.0
    grace: float = 30.0
    deadline: float = 4 * 3600.0


def say(message: str) -> None:
    """Print a note on standard error without tearing a progress bar."""
    tqdm.write(message, file=sys.stderr)


def fetch(
    source: SourceFile,
    *,
    cache: Path,
    mirrors: Sequence[Path] = (),
    network: bool = True,
    progress: bool = True,
    base: str = BASE,
    retry: Retry = Retry(),
    note: Callable[[str], None] = say,
) -> Path:
    """Path of a file whose bytes are those of the source table.

    Looks in ``cache``, then in each mirror folder (read in place), then downloads into ``cache`` if
    ``network`` allows it. A damaged cache entry is reported through ``note`` and replaced.

    Raises:
        SourceError: a mirror or the network holds other bytes, or nothing holds the file.
    """
    target = cache / source.path
    state = state_of(source, target)
    if state == "":
        return target
    seen = [f"cache {target}: {state}"]
    if state != "absent":
        note(f"note: cached {source.path} is damaged ({state}); fetching it again")
    for mirror in mirrors:
        state = state_of(source, mirror / source.path)
        if state == "":
            return mirror / source.path
        seen.append(f"mirror {mirror}: {state if mirror.is_dir() else 'no such folder'}")
        if state != "absent":
            raise _refusal(source, cache, base, seen, "has a mirror copy with other bytes")
    if not network:
        seen.append("network: not allowed")
        raise _refusal(source, cache, base, seen, "is neither cached nor mirrored, and the network is not allowed")
    with exclusive(target.with_name(f".{target.name}.lock")):
        if state_of(source, target) == "":
            return target
        _download(source, cache, seen, progress, base, retry, note)
    return target


def locate(source: SourceFile, *, cache: Path, mirrors: Sequence[Path] = ()) -> Path | None:
    """The file in the cache or a mirror if its bytes are right, else None; touches no network."""
    places = (cache / source.path, *(mirror / source.path for mirror in mirrors))
    return next((place for place in places if state_of(source, place) == ""), None)


def state_of(source: SourceFile, path: Path) -> str:
    """Empty if ``path`` holds the right bytes, else ``absent`` or what it holds."""
    if not path.is_file():
        return "absent"
    size = path.stat().st_size
    if size != source.bytes:
        return f"{size:,} bytes"
    sha256 = sha256_of(path)
    return "" if sha256 == source.sha256 else f"{size:,} bytes, SHA-256 {sha256}"


def _download(
    source: SourceFile,
    cache: Path,
    seen: list[str],
    progress: bool,
    base: str,
    retry: Retry,
    note: Callable[[str], None],
) -> None:
    """Fill the cache entry, resuming its ``.part`` file; the caller holds the entry's lock."""
    target = cache / source.path
    part = target.with_name(target.name + ".part")
    address = source.address(base)
    stop_at = time.monotonic() + retry.deadline
    for attempt in range(retry.attempts):
        if time.monotonic() > stop_at:
            seen.append(f"network {address}: not done after {retry.deadline:,.0f} s")
            break
        if attempt:
            time.sleep(retry.pause * 2 ** (attempt - 1))
        resumed = part.is_file() and 0 < part.stat().st_size <= source.bytes
        try:
            _pull(source, part, address, retry, stop_at, progress)
        except BROKEN as error:
            status = getattr(error, "code", None)
            seen.append(f"network {address}: {reason_of(error)}")
            if status == 416:
                part.unlink(missing_ok=True)
            if status is not None and status not in _TRY_AGAIN:
                break
            continue
        state = state_of(source, part)
        if state == "":
            part.replace(target)
            return
        seen.append(f"network {address}: {state}")
        if part.stat().st_size < source.bytes:
            continue
        part.unlink()
        if not resumed:
            raise _refusal(source, cache, base, seen, "has other bytes at its address")
        note(f"note: the unfinished download of {source.path} was damaged; starting it again")
    raise _refusal(source, cache, base, seen, "cannot be downloaded")


def _pull(source: SourceFile, part: Path, address: str, retry: Retry, stop_at: float, progress: bool) -> None:
    """One request: append to ``part`` if the server resumes, else start it again; stops past the right size."""
    start = part.stat().st_size if part.is_file() else 0
    if start >= source.bytes:
        part.unlink()
        start = 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=retry.timeout) as response:
        resumes = response.status == 206
        if resumes and not (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
            part.unlink(missing_ok=True)
            raise ConnectionError("the server resumed at another byte than asked")
        done = start if resumes else 0
        bar = tqdm(
            desc=source.path.rsplit("/", 1)[-1],
            total=source.bytes,
            initial=done,
            unit="B",
            unit_scale=True,
            disable=not progress,
            leave=False,
        )
        with bar, part.open("ab" if resumes else "wb") as handle:
            began, brought = time.monotonic(), 0
            # read1 returns what one packet brought: read would wait for a whole chunk of a trickle.
            while done <= source.bytes and (chunk := response.read1(_CHUNK)):
                done += handle.write(chunk)
                brought += len(chunk)
                bar.update(len(chunk))
                _refuse_a_trickle(brought, began, stop_at, retry)
            handle.flush()
            os.fsync(handle.fileno())


def _refuse_a_trickle(brought: int, began: float, stop_at: float, retry: Retry) -> None:
    now = time.monotonic()
    if now > stop_at:
        raise TimeoutError(f"not done after {retry.deadline:,.0f} s")
    if now - began > retry.grace and brought < retry.least_rate * (now - began):
        raise TimeoutError(f"only {brought:,} bytes in {now - began:,.0f} s")


def reason_of(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answer {error.code}"
    return str(getattr(error, "reason", "") or error) or type(error).__name__


def _refusal(source: SourceFile, cache: Path, base: str, seen: Sequence[str], problem: str) -> SourceError:
    lines = [
        f"{source.path} ({source.name}) {problem}; `mner profile controls` needs no file.",
        f"  expected: {source.bytes:,} bytes, SHA-256 {source.sha256}",
        *(f"  seen:     {text}" for text in dict.fromkeys(seen)),
        "  ways out: 1. set MNER_MIRROR to a folder laid out as owner/repository/commit/path that holds it",
        f"            2. put the file at {cache / source.path}",
        f"            3. give this machine network access to {source.address(base)} (and unset MNER_OFFLINE)",
    ]
    return SourceError("\n".join(lines), source.path, seen)
