"""Finished cells of all profiles with results, and which of them stands for a system in the overview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mner.evaluation.conditions import Scored, scored_cells
from mner.evaluation.kept_results import REFERENCE, KeptProfile, committed_record, kept_elsewhere
from mner.evaluation.score_results import ScoredRun
from mner.tracking.origin import origin_of

DATASETS = ("twitter2015", "twitter2017")
PREFERENCE = ("paper", "base", "full", "neighbours", "quick", "graphs", "quick-all", "smoke")
"""Profiles from the nearest to the papers' conditions to the furthest; others come last."""


@dataclass(frozen=True)
class KeptCells:
    """Scores of several profiles on real data: the preferred profile first."""

    profiles: tuple[KeptProfile, ...]
    committed: frozenset[str]

    @classmethod
    def read(cls, reference: Path = REFERENCE, further: Path | None = None) -> KeptCells:
        """Read committed results, then those of ``further`` whose profile is not committed."""
        kept = list(kept_elsewhere("", DATASETS, reference))
        committed = frozenset(one.scores.profile for one in kept)
        if further is not None:
            kept += [one for one in kept_elsewhere("", DATASETS, further) if one.scores.profile not in committed]
        return cls(tuple(sorted(kept, key=lambda one: _place(one.scores.profile))), committed)

    @cached_property
    def cells(self) -> Mapping[tuple[str, str, str], Scored]:
        """Finished cells by profile, data set and system, the preferred profile first."""
        return {
            (cell.profile, cell.cell.dataset, cell.cell.system): cell
            for one in self.profiles
            for cell in scored_cells(one.scores, one.rescored)
        }

    def best(self, dataset: str, system: str) -> Scored | None:
        """Give the cell of the preferred profile that has one."""
        return next(
            (cell for (_, where, name), cell in self.cells.items() if (where, name) == (dataset, system)), None
        )

    def others(self, profile: str) -> Sequence[KeptProfile]:
        """Give the results of all other profiles."""
        return [one for one in self.profiles if one.scores.profile != profile]

    @cached_property
    def runs(self) -> Mapping[str, ScoredRun]:
        """Scored runs by the path of their record."""
        return {run.record: run for one in self.profiles for run in one.scores.runs}

    def is_byte_reproduced(self, cell: Scored) -> bool:
        """Whether a second machine gave the same tags under the key of one of the cell's runs.

        Either another kept run has that key, the hashes of all its predictions and another machine, or a run that
        came by archive was trained again with the same tags (``mner audit-run``).
        """
        own = [self.runs[run.record] for run in cell.runs if run.record in self.runs]
        return any(self._agrees_elsewhere(run) or self._is_audited(run) for run in own)

    def _agrees_elsewhere(self, run: ScoredRun) -> bool:
        return any(
            other.key == run.key
            and other.predictions == run.predictions
            and bool(other.machine and run.machine)
            and other.machine != run.machine
            for other in self.runs.values()
        )

    def _is_audited(self, run: ScoredRun) -> bool:
        origin = origin_of(Path(self.file(run.record)).parent)
        return origin is not None and origin.is_audited

    @property
    def records(self) -> frozenset[str]:
        """Records that a citation may name."""
        return frozenset(self.runs)

    def file(self, record: str) -> str:
        """Give the path of a record in the repository: the committed one where there is one."""
        run = self.runs[record]
        if run.profile not in self.committed:
            return record
        return committed_record(run.profile, run.dataset, run.system, run.seed).as_posix()

    def files(self, records: Iterable[str]) -> list[str]:
        """Give the paths of several records."""
        return [self.file(record) for record in records]


def _place(profile: str) -> tuple[int, str]:
    return (PREFERENCE.index(profile) if profile in PREFERENCE else len(PREFERENCE), profile)
