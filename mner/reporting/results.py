"""Results of a profile as reports read them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mner.evaluation.error_results import AuditResults, ErrorResults
from mner.evaluation.evaluate import Evaluation
from mner.evaluation.kept_results import REFERENCE, RESULTS, KeptProfile, kept_elsewhere, results_of
from mner.evaluation.rescored_results import RescoredResults, RescoredRun
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.statistics_results import StatisticsResults
from mner.reporting.cells import Cited


class ProfileFacts(Protocol):
    """The active profile: its cells, and a note on its purpose."""

    @property
    def name(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def datasets(self) -> tuple[str, ...]: ...
    @property
    def systems(self) -> tuple[str, ...]: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...


class VerifyFacts(Protocol):
    """Margins in F1 points, and the level of each one-sided test."""

    @property
    def margin(self) -> float: ...
    @property
    def alpha(self) -> float: ...
    @property
    def reference_margin(self) -> float: ...
    @property
    def control_gain(self) -> float: ...


class Settings(Protocol):
    """The active profile and the settings of the verification."""

    @property
    def active(self) -> ProfileFacts: ...
    @property
    def verify(self) -> VerifyFacts: ...


@dataclass(frozen=True, slots=True)
class Results:
    """Everything in ``results/<profile>/``, and what was kept of ``others``.

    Other profiles are what a waterfall needs to say what another encoder or visual input accounts for.
    """

    scores: ScoreResults
    rescored: RescoredResults
    statistics: StatisticsResults
    errors: ErrorResults
    audit: AuditResults
    others: Sequence[KeptProfile] = ()

    @classmethod
    def read(cls, profile: str, folder: Path = RESULTS, reference: Path = REFERENCE) -> Results:
        """Read all files.

        Raises:
            NoResultsError: a file is missing.
            ConfigError: a file holds something else than it should; the message names it and the nearest key.
        """
        scores = results_of(ScoreResults, profile, folder)
        return cls(
            scores,
            results_of(RescoredResults, profile, folder),
            results_of(StatisticsResults, profile, folder),
            results_of(ErrorResults, profile, folder),
            results_of(AuditResults, profile, folder),
            kept_elsewhere(profile, scores.datasets, reference),
        )

    @classmethod
    def of(cls, found: Evaluation, others: Sequence[KeptProfile] = ()) -> Results:
        """Take over what the score stage computed."""
        return cls(found.scores, found.rescored, found.statistics, found.errors, found.audit, others)

    @property
    def records(self) -> frozenset[str]:
        """Records of all scored runs: what citations may name."""
        return frozenset(run.record for run in self.scores.runs)

    @property
    def all_records(self) -> frozenset[str]:
        """The same with the runs of the other kept profiles: what a waterfall may name."""
        return self.records.union(run.record for other in self.others for run in other.scores.runs)

    def runs(self, dataset: str, system: str) -> Sequence[RescoredRun]:
        """The runs of a cell under every scorer."""
        return self.rescored.runs_of(dataset, system)

    def finished(self, dataset: str) -> list[str]:
        """Systems with finished runs on a data set, in the profile's order."""
        return [system for system in self.scores.systems if self.runs(dataset, system)]


def mean_of(values: tuple[float, ...], records: tuple[str, ...], **style: Any) -> Cited:
    """A mean over runs with its s.d. (n - 1), as a citation."""
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Cited(statistics.fmean(values), records, values, sd, **style)
