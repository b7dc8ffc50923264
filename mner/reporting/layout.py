"""From scores and printed numbers to the sections of a report, and from sections to tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mner.data.corpus import TYPES
from mner.evaluation.averages import cells_of, own_f1
from mner.evaluation.verdicts import NOT_COMPARABLE, Verdict, judge
from mner.paper import METRICS, Paper, PaperRow, PaperTable
from mner.reporting.cells import (
    NOT_PRINTED,
    NOT_RUN,
    SURE,
    Cell,
    Printed,
    State,
    Words,
    cited,
    missing,
    with_minus,
)
from mner.reporting.control_checks import are_controls
from mner.reporting.reliance import PROBE_NOTE, PROBES, has_number, probe_cells
from mner.reporting.results import Results
from mner.reporting.tables import Column, Row, Table
from mner.reporting.text_only import TEXT_NOTE, Beside, beside_cells, beside_columns, has_own, text_only_beside
from mner.reporting.titles import dataset_title

OVERALL = ("P", "R", "F1")
GROUPS = {"text": "Text", "text+image": "Text + image", "": ""}
SPREAD_NOTE = (
    "Ours: mean ± s.d. (n − 1) over seeds; one seed has no ±. Paper: ± as printed, over an unknown number of runs."
)
VERDICT_NOTE = (
    "A verdict holds the printed F1 against what our runs reach as that row was scored (its program's rule, its "
    "copy of the test split), where that is known and can be done; the columns are conlleval on our copy. It "
    "comes from the interval of level 1 − 2 alpha (90 % where alpha is 5 %), takes the printed value as exact "
    "even where the row prints a ±, and is not corrected for the number of rows."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a report on one data set; ``row`` and ``verdict`` are None where no paper has such a row.

    ``text_only`` are the text-only systems with the same encoder.
    """

    id: str
    system: str
    label: str
    group: str
    dataset: str
    row: PaperRow | None
    cell: Mapping[str, Any] | None
    verdict: Verdict | None
    paper: Mapping[str, Cell]
    ours: Mapping[str, Cell]
    probes: Mapping[str, Cell]
    text_only: Beside

    @property
    def finished(self) -> bool:
        """Whether we have a number for this line."""
        return self.cell is not None and self.cell["state"] == "finished"


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of a section on one data set."""

    dataset: str
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        return dataset_title(self.dataset)

    def has_probes(self) -> bool:
        """Whether any line was also predicted with another picture or none."""
        return any(has_number(line.probes.values()) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Section:
    """A published table with our numbers beside it, or (``table`` None) the rows no paper has."""

    id: str
    title: str
    table: PaperTable | None
    blocks: tuple[Block, ...]

    def has_results(self) -> bool:
        """Whether any number of ours stands in it."""
        return any(line.finished for block in self.blocks for line in block.lines)


def sections(results: Results, paper: Paper, margin: float, alpha: float) -> tuple[Section, ...]:
    """Every published table, then the profile's rows that no table has (section ``others``, if there are any).

    A profile of generated corpora has no published tables. Data sets stand in the profile's order.
    """
    scores = results.scores
    controls = are_controls(scores["datasets"])
    order = {dataset: place for place, dataset in enumerate(scores["datasets"])}
    cells = cells_of(scores)
    made = []
    for table in () if controls else paper.tables:
        blocks = [
            Block(
                dataset,
                tuple(
                    _line(dataset, row, results, cells.get((dataset, row.system)), paper, margin, alpha)
                    for row in table.rows
                ),
            )
            for dataset in sorted(table.datasets, key=lambda name: order.get(name, len(order)))
        ]
        made.append(Section(table.id, table.title, table, tuple(blocks)))
    covered = {(line.dataset, line.system) for section in made for block in section.blocks for line in block.lines}
    blocks = [
        Block(dataset, tuple(_own_line(results, cells[dataset, system]) for system in systems))
        for dataset in scores["datasets"]
        if (systems := [system for system in scores["systems"] if (dataset, system) not in covered])
    ]
    title = "F1 on the generated corpora" if controls else "Rows without a published counterpart"
    others = [Section("others", title, None, tuple(blocks))] if blocks else []
    return (*made, *others)


def _line(
    dataset: str,
    row: PaperRow,
    results: Results,
    cell: Mapping[str, Any] | None,
    paper: Paper,
    margin: float,
    alpha: float,
) -> Line:
    printed = {}
    for metric in METRICS:
        figure = row.figure(dataset, metric)
        printed[metric] = Printed(figure, row.source) if figure else NOT_PRINTED
    absent = {"dataset": dataset, "system": row.system, "state": "not-run", "reason": None}
    verdict = judge(cell or absent, row, paper, margin, alpha, results.runs(dataset, row.system))
    label, group = row.label + row.mark, GROUPS[row.modality]
    return Line(
        row.id,
        row.system,
        label,
        group,
        dataset,
        row,
        cell,
        verdict,
        printed,
        _ours(cell),
        *_picture(cell, results),
    )


def _own_line(results: Results, cell: Mapping[str, Any]) -> Line:
    nothing = dict.fromkeys(METRICS, NOT_PRINTED)
    name, dataset = cell["system"], cell["dataset"]
    return Line(name, name, name, "", dataset, None, cell, None, nothing, _ours(cell), *_picture(cell, results))


def _picture(cell: Mapping[str, Any] | None, results: Results) -> tuple[dict[str, Cell], Beside]:
    """Probes of a cell, and the text-only systems beside it."""
    return probe_cells(cell, results.statistics), text_only_beside(cell, results.scores["cells"])


def _ours(cell: Mapping[str, Any] | None) -> dict[str, Cell]:
    if cell is None or cell["state"] != "finished":
        return dict.fromkeys(METRICS, missing(cell))
    view = cell["views"]["test.own"]
    overall = {name: cited(view[key]) for name, key in zip(OVERALL, ("precision", "recall", "f1"), strict=True)}
    return {**{kind: cited(view["types"][kind]) for kind in TYPES}, **overall}


def section_tables(section: Section, records: frozenset[str], cards: Collection[str] = frozenset()) -> list[Table]:
    """Per data set: overall scores, F1 by type, and image reliance where pictures were swapped.

    Rows of systems named in ``cards`` lead to ``cards.md``.
    """
    tables = []
    for block in section.blocks:
        tables.append(_metric_table(section, block, OVERALL, "overall", records, cards))
        tables.append(_metric_table(section, block, TYPES, "types", records, cards))
        if block.has_probes():
            tables.append(_probe_table(section, block, records, cards))
    return tables


def _label(line: Line, cards: Collection[str]) -> Words:
    return Words(line.label, link=f"cards.md#{line.system}" if line.system in cards else "")


def _metric_table(
    section: Section,
    block: Block,
    metrics: Sequence[str],
    part: str,
    records: frozenset[str],
    cards: Collection[str],
) -> Table:
    columns = [Column("system", "System", "words")]
    for metric in metrics:
        if section.table is not None:
            columns.append(Column(f"{metric}.paper", f"{metric} paper", "paper"))
        columns.append(Column(f"{metric}.ours", f"{metric} ours", "ours"))
    if part == "overall":
        columns.append(Column("seeds", "Seeds", "words"))
        if section.table is not None:
            columns.append(Column("verdict", "Verdict on F1", "words"))
    rows = []
    for line in block.lines:
        cells: list[Cell] = [_label(line, cards)]
        for metric in metrics:
            cells += [line.paper[metric]] if section.table is not None else []
            cells.append(line.ours[metric])
        if part == "overall":
            cells.append(Words(seeds_of(line)))
            cells += [Words(line.verdict.name if line.verdict else "–")] if section.table is not None else []
        rows.append(Row(line.id, tuple(cells), line.group))
    what = "overall" if part == "overall" else "F1 by type"
    title = f"{block.title}: {what} (%)"
    name = f"{section.id}-{block.dataset}-{part}"
    notes = _notes(section, block) if part == "overall" else ()
    return Table(name, title, block.dataset, tuple(columns), tuple(rows), records, notes)


def _probe_table(section: Section, block: Block, records: frozenset[str], cards: Collection[str]) -> Table:
    lines = [
        line for line in {line.system: line for line in block.lines}.values() if has_number(line.probes.values())
    ]
    own = has_own(line.text_only for line in lines)
    columns = (
        Column("system", "System", "words"),
        Column("F1", "F1", "ours"),
        *beside_columns(own),
        *(Column(view, f"{PROBES[view]} [{SURE}]", "ours") for view in PROBES),
    )
    rows = []
    for line in lines:
        probes = (line.probes[view] for view in PROBES)
        cells = (_label(line, cards), line.ours["F1"], *beside_cells(line.text_only, own), *probes)
        rows.append(Row(line.id, cells, line.group))
    name = f"{section.id}-{block.dataset}-reliance"
    title = f"{block.title}: image reliance (F1 points)"
    return Table(name, title, block.dataset, columns, tuple(rows), records, (PROBE_NOTE, TEXT_NOTE))


def seeds_of(line: Line) -> str:
    """The seeds behind our number, as text."""
    f1 = own_f1(line.cell) if line.cell and line.finished else None
    return " ".join(str(seed) for seed in f1["seeds"]) if f1 else "–"


def _notes(section: Section, block: Block) -> tuple[str, ...]:
    notes = [SPREAD_NOTE] if any(line.finished for line in block.lines) else []
    if section.table is not None:
        notes += [VERDICT_NOTE] if notes else []
        used = {line.row.mark for line in block.lines if line.row} | {
            figure.mark
            for line in block.lines
            if line.row
            for figure in line.row.printed.get(block.dataset, {}).values()
        }
        notes += [f"{mark}: {meaning}" for mark, meaning in section.table.marks.items() if mark in used]
    for line in block.lines:
        if line.verdict and line.finished:
            shown = (
                line.verdict.reasons
                if line.verdict.name == NOT_COMPARABLE
                else (*line.verdict.reasons, *line.verdict.doubts)
            )
            notes.append(with_minus(f"{line.label}: {line.verdict.name}: {'; '.join(shown)}"))
        elif line.ours["F1"] != NOT_RUN and isinstance(line.ours["F1"], State):
            notes.append(f"{line.label}: skipped: {line.ours['F1'].why}")
    return tuple(notes)
