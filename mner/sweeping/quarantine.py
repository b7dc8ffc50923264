"""Runs that fail whenever they are tried: set aside with their traceback until what they read has changed.

A run that failed because memory or disk was full is not set aside: its note says what happened, and the next sweep
tries it again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mner.files import write_json_atomically
from mner.tracking.record import now
from mner.training.runs import FAILURE

FORMAT = 1


class QuarantineError(ValueError):
    """A note of a failed run that cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the run of ``key`` failed: the error in one line, the traceback, and after how many tries.

    ``transient``: memory or disk was full, so the next sweep tries it again.
    """

    key: str
    error: str
    traceback: str
    tries: int
    failed_at: str
    transient: bool = False

    @classmethod
    def of(cls, key: str, traceback: str, tries: int, transient: bool = False) -> Failure:
        """A failure of this moment; its one line is the last of the traceback."""
        lines = [line for line in traceback.splitlines() if line.strip()]
        return cls(key, lines[-1] if lines else "no reason given", traceback, tries, now(), transient)

    def write(self, folder: Path) -> None:
        """Put the note into the run's folder, beside whatever is there."""
        write_json_atomically(folder / FAILURE, {"format": FORMAT, **asdict(self)})


def failure_of(folder: Path, key: str) -> Failure | None:
    """The failure of this very run; None if there is none, or if it was another run's (other code, other data).

    Raises:
        QuarantineError: the note cannot be read.
    """
    path = folder / FAILURE
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if row.pop("format") != FORMAT:
            raise ValueError("unknown format")
        failure = Failure(**row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise QuarantineError(f"{path} is no note of a failed run ({error}); delete it") from error
    return failure if failure.key == key else None
