"""Whether committed runs were made by the code and the parameters that stand here now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from mner.config import Config
from mner.files import sha256_of_json
from mner.reporting.reference import committed_record
from mner.tracking.record import Record
from mner.training.cell import Cell
from mner.training.runs import code_of


@dataclass(frozen=True, slots=True)
class Origins:
    """How many runs of a profile were committed, and how many by other code or other parameters."""

    runs: int
    other_code: int
    other_parameters: int
    same: int

    def render(self) -> str:
        """One sentence."""
        if self.same == self.runs:
            return f"all {self.runs} committed runs were made by the code and parameters that stand here now"
        return (
            f"{self.same} of {self.runs} committed runs were made by the code and parameters that stand here now "
            f"({self.other_code} by other code, {self.other_parameters} with other parameters): tags and speeds "
            "are of that time, scores of today"
        )


def origins(config: Config, root: Path) -> Origins | None:
    """Compares the committed records of the active profile; None where none were committed.

    Code is compared by its meaning (comments do not count), parameters are recipe, options and encoder. What a
    run has read is not compared: its data need not be here.
    """

    @cache
    def code(system: str) -> dict[str, str]:
        return code_of(config.systems[system].file, root)

    found = [
        (record.code == code(record.system), _parameters(record) == _parameters_now(config, record, root))
        for record in _committed(config, root)
    ]
    if not found:
        return None
    same_code, same_parameters = (sum(part) for part in zip(*found, strict=True))
    return Origins(len(found), len(found) - same_code, len(found) - same_parameters, sum(map(all, found)))


def _committed(config: Config, root: Path) -> Iterator[Record]:
    for dataset, system in config.active.cells:
        for seed in config.active.seeds:
            path = committed_record(config.active.name, dataset, system, seed, root)
            if path.is_file() and (record := Record.read(path)).status == "finished":
                yield record


def _parameters(record: Record) -> str:
    return sha256_of_json([record.recipe, record.options, record.encoder["name"]])


def _parameters_now(config: Config, record: Record, root: Path) -> str:
    cell = Cell(config, record.dataset, record.system, root)
    return sha256_of_json([asdict(cell.recipe), cell.options, cell.encoder.name])
