"""Printed numbers with the runs that their authors logged, for the page and for ``mner explain``."""

from __future__ import annotations

from mner.evaluation.author_logs import TOLERANCE
from mner.evaluation.paper import Figure, Paper, PaperLog
from mner.reporting.cells import Cell, Printed, Words
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table

NOTES = (
    "F1 as the authors' program logged it, of one run without a named seed, which need not be the printed run. "
    "Chosen on dev: test F1 of the epoch of the highest dev F1. Best test epoch: the highest test F1 of all; "
    "it cannot be chosen without the test tags. Difference: printed minus chosen on dev.",
)


def log_tables(paper: Paper, dataset: str) -> list[Table]:
    """Give the table of a data set's logs; none where no authors' log is known."""
    logs = [log for log in paper.logs if log.dataset == dataset]
    if not logs:
        return []
    columns = (
        Column("row", "Row", "words"),
        Column("printed", "Printed", "paper"),
        Column("chosen", "Chosen on dev", "paper"),
        Column("again", "Evaluated again", "paper"),
        Column("best", "Best test epoch", "paper"),
        Column("difference", "Difference", "paper"),
        Column("epochs", "Epochs", "words"),
    )
    title = f"{dataset_title(dataset)}: F1 printed, and in the authors' own log"
    rows = tuple(Row(log.id, _cells(log, paper)) for log in logs)
    return [Table(f"logs-{dataset}", title, dataset, columns, rows, frozenset(), NOTES)]


def logs_of(value: str, dataset: str, system: str, paper: Paper) -> list[PaperLog]:
    """Logs of a system's rows that print this F1, written as ``value``."""
    digits = len(value.partition(".")[2])
    return [
        log
        for log in paper.logs
        if (log.dataset, paper.row(log.row).system) == (dataset, system)
        and f"{log.verdict.printed:.{digits}f}" == value
    ]


def said_of(value: str, dataset: str, system: str, paper: Paper) -> list[str]:
    """Sentences on a printed F1, written as ``value``, from the logs of a system's rows."""
    return [f"{log.verdict.says} ({log.source})" for log in logs_of(value, dataset, system, paper)]


def _cells(log: PaperLog, paper: Paper) -> tuple[Cell, ...]:
    verdict, row = log.verdict, paper.row(log.row)
    again: Cell = Words("–") if verdict.again is None else Words(f"{verdict.again:.2f}")
    if verdict.again is not None:
        again = Printed(Figure(verdict.again), log.source)
    difference = 0.0 if abs(verdict.difference) < TOLERANCE else verdict.difference
    return (
        Words(row.label),
        Printed(Figure(verdict.printed), row.source),
        Printed(Figure(verdict.chosen), log.source),
        again,
        Printed(Figure(verdict.best), log.source),
        Printed(Figure(difference), f"printed minus chosen on dev, {log.source}", signed=True),
        Words(f"{verdict.epochs}, {verdict.chosen_epoch} chosen on dev, {verdict.best_epoch} best on test"),
    )
