"""Tables 1 and 2 and ITA's rows over all profiles: printed numbers and ours under the same scorer, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mner.data.corpus import TYPES
from mner.evaluation.conditions import Scored
from mner.evaluation.paper import METRICS, Paper, PaperRow, PaperTable
from mner.evaluation.verdicts import NOT_RUN, Verdict, judge
from mner.reporting.cells import NOT_PRINTED, Cell, Cited, Measured, Printed, State, Words
from mner.reporting.kept_cells import KeptCells
from mner.reporting.layout import GROUPS
from mner.reporting.results import mean_of
from mner.reporting.row_scores import under_scorer
from mner.reporting.run_facts import dataset_title, from_paper
from mner.reporting.tables import Column, Row, Table

NOTHING_RUN = State("not run", "no kept profile holds a finished run")
SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One printed row on one data set, with the preferred profile's runs of one of our systems.

    ``ours`` holds our numbers under the printed row's scorer by metric, ``standard`` our F1 under conlleval.
    """

    id: str
    row: PaperRow
    system: str
    dataset: str
    cell: Scored | None
    verdict: Verdict | None
    paper: Mapping[str, Cell]
    ours: Mapping[str, Cell]
    standard: Cell
    difference: Cell

    @property
    def label(self) -> str:
        own = f"{self.row.label}{self.row.mark}"
        return own if self.system == self.row.system else f"{own} ({self.system})"

    @property
    def group(self) -> str:
        return GROUPS[self.row.modality]

    @property
    def scorer(self) -> str:
        """The scorer of ``ours``; empty where nothing was run."""
        held = self.verdict.ours if self.verdict else None
        return held.scorer if held else ""

    @property
    def encoder(self) -> str:
        return self.cell.cell.encoder_name if self.cell else ""

    @property
    def profile(self) -> str:
        return self.cell.profile if self.cell else ""


@dataclass(frozen=True, slots=True)
class OverviewTable:
    """The rows of a published table on one data set."""

    table: PaperTable
    dataset: str
    rows: tuple[OverviewRow, ...]

    @property
    def id(self) -> str:
        return f"{self.table.id}-{self.dataset}"

    @property
    def title(self) -> str:
        return dataset_title(self.dataset)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that any row has a number for, F1 first."""
        wanted = ("F1", "P", "R", *TYPES)
        return tuple(
            metric
            for metric in wanted
            if metric == "F1" or any(isinstance(row.paper[metric], Printed) for row in self.rows)
        )

    def as_table(self, records: frozenset[str]) -> Table:
        """Give all numbers as a table for CSV, JSON and LaTeX."""
        columns = [Column("system", "System", "words")]
        for metric in self.metrics:
            columns += [
                Column(f"{metric}.paper", f"{metric} printed", "paper"),
                Column(f"{metric}.ours", f"{metric} ours", "ours"),
            ]
        columns += [
            Column("F1.difference", "F1 ours − printed", "ours"),
            Column("F1.conlleval", "F1 ours, conlleval", "ours"),
            Column("scorer", "Scorer", "words"),
            Column("profile", "Profile", "words"),
            Column("verdict", "Verdict", "words"),
        ]
        rows = tuple(Row(row.id, self._cells(row), row.group) for row in self.rows)
        title = f"{self.table.title}: {self.title}"
        return Table(f"overview-{self.id}", title, self.dataset, tuple(columns), rows, records)

    def _cells(self, row: OverviewRow) -> tuple[Cell, ...]:
        numbers = [cell for metric in self.metrics for cell in (row.paper[metric], row.ours[metric])]
        words = (row.scorer, row.profile, row.verdict.name if row.verdict else "")
        return (
            Words(row.label),
            *numbers,
            row.difference,
            row.standard,
            *(Words(word or "–") for word in words),
        )


def overview_tables(kept: KeptCells, paper: Paper, margin: float, alpha: float) -> tuple[OverviewTable, ...]:
    """Give every published table by data set."""
    return tuple(
        OverviewTable(
            table,
            dataset,
            tuple(
                _row(table, row, system, dataset, kept, paper, margin, alpha)
                for row, system in _rows(table, dataset, kept)
            ),
        )
        for table in paper.tables
        for dataset in table.datasets
    )


def _rows(table: PaperTable, dataset: str, kept: KeptCells) -> Iterator[tuple[PaperRow, str]]:
    """Rows that print a number or were run: printed row and our system."""
    for row in table.rows:
        for system in row.systems:
            printed = row.figure(dataset, "F1") is not None and system == row.system
            if printed or kept.best(dataset, system) is not None:
                yield row, system


def _row(
    table: PaperTable,
    row: PaperRow,
    system: str,
    dataset: str,
    kept: KeptCells,
    paper: Paper,
    margin: float,
    alpha: float,
) -> OverviewRow:
    figures = {metric: row.figure(dataset, metric) for metric in METRICS}
    printed: dict[str, Cell] = {
        metric: Printed(figure, row.source) if figure else NOT_PRINTED for metric, figure in figures.items()
    }
    name = f"{table.id}-{dataset}-{row.id}" + ("" if system == row.system else f"-by-{system}")
    cell = kept.best(dataset, system)
    if cell is None:
        nothing: dict[str, Cell] = dict.fromkeys(METRICS, NOTHING_RUN)
        verdict = Verdict(NOT_RUN) if figures["F1"] else None
        return OverviewRow(name, row, system, dataset, None, verdict, printed, nothing, NOTHING_RUN, NOT_PRINTED)
    verdict = judge(cell.cell, row, paper, margin, alpha, cell.runs)
    standard = mean_of(cell.level.on_dev, cell.level.records)
    return OverviewRow(
        name,
        row,
        system,
        dataset,
        cell,
        verdict,
        printed,
        _ours(cell, verdict, standard),
        standard,
        _difference(verdict, row, dataset),
    )


def _ours(cell: Scored, verdict: Verdict | None, standard: Cited) -> Mapping[str, Cell]:
    held = verdict.ours if verdict else None
    scorer, version = (held.scorer, held.version) if held else ("conlleval", str(cell.cell.dataset_version))
    found = under_scorer(cell.runs, scorer, version)
    return dict(found) if found else {**dict.fromkeys(METRICS, NOT_PRINTED), "F1": standard}


def _difference(verdict: Verdict | None, row: PaperRow, dataset: str) -> Measured | State:
    return from_paper(verdict, row.figure(dataset, "F1"))
