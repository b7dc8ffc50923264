"""Every cell under every lens, and what that does to the order of systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mner.evaluation.selection import OWN, scored
from mner.reporting.cells import Cell, Cited, Measured, State, Words
from mner.reporting.results import Results, mean_of
from mner.reporting.tables import Column, Row, Table
from mner.reporting.titles import dataset_title

NOTE = "Mean ± s.d. over seeds, the same predictions in every column. {origins}."
RANK_NOTE = "Rank of each system among those of this data set by mean F1 under the lens; 1 is best."


def under(results: Results, dataset: str, system: str, lens: str) -> Cited | State:
    """Mean F1 of a cell under a lens on its own copy, or why there is none."""
    return over_runs(results, dataset, system, lens, lambda scores: scores["f1"])


def over_runs(
    results: Results,
    dataset: str,
    system: str,
    lens: str,
    number_of: Callable[[Mapping[str, Any]], float],
    **style: Any,
) -> Cited | State:
    """The mean over runs of a number of each run's scores under a lens, or why there is none."""
    values, records = [], []
    for run in results.runs(dataset, system):
        entry = scored(run, run["data_copy"], OWN, lens)
        if entry is None or "state" in entry:
            return State("does not apply", "not scored" if entry is None else entry["state"])
        values.append(number_of(entry))
        records.append(run["record"])
    return mean_of(tuple(values), tuple(records), **style) if values else State("not run", "no finished run")


def ranks(results: Results, dataset: str, lens: str) -> dict[str, Measured | State]:
    """Rank by mean F1 under a lens, for every finished system of a data set."""
    cells = {system: under(results, dataset, system, lens) for system in results.finished(dataset)}
    cited = {system: cell for system, cell in cells.items() if isinstance(cell, Cited)}
    records = tuple(record for cell in cited.values() for record in cell.records)
    found: dict[str, Measured | State] = {}
    for system, cell in cells.items():
        if isinstance(cell, State):
            found[system] = cell
            continue
        rank = 1 + sum(other.value > cell.value for other in cited.values())
        found[system] = Measured(float(rank), records, f"rank by mean F1 under {lens}", digits=0)
    return found


def lens_tables(results: Results, dataset: str) -> list[Table]:
    """F1 by lens, and rank by lens."""
    systems = results.finished(dataset)
    if not systems:
        return []
    lenses = results.lenses["lenses"]
    columns = (
        Column("system", "System", "words"),
        *(Column(lens["name"], lens["title"], "ours") for lens in lenses),
    )
    origins = "; ".join(f"{lens['title']}: {lens['origin']}" for lens in lenses)
    title = dataset_title(dataset)
    rows = [
        Row(system, (Words(system), *(under(results, dataset, system, lens["name"]) for lens in lenses)))
        for system in systems
    ]
    by_lens = {lens["name"]: ranks(results, dataset, lens["name"]) for lens in lenses}
    rank_rows = []
    for system in systems:
        cells: list[Cell] = [Words(system), *(by_lens[lens["name"]][system] for lens in lenses)]
        rank_rows.append(Row(system, tuple(cells)))
    notes = (NOTE.format(origins=origins), *_states(rows))
    return [
        Table(
            f"lenses-{dataset}", f"{title}: F1 by lens (%)", dataset, columns, tuple(rows), results.records, notes
        ),
        Table(
            f"ranks-{dataset}",
            f"{title}: rank by lens",
            dataset,
            columns,
            tuple(rank_rows),
            results.records,
            (RANK_NOTE,),
        ),
    ]


def _states(rows: list[Row]) -> list[str]:
    return sorted({f"{c.text}: {c.why}" for row in rows for c in row.cells if isinstance(c, State)})
