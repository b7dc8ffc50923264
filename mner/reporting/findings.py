"""Three findings that the committed results support, each with the table that proves it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mner.evaluation.claim_numbers import pooled_interval
from mner.evaluation.conditions import Scored
from mner.evaluation.paper import Paper
from mner.evaluation.rescoring import STANDARD
from mner.evaluation.run_selection import picked
from mner.reporting.cells import SURE, Cell, Cited, Measured, Printed, State, Words
from mner.reporting.kept_cells import DATASETS, KeptCells
from mner.reporting.results import mean_of
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table

SYSTEM, TEXT_ONLY = "rgcn", "bert-crf"
SCORER = "rgcn-64"
VIEWS = {"none": "no image", "shuffled": "another tweet's image", "neighbours": "another tweet's neighbours"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A title, one or two sentences, the table behind them, and the command that recomputes it."""

    id: str
    title: str
    text: str
    table: Table
    command: str


def findings(kept: KeptCells, paper: Paper) -> tuple[Finding, ...]:
    """Give the findings whose runs exist."""
    found = (_scorer(kept), _image(kept), _lead(kept, paper))
    return tuple(one for one in found if one is not None)


def _scorer(kept: KeptCells) -> Finding | None:
    """The gain of R-GCN's scorer on the same tags, by data set and profile."""
    columns = (
        Column("profile", "Profile", "words"),
        Column("runs", "Runs", "words"),
        Column("least", "Smallest gain", "ours"),
        Column("mean", "Mean gain", "ours"),
        Column("most", "Largest gain", "ours"),
    )
    rows: list[Row] = []
    texts: list[str] = []
    largest = 0.0
    for dataset in DATASETS:
        by_profile: dict[str, list[tuple[float, str]]] = {}
        for (profile, where, _), cell in kept.cells.items():
            if where == dataset:
                by_profile.setdefault(profile, []).extend(_gains(cell))
        every = [gain for gains in by_profile.values() for gain in gains]
        if not every:
            continue
        for name, gains in (*by_profile.items(), ("all", every)):
            if gains:
                rows.append(Row(f"{dataset}/{name}", _gain_cells(name, gains), dataset_title(dataset)))
        least, most = _measured(min(every), every, "smallest"), _measured(max(every), every, "largest")
        largest = max(largest, round(most.value, 2))
        texts.append(f"by {least.number} to {most.number} points on {dataset_title(dataset)} ({len(every)} runs)")
    if not rows:
        return None
    title = f"F1 under {SCORER} minus F1 under {STANDARD}, same tags (points)"
    table = Table("finding-scorer", title, "", columns, tuple(rows), kept.records)
    text = f"R-GCN’s scorer counts subwords. It raises the F1 of the same predictions {' and '.join(texts)}."
    return Finding("scorer", f"The scorer alone adds up to {largest:.2f} points of F1", text, table, "mner claims")


def _gains(cell: Scored) -> list[tuple[float, str]]:
    under, standard = picked(cell.runs, SCORER), picked(cell.runs, STANDARD)
    if isinstance(under, str) or isinstance(standard, str):
        return []
    pairs = zip(under.on_dev, standard.on_dev, standard.records, strict=True)
    return [(one - other, record) for one, other, record in pairs]


def _gain_cells(name: str, gains: Sequence[tuple[float, str]]) -> tuple[Cell, ...]:
    values, records = zip(*gains, strict=True)
    return (
        Words(name),
        Words(str(len(gains))),
        _measured(min(values), gains, "smallest"),
        mean_of(values, records),
        _measured(max(values), gains, "largest"),
    )


def _measured(value: float | tuple[float, str], gains: Sequence[tuple[float, str]], which: str) -> Measured:
    number = value[0] if isinstance(value, tuple) else value
    return Measured(number, tuple(record for _, record in gains), f"{which} difference of the runs")


