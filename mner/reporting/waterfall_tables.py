"""Waterfalls as tables, one row a printed number, and the meters of what must not be done."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mner.evaluation.reasons import in_words
from mner.evaluation.rescoring import STANDARD
from mner.evaluation.run_selection import picked
from mner.evaluation.waterfall import SAME, STEPS, SUPPOSED, Step, Waterfall
from mner.reporting.cells import Cell, Cited, Measured, Printed, State, Words
from mner.reporting.results import Results, mean_of
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table

ELSEWHERE = "*"
SUM_NOTE = (
    "Each row adds up from left to right: paper plus all steps is ours. A step in words adds nothing and stays "
    "in the residual. Numbers are rounded such that rows add up as printed."
)
CHOICE_NOTE = (
    "“Best seed picked” and “Epoch picked on test” say what these choices would account for, on our runs, if the "
    "authors had made them; whether they did is not known. “Residual, nothing picked” is what remains if they "
    "did not."
)
ERROR_NOTE = (
    "± of a step is its standard error over runs: paired, where the same runs are scored twice (version, scorer, "
    "epoch), of two samples (Welch), where other runs were trained. Steps without one come from single runs, or "
    f"are no difference of two means (best seed, residual). {ELSEWHERE}: the runs of its two sides were trained "
    "on different machines, which alone moves F1."
)
MOVE_COLUMNS = {"change": "What differs", "there": "There", "here": "Here"}
WHAT_IF_NOTE = (
    "What must not be done: none of these numbers is a result. They show what picking the epoch on test, or "
    "reporting the best seed, would have added to the same runs under conlleval."
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a drawn waterfall: its step (None for the two ends), and what is printed."""

    step: Step | None
    title: str
    cell: Cell
    low: float
    high: float


def bars(fall: Waterfall) -> tuple[Bar, ...]:
    """Paper, steps and ours with citations; as printed, paper and steps sum to ours to the last digit."""
    figure = fall.row.figure(fall.dataset, "F1")
    if figure is None:
        raise ValueError(f"row {fall.row.id} prints no F1 on {fall.dataset}")
    found = [Bar(None, "Paper", Printed(figure, fall.row.source), 0.0, fall.printed)]
    exact, shown = fall.printed, round(fall.printed, 2)
    for step in fall.steps:
        before = exact
        exact += step.points
        cell: Cell = State(step.state, step.why)
        if step.measured:
            rounded = round(exact, 2)
            cell = _step_cell(step, rounded - shown)
            shown = rounded
        found.append(Bar(step, step.title, cell, min(before, exact), max(before, exact)))
    ours = mean_of(fall.ours, fall.records, shown=shown)
    return (*found, Bar(None, "Ours", ours, 0.0, ours.value))


def _step_cell(step: Step, shown: float) -> Cell:
    if step.values is not None and step.error is None:
        return mean_of(step.values, step.records, signed=True, shown=shown)
    error, of = step.error or (None, "")
    method = f"difference of two means: {step.why}{f'; ± is its standard error, {of}' if of else ''}"
    mark = ELSEWHERE if step.machines else ""
    return Measured(step.points, step.records, method, signed=True, shown=shown, error=error, mark=mark)


def waterfall_table(falls: Sequence[Waterfall], dataset: str, records: frozenset[str]) -> Table | None:
    """One row a printed number of the data set; None if there is none. ``records`` may be named."""
    own = [fall for fall in falls if fall.dataset == dataset]
    if not own:
        return None
    columns = (
        Column("row", "Row", "words"),
        Column("paper", "Paper", "paper"),
        *(Column(name, title, "ours") for name, title in STEPS.items()),
        Column("ours", "Ours", "ours"),
        Column("unpicked", "Residual, nothing picked", "ours"),
    )
    rows, notes = [], []
    for fall in own:
        cells = [_without_spread(bar.cell) for bar in bars(fall)]
        unpicked = _without_spread(mean_of(fall.unpicked, fall.reached, signed=True))
        label = fall.row.label + fall.row.mark
        rows.append(Row(f"{fall.system}/{fall.row.id}", (Words(f"{label} ({fall.system})"), *cells, unpicked)))
        notes.append(_note(fall))
    title = f"{dataset_title(dataset)}: from the printed F1 to ours (F1 points)"
    notes = [SUM_NOTE, CHOICE_NOTE, ERROR_NOTE, *dict.fromkeys(notes)]
    return Table(f"waterfall-{dataset}", title, dataset, columns, tuple(rows), records, tuple(notes))


