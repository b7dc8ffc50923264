"""The sections of a report as tables, for Markdown, LaTeX and data files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mner.evaluation.paper import PaperRow
from mner.evaluation.verdicts import NOT_COMPARABLE, Verdict
from mner.reporting.cells import NOT_PRINTED, NOT_RUN, SURE, Cell, State, Words, with_minus
from mner.reporting.layout import Block, Line, Section, types_of
from mner.reporting.run_facts import device_marks, speed_note, training_speed
from mner.reporting.tables import Column, Row, Table
from mner.reporting.text_only import (
    ABLATION_NOTE,
    PROBES,
    TEXT_NOTE,
    baseline_cells,
    baseline_columns,
    has_number,
    has_own,
)

SPREAD_NOTE = "Ours: mean ± s.d. (n − 1) over seeds; one seed has no ±."
PAPER_NOTE = "Paper: ± as printed, over an unknown number of runs."
VERDICT_NOTE = (
    "By its rule: what the same runs reach as the printed row was scored (its program's rule, its copy of "
    "the test split), where that is known and can be done. The difference is this minus paper; the verdict "
    "rests on it; “F1 ours” is conlleval on our copy. REPRODUCED comes from the interval of level 1 − 2 alpha "
    "(90 % where alpha is 5 %); CONSISTENT says that a further run of ours might give the printed value, which is "
    "one draw; BELOW and ABOVE need it outside both. Nothing is corrected for the number of rows; see "
    "docs/verdicts.md."
)


def section_tables(section: Section, records: frozenset[str], cards: Collection[str] = frozenset()) -> list[Table]:
    """Per data set: F1 with its verdict, P and R, F1 by type, and image reliance where pictures were swapped.

    Rows of systems named in ``cards`` lead to ``cards.md``.
    """
    tables = []
    for block in section.blocks:
        tables.append(_f1_table(section, block, records, cards))
        tables.append(_metric_table(section, block, ("P", "R"), "parts", "precision and recall", records, cards))
        tables.append(_metric_table(section, block, types_of(block.lines), "types", "F1 by type", records, cards))
        if block.has_ablations():
            tables.append(_probe_table(section, block, records, cards))
    return tables


def _f1_table(section: Section, block: Block, records: frozenset[str], cards: Collection[str]) -> Table:
    printed = section.table is not None
    devices = device_marks(line.cell for line in block.lines if line.cell)
    columns = [Column("system", "System", "words")]
    columns += [Column("F1.paper", "F1 paper", "paper")] if printed else []
    columns.append(Column("F1.ours", "F1 ours", "ours"))
    if printed:
        columns.append(Column("F1.scored", "By its rule", "ours"))
        columns.append(Column("F1.difference", "Difference", "ours"))
        columns.append(Column("verdict", "Verdict on F1", "words"))
    columns.append(Column("seeds", "Seeds", "words"))
    columns += [Column("speed", "Sentences/s", "ours")] if devices else []
    rows = []
    for line in block.lines:
        cells: list[Cell] = [_label(line.label, line.system, cards)]
        cells += [line.paper["F1"]] if printed else []
        cells.append(line.ours["F1"])
        if printed:
            cells += [line.scored, line.difference, Words(line.verdict.name if line.verdict else "–")]
        cells.append(Words(seeds_of(line)))
        cells += [training_speed(line.cell, devices)] if devices else []
        rows.append(Row(line.id, tuple(cells), line.group, idle=_idle(line)))
    name, title = f"{section.id}-{block.dataset}-overall", f"{block.title}: overall F1 (%)"
    notes = _notes(section, block, speed_note(devices))
    return Table(name, title, block.dataset, tuple(columns), tuple(rows), records, notes)


def _metric_table(
    section: Section,
    block: Block,
    metrics: Sequence[str],
    part: str,
    what: str,
    records: frozenset[str],
    cards: Collection[str],
) -> Table:
    """Ours and paper; where no row prints any of the metrics, ours alone, and each system once."""
    printed = {metric for metric in metrics if any(line.paper_of(metric) != NOT_PRINTED for line in block.lines)}
    columns = [Column("system", "System", "words")]
    for metric in metrics:
        columns += [Column(f"{metric}.paper", f"{metric} paper", "paper")] if metric in printed else []
        columns.append(Column(f"{metric}.ours", f"{metric} ours", "ours"))
    rows = []
    for line in block.lines if printed else _by_system(block.lines):
        cells: list[Cell] = [_label(line.label if printed else line.system, line.system, cards)]
        for metric in metrics:
            cells += [line.paper_of(metric)] if metric in printed else []
            cells.append(line.ours_of(metric))
        rows.append(Row(line.id, tuple(cells), line.group, idle=_idle(line)))
    name, title = f"{section.id}-{block.dataset}-{part}", f"{block.title}: {what} (%)"
    return Table(name, title, block.dataset, tuple(columns), tuple(rows), records)


def _probe_table(section: Section, block: Block, records: frozenset[str], cards: Collection[str]) -> Table:
    lines = [line for line in _by_system(block.lines) if has_number(line.probes.values())]
    own = has_own(line.text_only for line in lines)
    columns = (
        Column("system", "System", "words"),
        Column("F1", "F1", "ours"),
        *baseline_columns(own),
        *(Column(view, f"{PROBES[view]} [{SURE}]", "ours") for view in PROBES),
    )
    rows = []
    for line in lines:
        probes = (line.probes[view] for view in PROBES)
        label = _label(line.system, line.system, cards)
        cells = (label, line.ours["F1"], *baseline_cells(line.text_only, own), *probes)
        rows.append(Row(line.id, cells, line.group))
    name = f"{section.id}-{block.dataset}-reliance"
    title = f"{block.title}: image reliance (F1 points)"
    return Table(name, title, block.dataset, columns, tuple(rows), records, (ABLATION_NOTE, TEXT_NOTE))


def _label(label: str, system: str, cards: Collection[str]) -> Words:
    return Words(label, link=f"cards.md#{system}" if system in cards else "")


def _by_system(lines: Iterable[Line]) -> list[Line]:
    """The first line of each system: several printed rows may name one."""
    first: dict[str, Line] = {}
    for line in lines:
        first.setdefault(line.system, line)
    return list(first.values())


def _idle(line: Line) -> bool:
    return line.ours["F1"] == NOT_RUN


def seeds_of(line: Line) -> str:
    """The seeds behind our number, as text."""
    f1 = line.cell.own_f1 if line.cell and line.finished else None
    return " ".join(str(seed) for seed in f1.seeds) if f1 else "–"


def _notes(section: Section, block: Block, speeds: str) -> tuple[str, ...]:
    idle = [line.label for line in block.lines if _idle(line)]
    notes = [f"Not run: {', '.join(idle)}."] if 0 < len(idle) < len(block.lines) else []
    printed, finished = section.table is not None, any(line.finished for line in block.lines)
    notes += [f"{SPREAD_NOTE} {PAPER_NOTE}" if printed else SPREAD_NOTE] if finished else []
    if section.table is not None:
        notes += [VERDICT_NOTE] if finished else []
        used = {mark for line in block.lines if line.row for mark in _marks(line.row, block.dataset)}
        notes += [f"{mark}: {meaning}" for mark, meaning in section.table.marks.items() if mark in used]
    notes += [speeds] if speeds else []
    for line in block.lines:
        if line.verdict and line.finished:
            notes.append(with_minus(f"{line.label}: {_why(line.verdict)}"))
        elif line.ours["F1"] != NOT_RUN and isinstance(line.ours["F1"], State):
            notes.append(f"{line.label}: skipped: {line.ours['F1'].why}")
    return tuple(notes)


def _marks(row: PaperRow, dataset: str) -> set[str]:
    return {row.mark, *(figure.mark for figure in row.printed.get(dataset, {}).values())}


def _why(verdict: Verdict) -> str:
    """Name, rule and why; caveats too where something is claimed."""
    shown = verdict.why if verdict.name == NOT_COMPARABLE else (*verdict.why, *verdict.open_points)
    return f"{verdict.name} (by {verdict.rule}): {'; '.join(shown)}"