def _image(kept: KeptCells) -> Finding | None:
    """R-GCN with its own image minus the same runs with another input, by data set."""
    columns = (
        Column("view", "Own image minus", "words"),
        Column("difference", f"F1 points [{SURE} interval]", "ours"),
        Column("runs", "Runs", "words"),
        Column("profile", "Profile", "words"),
    )
    rows: list[Row] = []
    first: dict[str, Measured] = {}
    for dataset in DATASETS:
        cell = kept.best(dataset, SYSTEM)
        for view, title in VIEWS.items() if cell else ():
            found = _sensitivity(kept, cell, dataset, view) if cell else None
            if cell and found:
                first.setdefault(dataset, found)
                cells = (Words(title), found, Words(str(len(found.records))), Words(cell.profile))
                rows.append(Row(f"{dataset}/{view}", cells, dataset_title(dataset)))
    if not rows:
        return None
    said = " and ".join(f"{found.plain()} on {dataset_title(dataset)}" for dataset, found in first.items())
    shown = any(found.low is not None and found.low > 0 for found in first.values())
    title = "R-GCN uses its image" if shown else "No use of the image is shown for R-GCN"
    limit = "" if shown else " Few runs: a smaller use is not excluded."
    text = f"F1 with its own image minus F1 without one: {said}.{limit}"
    note = "Interval over runs, with the standard deviation pooled over all cells predicted in the same way."
    table = Table(
        "finding-image", "Image sensitivity of R-GCN (F1 points)", "", columns, tuple(rows), kept.records, (note,)
    )
    return Finding("image", title, text, table, "mner claims")


def _sensitivity(kept: KeptCells, cell: Scored, dataset: str, view: str) -> Measured | None:
    own = cell.cell.image_sensitivity.get(view)
    pool = [
        found.values
        for (_, where, _), other in kept.cells.items()
        if where == dataset and (found := other.cell.image_sensitivity.get(view))
    ]
    if own is None or not any(len(values) > 1 for values in pool):
        return None
    one = pooled_interval(own.values, pool)
    method = f"mean over runs; interval from a pooled s.d. with {one.freedom} degrees of freedom"
    return Measured(one.mean, own.records, method, one.low, one.high, signed=True)


def _lead(kept: KeptCells, paper: Paper) -> Finding | None:
    """R-GCN minus BERT-CRF as printed, and over the runs of each profile that holds both."""
    columns = (
        Column("profile", "Profile", "words"),
        Column("rgcn", "R-GCN", "ours"),
        Column("text", "BERT-CRF", "ours"),
        Column("lead", "Lead", "ours"),
        Column("printed", "Printed lead", "paper"),
    )
    rows, texts = [], []
    for dataset in DATASETS:
        printed = _printed_lead(paper, dataset)
        held = [name for name, where, system in kept.cells if (where, system) == (dataset, SYSTEM)]
        pairs = [
            (name, kept.cells[name, dataset, SYSTEM], kept.cells[name, dataset, TEXT_ONLY])
            for name in held
            if (name, dataset, TEXT_ONLY) in kept.cells
        ]
        for place, (name, ours, other) in enumerate(pairs):
            lead = _difference(ours, other)
            cells = (Words(name), _level(ours), _level(other), lead, printed)
            rows.append(Row(f"{dataset}/{name}", cells, dataset_title(dataset)))
            if place == 0:
                texts.append(
                    f"{lead.number} on {dataset_title(dataset)} ({len(ours.runs)} runs each; "
                    f"printed {printed.plain()})"
                )
    if not rows:
        return None
    text = f"R-GCN minus BERT-CRF, which reads no image: {', '.join(texts)}."
    table = Table(
        "finding-lead", f"Lead of R-GCN over BERT-CRF, F1 under {STANDARD}", "", columns, tuple(rows), kept.records
    )
    behind = all(isinstance(row.cells[3], Measured) and row.cells[3].value <= 0.5 for row in rows)
    title = "The printed lead over text does not appear" if behind else "The lead over text, printed and here"
    return Finding("lead", title, text, table, "mner compare rgcn bert-crf")


def _level(cell: Scored) -> Cited:
    return mean_of(cell.level.on_dev, cell.level.records)


def _difference(ours: Scored, text: Scored) -> Measured:
    value = statistics.fmean(ours.level.on_dev) - statistics.fmean(text.level.on_dev)
    shown = round(_level(ours).value, 2) - round(_level(text).value, 2)
    records = (*ours.level.records, *text.level.records)
    return Measured(value, records, "difference of the two means", signed=True, shown=shown)


def _printed_lead(paper: Paper, dataset: str) -> Printed | State:
    rows = [paper.row(SYSTEM), paper.row(TEXT_ONLY)]
    figures = [row.figure(dataset, "F1") for row in rows]
    if figures[0] is None or figures[1] is None:
        return State("–", "the paper prints no number")
    value = figures[0].value - figures[1].value
    source = f"difference of two printed numbers, {rows[0].source}"
    return Printed(type(figures[0])(value), source, signed=True)