def _note(fall: Waterfall) -> str:
    """What was compared for each step of one row; choices and what other runs tell are explained elsewhere."""
    said = [
        f"{step.title.lower()}: {step.why}"
        for step in reversed(fall.steps[1:])
        if step.state != SAME and step.change is None and not (step.kind == SUPPOSED and step.measured)
    ]
    causes = ", ".join(in_words(fall.causes))
    return f"{fall.row.label}{fall.row.mark}: {'; '.join(said)}. {residual(fall)}: {causes}"


def residual(fall: Waterfall) -> str:
    """Whose difference to paper the causes of the residual tell: that of the runs nearest to its conditions."""
    return f"Residual, of the runs of profile {fall.moves[-1].after.profile}" if fall.moves else "Residual"


def moves_table(falls: Sequence[Waterfall], dataset: str, records: frozenset[str]) -> Table | None:
    """What differs where runs of other profiles stand for a condition, once for all systems it is alike for."""
    alike: dict[tuple[str, tuple[tuple[str, str, str], ...]], list[str]] = {}
    for fall in falls:
        for move in fall.moves if fall.dataset == dataset else ():
            alike.setdefault((f"{move.title}: {move.between}", move.changes), []).append(fall.system)
    columns = tuple(Column(name, title, "words") for name, title in MOVE_COLUMNS.items())
    rows = [
        Row(f"{systems[0]}/{name}", (Words(name), Words(there), Words(here)), _heading(what, systems))
        for (what, changes), systems in alike.items()
        for name, there, here in changes
    ]
    if not rows:
        return None
    title = f"{dataset_title(dataset)}: runs that stand for the paper's conditions"
    return Table(f"moves-{dataset}", title, dataset, columns, tuple(rows), records)


def _heading(what: str, systems: Sequence[str]) -> str:
    return f"{what} ({', '.join(dict.fromkeys(systems))})"


def _without_spread(cell: Cell) -> Cell:
    if not isinstance(cell, Cited):
        return cell
    return Cited(cell.value, cell.records, cell.values, signed=cell.signed, shown=cell.shown)


def what_if_table(results: Results, dataset: str) -> Table | None:
    """Ours, and what it would have become by picking the epoch on test, the best seed, or both."""
    columns = (
        Column("system", "System", "words"),
        Column("ours", "Ours", "ours"),
        Column("epoch", "Epoch on test", "ours"),
        Column("epoch.gain", "Gain", "ours"),
        Column("seed", "Best seed", "ours"),
        Column("seed.gain", "Gain", "ours"),
        Column("both", "Both", "ours"),
    )
    rows = []
    for system in results.finished(dataset):
        found = picked(results.runs(dataset, system), STANDARD)
        if isinstance(found, str):
            continue
        cells: list[Cell] = [Words(system), mean_of(found.on_dev, found.records)]
        if found.on_test is None:
            absent = State("not measured", "predictions of single epochs were not kept by every run")
            cells += [absent, absent]
        else:
            gains = tuple(test - dev for test, dev in zip(found.on_test, found.on_dev, strict=True))
            cells += [mean_of(found.on_test, found.records), mean_of(gains, found.records, signed=True)]
        cells += _best(found.on_dev, found.records)
        values = found.on_dev if found.on_test is None else found.on_test
        both = "best run at its best epoch on test" if found.on_test is not None else ""
        cells.append(
            Measured(max(values), found.records, both) if both else State("not measured", "needs single epochs")
        )
        rows.append(Row(system, tuple(cells)))
    if not rows:
        return None
    title = f"{dataset_title(dataset)}: what must not be done (F1, %)"
    return Table(f"what-if-{dataset}", title, dataset, columns, tuple(rows), results.records, (WHAT_IF_NOTE,))


def _best(values: tuple[float, ...], records: tuple[str, ...]) -> list[Cell]:
    if len(values) < 2:
        return [State("one seed", "nothing to pick from")] * 2
    gain = max(values) - statistics.fmean(values)
    return [
        Measured(max(values), records, "best of the runs"),
        Measured(gain, records, "best of the runs minus their mean", signed=True),
    ]


def is_supposed(bar: Bar) -> bool:
    """Whether the bar stands for a choice that the authors may or may not have made."""
    return bar.step is not None and bar.step.kind == SUPPOSED
