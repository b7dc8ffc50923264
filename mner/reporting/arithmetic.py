"""Do printed P, R and F1 fit together, and does averaging over batches leave the gap that some rows show?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mner.evaluation.paper import Figure, Paper, PaperRow
from mner.evaluation.paper_audit import RowAudit, audit_rows, gap_of, trend
from mner.evaluation.rescored_results import Rescored
from mner.reporting.cells import Cell, Printed, Words, with_minus
from mner.reporting.log_tables import log_tables
from mner.reporting.results import Results
from mner.reporting.run_facts import dataset_title
from mner.reporting.scorer_tables import over_runs
from mner.reporting.tables import Column, Row, Table

SCORERS = {"rgcn-16": "Batches of 16", "rgcn-64": "Batches of 64"}
GAP_NOTE = (
    "Gap: printed F1 minus 2PR/(P + R) of the printed P and R. Rounding to two decimals allows about ±0.01 "
    "either way; a mean of F1s over batches or seeds lies below, never above, the F1 of mean P and mean R."
)
OURS_NOTE = (
    "The same gap on our own predictions when P, R and F1 are averaged over batches as R-GCN's program does: "
    "what a printed row would show had it been made so at our accuracy."
)


def arithmetic_tables(results: Results, paper: Paper, dataset: str) -> list[Table]:
    """The audit of every row printed with P, R and F1, the gap averaging leaves on our runs, authors' logs."""
    printed = _printed_rows(paper, dataset)
    logged = log_tables(paper, dataset)
    if not printed:
        return logged
    audits = _audits(printed, dataset)
    columns = (
        Column("row", "Row", "words"),
        *(Column(metric, metric, "paper") for metric in ("P", "R", "F1")),
        Column("harmonic", "2PR/(P + R)", "paper"),
        Column("gap", "Gap", "paper"),
        Column("finding", "Finding", "words"),
        Column("scorer", "Scored with", "words"),
    )
    rows = [_row(row, audit, dataset) for row, audit in zip(printed, audits, strict=True)]
    title = f"{dataset_title(dataset)}: F1 against 2PR/(P + R) of the printed rows"
    notes = (GAP_NOTE, *_trends(paper))
    made = [Table(f"arithmetic-{dataset}", title, dataset, columns, tuple(rows), results.records, notes)]
    ours = _ours(results, dataset)
    return [*made, *([ours] if ours else []), *logged]


def _printed_rows(paper: Paper, dataset: str) -> list[PaperRow]:
    rows = {row.id: row for table in paper.tables for row in table.rows}
    return [row for row in rows.values() if all(row.figure(dataset, metric) for metric in ("P", "R", "F1"))]


def _figure(row: PaperRow, dataset: str, metric: str) -> Figure:
    figure = row.figure(dataset, metric)
    if figure is None:
        raise ValueError(f"row {row.id} prints no {metric} on {dataset}")
    return figure


def _row(row: PaperRow, audit: RowAudit, dataset: str) -> Row:
    derived = "computed from the printed P and R"
    cells: tuple[Cell, ...] = (
        Words(row.label + row.mark),
        *(Printed(_figure(row, dataset, metric), row.source) for metric in ("P", "R", "F1")),
        Printed(Figure(audit.harmonic), derived, digits=3),
        Printed(Figure(audit.gap), derived, digits=3, signed=True),
        Words({"consistent": "within rounding", "below": "below", "above": "above"}[audit.finding]),
        Words(row.used[dataset].scorer),
    )
    return Row(row.id, cells)


def _audits(rows: Sequence[PaperRow], dataset: str) -> list[RowAudit]:
    def value(row: PaperRow, metric: str) -> float:
        return _figure(row, dataset, metric).value

    return audit_rows((row.id, dataset, value(row, "P"), value(row, "R"), value(row, "F1")) for row in rows)


def _trends(paper: Paper) -> list[str]:
    """A sentence for R-GCN's rows and one for all others, over all data sets: signs of the gaps, sign test."""
    groups: dict[str, list[RowAudit]] = defaultdict(list)
    for dataset in dict.fromkeys(dataset for table in paper.tables for dataset in table.datasets):
        rows = _printed_rows(paper, dataset)
        for row, audit in zip(rows, _audits(rows, dataset), strict=True):
            groups["R-GCN's rows" if row.system.startswith("rgcn") else "All other rows"].append(audit)
    said = []
    for name, group in sorted(groups.items(), reverse=True):
        found = trend(group)
        said.append(
            f"{name}, all data sets: {found.negative} of {found.rows} fall short, {found.positive} exceed; "
            f"mean gap {with_minus(f'{found.mean_gap:+.3f}')}; sign test p = {found.p_value:.3f}"
        )
    return said


def _ours(results: Results, dataset: str) -> Table | None:
    systems = results.finished(dataset)
    if not systems:
        return None
    columns = (
        Column("system", "System", "words"),
        *(Column(name, title, "ours") for name, title in SCORERS.items()),
    )
    rows = tuple(
        Row(system, (Words(system), *(_gap(results, dataset, system, name) for name in SCORERS)))
        for system in systems
    )
    title = f"{dataset_title(dataset)}: gap that batch averaging leaves on our predictions (F1 points)"
    return Table(f"averaging-{dataset}", title, dataset, columns, rows, results.records, (OURS_NOTE,))


def _gap(results: Results, dataset: str, system: str, scorer: str) -> Cell:
    def gap(scores: Rescored) -> float | None:
        found = scores.precision, scores.recall, scores.f1
        return None if None in found else gap_of(*found)  # type: ignore[arg-type]

    return over_runs(results, dataset, system, scorer, gap, digits=3, signed=True)
