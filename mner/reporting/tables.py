"""One table object and its skins: Markdown, LaTeX (booktabs), CSV and JSON.

A column says what it may hold; a table refuses cells of another kind and citations of records it was not given.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mner.base.escaping import csv as csv_text
from mner.base.escaping import latex, latex_comment
from mner.base.terminal import markdown_table
from mner.reporting.cells import Cell, CitationError, Cited, Measured, Printed, State, Words

ORIGINS: dict[str, tuple[type, ...]] = {
    "paper": (Printed, State),
    "ours": (Cited, Measured, State),
    "words": (Words, State),
}


@dataclass(frozen=True, slots=True)
class Column:
    """``origin`` is ``paper``, ``ours`` or ``words``: whose numbers stand here, or none."""

    key: str
    title: str
    origin: str


@dataclass(frozen=True, slots=True)
class Row:
    """``id`` names the row in data files; ``group`` is a heading shared by neighbouring rows.

    Nothing was run for an ``idle`` row: data files have it, readers are shown it only where all rows are so.
    """

    id: str
    cells: tuple[Cell, ...]
    group: str = ""
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A rectangular table whose every number is traceable.

    ``records`` are the record paths that citations may name: those of the scores the table was built from.

    Raises:
        CitationError: a cell that its column may not hold, or a record that is not among ``records``.
        ValueError: a row with another number of cells than there are columns.
    """

    id: str
    title: str
    dataset: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    records: frozenset[str]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Refuse what may not be rendered; every skin asks again, so that nothing slips in after the making."""
        for row in self.rows:
            for column, cell in zip(self.columns, row.cells, strict=True):
                place = f"table {self.id}, row {row.id}, column {column.key}"
                if not isinstance(cell, ORIGINS[column.origin]):
                    raise CitationError(f"{place}: {cell!r} may not stand in a column of {column.origin!r}")
                if isinstance(cell, Cited | Measured) and not set(cell.records) <= self.records:
                    unknown = sorted(set(cell.records) - self.records)
                    raise CitationError(f"{place}: record {unknown[0]} is not among the scored runs")


def _told(table: Table) -> tuple[Row, ...]:
    """The rows that a reader is shown."""
    return tuple(row for row in table.rows if not row.idle) or table.rows


def to_markdown(table: Table) -> str:
    """GitHub Markdown with columns aligned in the source, readable in a terminal; links are defined at the end."""
    table.check()
    header = [column.title for column in table.columns]
    body: list[list[str]] = []
    links: dict[str, str] = {}
    group = ""
    for row in _told(table):
        if row.group and row.group != group:
            body.append([f"*{row.group}*"] + [""] * (len(header) - 1))
            group = row.group
        body.append([_linked(cell, links).replace("|", "\\|") for cell in row.cells])
    numbers = {place for place, column in enumerate(table.columns) if column.origin != "words"}
    lines = markdown_table(header, body, numbers)
    notes = [f"- {note}" for note in table.notes]
    targets = [f"[{label}]: {link}" for label, link in links.items()]
    ends = [line for part in (notes, targets) if part for line in ("", *part)]
    return "\n".join([f"### {table.title}", "", *lines, *ends]) + "\n"


def _linked(cell: Cell, links: dict[str, str]) -> str:
    """The cell's text; a label with a link becomes ``[label]``, defined once in ``links``."""
    text = cell.plain()
    if not isinstance(cell, Words) or not cell.link:
        return text
    if links.setdefault(text, cell.link) != cell.link:
        return f"[{text}]({cell.link})"
    return f"[{text}]"


def to_latex(table: Table) -> str:
    """A booktabs table; each row is preceded by ``%`` comments that name the records behind it."""
    table.check()
    spec = "".join("l" if column.origin == "words" else "r" for column in table.columns)
    lines = [
        r"\begin{table*}[t]\centering\small",
        rf"\caption{{{latex(table.title)}}}",
        rf"\label{{tab:{latex_comment(table.id)}}}",
    ]
    lines += [rf"\begin{{tabular}}{{{spec}}}", r"\toprule"]
    lines.append(" & ".join(latex(column.title) for column in table.columns) + r" \\")
    lines.append(r"\midrule")
    group = ""
    for number, row in enumerate(_told(table)):
        if row.group != group:
            group = row.group
            lines += [r"\midrule"] if number else []
            lines += [rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\emph{{{latex(group)}}}}} \\"] if group else []
        records = sorted(
            {record for cell in row.cells if isinstance(cell, Cited | Measured) for record in cell.records}
        )
        lines += [f"% {latex_comment(f'{row.id}: {record}')}" for record in records]
        lines.append(" & ".join(latex(cell.plain()) for cell in row.cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {latex(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


FIELDS = (
    *("table", "dataset", "row", "column", "origin", "value", "spread", "low", "high", "runs", "text", "source"),
    "records",
)


def to_entries(table: Table) -> list[dict[str, Any]]:
    """Long form: one entry a cell, with full precision, ± and records (see ``FIELDS``)."""
    table.check()
    entries = []
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            entry = dict.fromkeys(FIELDS)
            entry |= {"table": table.id, "dataset": table.dataset, "row": row.id, "column": column.key}
            entry |= {"origin": column.origin, "text": cell.plain(), "records": []}
            if isinstance(cell, Cited):
                entry |= {"value": cell.value, "spread": cell.sd, "runs": cell.runs, "records": list(cell.records)}
            elif isinstance(cell, Measured):
                entry |= {"value": cell.value, "spread": cell.error, "source": cell.method}
                entry |= {"low": cell.low, "high": cell.high}
                entry |= {"runs": len(cell.records), "records": list(cell.records)}
            elif isinstance(cell, Printed):
                entry |= {"value": cell.figure.value, "spread": cell.figure.spread, "source": cell.source}
            entries.append(entry)
    return entries


def to_csv(tables: Sequence[Table]) -> str:
    """All tables in long form; several records of a cell are separated by blanks."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for entry in to_entries(table):
            joined = {**entry, "records": " ".join(entry["records"])}
            writer.writerow({name: csv_text(v) if isinstance(v, str) else v for name, v in joined.items()})
    return out.getvalue()
