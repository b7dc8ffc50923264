"""Mark runs that another machine made, until one of their cell has been trained again here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mner.base.files import read_json, write_json_atomically

FILE = "origin.json"
FORMAT = 1
ARCHIVE = "archive"


class OriginError(ValueError):
    """A file that is no mark of a run's origin, at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is no mark of a run's origin; delete the run and unpack its archive again")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run came from.

    Attributes:
        archive: SHA-256 of the archive it came in.
        audited_seed: the seed of its cell that was trained again here with the same tags; None until then.
        audited_at: when, in UTC and ISO 8601.
    """

    archive: str
    audited_seed: int | None = None
    audited_at: str | None = None

    @property
    def is_audited(self) -> bool:
        """Whether a run of the cell was reproduced here."""
        return self.audited_seed is not None

    def write(self, folder: Path) -> None:
        """Write the mark beside the run's record."""
        write_json_atomically(folder / FILE, {"format": FORMAT, "origin": ARCHIVE, **asdict(self)})


def origin_of(folder: Path) -> Origin | None:
    """Read the mark beside a run's record; None for a run that was trained here.

    Raises:
        BrokenFileError: the file is no JSON.
        OriginError: it holds something else.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    row: Any = read_json(path, "delete the run and unpack its archive again")
    fields = ("archive", "audited_seed", "audited_at")
    if not isinstance(row, dict) or row.get("format") != FORMAT or not set(fields) <= row.keys():
        raise OriginError(path)
    return Origin(**{name: row[name] for name in fields})
