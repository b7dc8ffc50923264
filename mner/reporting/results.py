"""What the score stage wrote for a profile, read as one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mner.reporting.cells import Cited
from mner.reporting.reference import NoResultsError


@dataclass(frozen=True, slots=True)
class Results:
    """The content of ``results/<profile>/{scores,lenses,statistics,errors}.json``."""

    scores: Mapping[str, Any]
    lenses: Mapping[str, Any]
    statistics: Mapping[str, Any]
    errors: Mapping[str, Any]

    @classmethod
    def read(cls, profile: str, folder: Path = Path("results")) -> Results:
        """Read all four; raises NoResultsError where one is missing."""
        found = {}
        for field in fields(cls):
            path = folder / profile / f"{field.name}.json"
            if not path.is_file():
                raise NoResultsError(f"{path} is missing; run `mner score`")
            found[field.name] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found)

    @property
    def records(self) -> frozenset[str]:
        """Records of all scored runs: what citations may name."""
        return frozenset(run["record"] for run in self.scores["runs"])

    def runs(self, dataset: str, system: str) -> list[Mapping[str, Any]]:
        """The cell's entries of ``lenses.json``."""
        return [r for r in self.lenses["runs"] if (r["dataset"], r["system"]) == (dataset, system)]

    def finished(self, dataset: str) -> list[str]:
        """Systems with finished runs on a data set, in the profile's order."""
        systems = (system for system in self.scores["systems"] if self.runs(dataset, system))
        return list(systems)


def mean_of(values: tuple[float, ...], records: tuple[str, ...], **style: Any) -> Cited:
    """A mean over runs with its s.d. (n - 1), as a citation."""
    mean = sum(values) / len(values)
    sd = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5 if len(values) > 1 else None
    return Cited(mean, records, values, sd, **style)
