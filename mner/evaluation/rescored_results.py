"""Runs under every scorer and on every dataset version: what ``lenses.json`` holds.

Some fields have another name in the file, which keeps the names it was first written with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ScorerTitle:
    """A scorer by name: its title in tables, and the paper and program it comes from."""

    name: str
    title: str
    origin: str


@dataclass(frozen=True, slots=True)
class SubwordSource:
    """The encoder whose subwords were counted; ``reason`` says why none were."""

    encoder: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Rescored:
    """Scores of one file of predictions under one scorer, in percent; or ``state``, which says why there are none.

    ``types`` is F1 by type.
    """

    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    types: Mapping[str, float | None] = field(default_factory=dict)
    state: str | None = None

    def metric(self, name: str) -> float | None:
        """P, R, F1, or F1 of a type by the type's name; None where it is undefined."""
        overall = {"P": self.precision, "R": self.recall, "F1": self.f1}
        return overall[name] if name in overall else self.types.get(name)

    @property
    def left_out(self) -> frozenset[str]:
        """Keys that the file does not hold for this entry."""
        return frozenset(("state",) if self.state is None else ("precision", "recall", "f1", "types"))

    @property
    def required(self) -> frozenset[str]:
        """Keys that the file must hold for this entry."""
        return frozenset(("precision", "recall", "f1", "types") if self.state is None else ("state",))


@dataclass(frozen=True, slots=True)
class RescoredRun:
    """A run's scores by dataset version, file of predictions (``test.own``) and scorer.

    ``dataset_version`` is the one that the run was made on.
    """

    record: str
    dataset: str
    system: str
    seed: int
    dataset_version: str = field(metadata={"key": "data_copy"})
    versions: Mapping[str, Mapping[str, Mapping[str, Rescored]]] = field(metadata={"key": "copies"})

    def scores(self, version: str, predictions: str, scorer: str) -> Rescored | None:
        """One entry, None where there is none."""
        return self.versions.get(version, {}).get(predictions, {}).get(scorer)


@dataclass(frozen=True, slots=True)
class RescoredResults:
    """Content of ``results/<profile>/lenses.json``."""

    profile: str
    standard: str
    scorers: tuple[ScorerTitle, ...] = field(metadata={"key": "lenses"})
    subwords: SubwordSource = field(metadata={"key": "pieces"})
    runs: tuple[RescoredRun, ...]
    format: int = 1

    def runs_of(self, dataset: str, system: str) -> tuple[RescoredRun, ...]:
        """The runs of one cell."""
        return tuple(run for run in self.runs if (run.dataset, run.system) == (dataset, system))
