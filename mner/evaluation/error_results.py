"""Errors, agreement of runs, and audit as frozen dataclasses: what ``errors.json`` and ``audit.json`` hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """How many entities of one group met each outcome; ``counts`` has one number a run."""

    cut: str
    group: str
    counts: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class SystemErrors:
    """Errors of one system on one data set, by cut and group."""

    system: str
    records: tuple[str, ...]
    rows: tuple[OutcomeRow, ...]

    @property
    def all_entities(self) -> OutcomeRow:
        """The row over all entities."""
        return next(row for row in self.rows if row.cut == "all")


@dataclass(frozen=True, slots=True)
class AgreementNumbers:
    """How alike several runs read the ``sentences`` with an entity; ``pairwise`` is in percent."""

    sentences: int
    pairwise: float
    all_right: int
    none_right: int


@dataclass(frozen=True, slots=True)
class GroupAgreement:
    """Agreement of a group of runs; without ``numbers``, ``state`` says why."""

    group: str
    records: tuple[str, ...]
    numbers: AgreementNumbers | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class EntityPlace:
    """An entity by type and word positions from 0, both inclusive."""

    kind: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class SuspectLabel:
    """A gold label that most runs contradict alike, see :class:`mner.evaluation.run_agreement.Suspect`."""

    sentence: int
    kind: str
    entity: EntityPlace
    gold: tuple[EntityPlace, ...]
    share: float
    systems: int
    image: str


@dataclass(frozen=True, slots=True)
class SuspectLabels:
    """Suspected labels of one data set; with ``state`` nothing could be suspected, and it says why."""

    records: tuple[str, ...]
    at_least: float | None = None
    systems: int | None = None
    entries: tuple[SuspectLabel, ...] = ()
    state: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetErrors:
    """Errors, agreement and suspected labels of one data set."""

    cells: tuple[SystemErrors, ...]
    agreement: tuple[GroupAgreement, ...]
    suspects: SuspectLabels


@dataclass(frozen=True, slots=True)
class ErrorResults:
    """Content of ``results/<profile>/errors.json``."""

    profile: str
    outcomes: tuple[str, ...]
    datasets: Mapping[str, DatasetErrors]
    format: int = 2


@dataclass(frozen=True, slots=True)
class Truncation:
    """Test words of a cell beyond ``max_pieces``; with ``state`` they were not counted, and it says why."""

    dataset: str
    system: str
    max_pieces: int
    words: int | None = None
    cut_words: int | None = None
    cut_sentences: int | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class AuditResults:
    """Content of ``results/<profile>/audit.json``.

    ``findings`` are by data set what the data stage wrote, None where it wrote nothing.
    """

    profile: str
    findings: Mapping[str, Any]
    truncation: tuple[Truncation, ...]
    format: int = 2
