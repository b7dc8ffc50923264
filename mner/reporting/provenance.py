"""Whether committed runs are those that the versions and the parameters that stand here would make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mner.config import Config
from mner.evaluation.kept_results import committed_record
from mner.tracking.identity import parameter_differences
from mner.tracking.record import Record
from mner.training.experiment import Cell


@dataclass(frozen=True, slots=True)
class Origins:
    """How many runs of a profile were committed, and how many by other versions or other parameters."""

    runs: int
    other_versions: int
    other_parameters: int
    same: int

    def render(self) -> str:
        """One sentence."""
        if self.same == self.runs:
            return f"all {self.runs} committed runs have the versions and parameters that stand here now"
        return (
            f"{self.same} of {self.runs} committed runs have the versions and parameters that stand here now "
            f"({self.other_versions} have other versions, {self.other_parameters} other parameters): tags and "
            "speeds are of that time, scores of today"
        )


def origins(config: Config, root: Path) -> Origins | None:
    """Compares the committed records of the active profile; None where none were committed.

    What a run has read is not compared: its data need not be here.
    """
    kinds = [
        {one.kind for one in parameter_differences(Cell(config, record.dataset, record.system, root), record)}
        for record in _committed(config, root)
    ]
    if not kinds:
        return None
    versions = sum("version" in found for found in kinds)
    parameters = sum(bool(found - {"version"}) for found in kinds)
    return Origins(len(kinds), versions, parameters, sum(not found for found in kinds))


def _committed(config: Config, root: Path) -> Iterator[Record]:
    for dataset, system in config.active.cells:
        for seed in config.active.seeds:
            path = committed_record(config.active.name, dataset, system, seed, root)
            if path.is_file() and (record := Record.read(path)).status == "finished":
                yield record
