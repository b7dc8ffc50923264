"""Results of a profile as reports read them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mner.evaluation.kept_results import REFERENCE, RESULTS, kept_elsewhere, scores_of
from mner.evaluation.results_schema import AuditResults, ErrorResults, read
from mner.evaluation.run_selection import runs_of
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


FILES = ("scores", "lenses", "statistics", "errors", "audit")


@dataclass(frozen=True, slots=True)
class Results:
    """The content of ``results/<profile>/<name>.json`` for every name in ``FILES``.

    ``others`` holds ``scores`` and ``lenses`` of other profiles whose results were kept: what a waterfall needs to
    say what another encoder or another picture input accounts for.
    """

    scores: Mapping[str, Any]
    lenses: Mapping[str, Any]
    statistics: Mapping[str, Any]
    errors: ErrorResults
    audit: AuditResults
    others: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def read(cls, profile: str, folder: Path = RESULTS, reference: Path = REFERENCE) -> Results:
        """Read them all, and what was kept of other profiles; raises NoResultsError where a file is missing."""
        found = {name: scores_of(profile, name, folder) for name in FILES}
        return cls.of(found, kept_elsewhere(profile, found["scores"]["datasets"], reference))

    @classmethod
    def of(cls, contents: Mapping[str, Any], others: Sequence[Mapping[str, Any]] = ()) -> Results:
        """Build results from the content of all ``FILES`` by name.

        Raises:
            ConfigError: a file holds something else than it should; the message names the nearest key.
        """
        typed = {
            "errors": read(ErrorResults, contents["errors"], "errors.json"),
            "audit": read(AuditResults, contents["audit"], "audit.json"),
        }
        return cls(**{**contents, **typed}, others=others)

    @property
    def records(self) -> frozenset[str]:
        """Records of all scored runs: what citations may name."""
        return frozenset(run["record"] for run in self.scores["runs"])

    @property
    def all_records(self) -> frozenset[str]:
        """The same with the runs of the other kept profiles: what a waterfall may name."""
        return self.records.union(run["record"] for other in self.others for run in other["scores"]["runs"])

    def runs(self, dataset: str, system: str) -> list[Mapping[str, Any]]:
        """The cell's entries of ``lenses.json``."""
        return runs_of(self.lenses, dataset, system)

    def finished(self, dataset: str) -> list[str]:
        """Systems with finished runs on a data set, in the profile's order."""
        return [system for system in self.scores["systems"] if self.runs(dataset, system)]


def mean_of(values: tuple[float, ...], records: tuple[str, ...], **style: Any) -> Cited:
    """A mean over runs with its s.d. (n - 1), as a citation."""
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Cited(statistics.fmean(values), records, values, sd, **style)
