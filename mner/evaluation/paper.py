"""The published numbers of ``reports/paper.yaml`` as values; ``paper_reading`` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mner.data.corpus import TYPES
from mner.evaluation.author_logs import LogVerdict

METRICS: tuple[str, ...] = (*TYPES, "P", "R", "F1")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Figure:
    """One published number in percent, with the ± and the mark printed beside it."""

    value: float
    spread: float | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """What the authors of a row used on one data set; ``unknown`` where neither paper nor code tells.

    ``inferred`` lists the fields that follow from other facts only.
    """

    encoder: str
    visual: str
    scorer: str
    copy: str
    inferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A row of a published table and the harness row (``system``) it is held against.

    Two printed rows may name one system, and one row two of ours: ``also`` names further harness rows that it is
    held against, such as a module that computes what the published program does. ``printed`` maps data set to
    metric (see ``METRICS``) to number, with no entry where the paper prints none; ``used`` maps every data set of
    the table to what was used there. ``runs`` is how many runs the printed mean is of, None where the paper does
    not say: it then counts as one run.
    """

    id: str
    system: str
    label: str
    mark: str
    modality: str
    title: str
    source: str
    status: str
    used: Mapping[str, Used]
    printed: Mapping[str, Mapping[str, Figure]]
    notes: tuple[str, ...]
    also: tuple[str, ...] = ()
    runs: int | None = None

    @property
    def systems(self) -> tuple[str, ...]:
        """Every harness row that this row is held against, the first of them the one it is named for."""
        return (self.system, *self.also)

    def figure(self, dataset: str, metric: str) -> Figure | None:
        """The printed number, or None where the paper prints none."""
        return self.printed.get(dataset, {}).get(metric)


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A published table; ``marks`` explains its symbols as far as their meaning is known."""

    id: str
    title: str
    source: str
    datasets: tuple[str, ...]
    marks: Mapping[str, str]
    rows: tuple[PaperRow, ...]


@dataclass(frozen=True, slots=True)
class Scorer:
    """A scoring program and the data sets on which it agrees with conlleval, given tags from our label set."""

    name: str
    same_as_ours: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Weights:
    """The pretrained weights behind an encoder's name, as a printed row takes them.

    ``sha256`` is that of the file of weights (``model.safetensors`` at that commit), None where nobody named it.
    """

    name: str
    origin: str
    revision: str | None
    sha256: str | None

    def __str__(self) -> str:
        """Origin, commit and hash, the last two shortened."""
        at = f"@{self.revision[:12]}" if self.revision else ""
        return f"{self.origin}{at}, {f'SHA-256 {self.sha256[:12]}' if self.sha256 else 'SHA-256 not named'}"


@dataclass(frozen=True, slots=True)
class Requirements:
    """What the card of one of our rows asks of runs before they may be held against a printed number.

    ``recipe`` maps fields of a recipe to the published value (or to values by data set), None where no recipe is
    known; ``inferred`` says from what it follows where no paper or program states it for this row. ``missing``
    names what the system needs and this harness does not have.
    """

    recipe: Mapping[str, Any] | None = None
    inferred: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaperLog:
    """What the authors of a row (its id) logged on a data set; ``source`` is the file's path at its repository."""

    id: str
    row: str
    dataset: str
    source: str
    verdict: LogVerdict


@dataclass(frozen=True, slots=True)
class Paper:
    """All of ``paper.yaml``; ``requirements`` come from the cards of our rows (:meth:`requiring`).

    A row whose card was not asked has no known recipe, so nothing is claimed of it.
    """

    tables: tuple[PaperTable, ...]
    scorers: Mapping[str, Scorer]
    weights: Mapping[str, Weights] = field(default_factory=dict)
    requirements: Mapping[str, Requirements] = field(default_factory=dict)
    logs: tuple[PaperLog, ...] = ()

    def requiring(self, requirements: Mapping[str, Requirements]) -> Paper:
        """This paper with what our rows' cards ask, by row."""
        return replace(self, requirements=requirements)

    def row(self, id: str) -> PaperRow:
        """Give the first row of that id.

        Raises:
            KeyError: there is none.
        """
        return {row.id: row for table in reversed(self.tables) for row in table.rows}[id]

    @property
    def encoders(self) -> frozenset[str]:
        """All that printed rows read their words with, as far as it is known."""
        rows = [row for table in self.tables for row in table.rows]
        return frozenset(used.encoder for row in rows for used in row.used.values()) - {UNKNOWN}

    def rows_for(self, dataset: str, system: str) -> tuple[tuple[PaperTable, PaperRow], ...]:
        """Every printed row that gives ``system`` an F1 on ``dataset``, one entry per row id."""
        found: dict[str, tuple[PaperTable, PaperRow]] = {}
        for table in self.tables:
            for row in table.rows:
                if system in row.systems and row.figure(dataset, "F1") is not None:
                    found.setdefault(row.id, (table, row))
        return tuple(found.values())
