"""Every cell under every scorer, as tables and as a heat map, and what that does to the order of systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mner.evaluation.rescored_results import Rescored
from mner.evaluation.score_results import OWN
from mner.evaluation.statistics import ALPHA
from mner.evaluation.statistics_results import TestedPair
from mner.reporting.cells import Cell, Cited, Measured, State, Words
from mner.reporting.charts import HeatRow, heat_map
from mner.reporting.page import Figure
from mner.reporting.results import Results, mean_of
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table

NOTE = "Mean ± s.d. over seeds, the same predictions in every column. {origins}."
RANK_NOTE = "Rank of each system among those of this data set by mean F1 under the scorer; 1 is best."


def under(results: Results, dataset: str, system: str, scorer: str) -> Cited | State:
    """Mean F1 of a cell under a scorer on its own dataset version, or why there is none."""
    return over_runs(results, dataset, system, scorer, lambda scores: scores.f1)


def over_runs(
    results: Results,
    dataset: str,
    system: str,
    scorer: str,
    number_of: Callable[[Rescored], float | None],
    **style: Any,
) -> Cited | State:
    """The mean over runs of a number of each run's scores under a scorer, or why there is none."""
    values, records = [], []
    for run in results.runs(dataset, system):
        entry = run.scores(run.dataset_version, OWN, scorer)
        number = None if entry is None else number_of(entry)
        if number is None:
            return State("does not apply", "not scored" if entry is None else entry.state or "not defined")
        values.append(number)
        records.append(run.record)
    return mean_of(tuple(values), tuple(records), **style) if values else State("not run", "no finished run")


def ranks(results: Results, dataset: str, scorer: str) -> dict[str, Measured | State]:
    """Rank by mean F1 under a scorer, for every finished system of a data set."""
    cells = {system: under(results, dataset, system, scorer) for system in results.finished(dataset)}
    cited = {system: cell for system, cell in cells.items() if isinstance(cell, Cited)}
    records = tuple(record for cell in cited.values() for record in cell.records)
    found: dict[str, Measured | State] = {}
    for system, cell in cells.items():
        if isinstance(cell, State):
            found[system] = cell
            continue
        rank = 1 + sum(other.value > cell.value for other in cited.values())
        found[system] = Measured(float(rank), records, f"rank by mean F1 under {scorer}", digits=0)
    return found


def tables_by_scorer(results: Results, dataset: str) -> list[Table]:
    """F1 by scorer, and rank by scorer."""
    systems = results.finished(dataset)
    if not systems:
        return []
    scorers = results.rescored.scorers
    columns = (
        Column("system", "System", "words"),
        *(Column(scorer.name, scorer.title, "ours") for scorer in scorers),
    )
    origins = "; ".join(f"{scorer.title}: {scorer.origin}" for scorer in scorers)
    title = dataset_title(dataset)
    rows = [
        Row(system, (Words(system), *(under(results, dataset, system, scorer.name) for scorer in scorers)))
        for system in systems
    ]
    ranked = {scorer.name: ranks(results, dataset, scorer.name) for scorer in scorers}
    rank_rows = []
    for system in systems:
        cells: list[Cell] = [Words(system), *(ranked[scorer.name][system] for scorer in scorers)]
        rank_rows.append(Row(system, tuple(cells)))
    notes = (NOTE.format(origins=origins), *_states(rows))
    return [
        Table(
            f"scorers-{dataset}",
            f"{title}: F1 by scorer (%)",
            dataset,
            columns,
            tuple(rows),
            results.records,
            notes,
        ),
        Table(
            f"ranks-{dataset}",
            f"{title}: rank by scorer",
            dataset,
            columns,
            tuple(rank_rows),
            results.records,
            (RANK_NOTE,),
        ),
    ]


def _states(rows: list[Row]) -> list[str]:
    return sorted({f"{c.text}: {c.why}" for row in rows for c in row.cells if isinstance(c, State)})


Pair = tuple[str, str]


def figure_by_scorer(results: Results, dataset: str) -> Figure | None:
    """F1 and rank by scorer; only an order that the test shows under the standard one can be marked as turned."""
    systems = results.finished(dataset)
    if not systems:
        return None
    names = [scorer.name for scorer in results.rescored.scorers]
    f1 = {name: {system: under(results, dataset, system, name) for system in systems} for name in names}
    standard = f1[results.rescored.standard]
    ranked = {name: ranks(results, dataset, name) for name in names}
    known = shown_orders(results, dataset)
    turned = {name: turned_round(known, f1[name]) for name in names}
    rows = [
        HeatRow(
            system,
            tuple(f1[name][system] for name in names),
            tuple(_shift(f1[name][system], standard[system]) for name in names),
            tuple(ranked[name][system] for name in names),
            tuple(_mark(system, turned[name]) for name in names),
        )
        for system in systems
    ]
    titles = {
        scorer.name: scorer.title.removesuffix(" (standard)").replace("R-GCN, batches of", "R-GCN /")
        for scorer in results.rescored.scorers
    }
    note = _note(len(known), {titles[name]: len(pairs) for name, pairs in turned.items()})
    return Figure("", note, heat_map(f"F1 by scorer on {dataset}", list(titles.values()), rows))


def shown_orders(results: Results, dataset: str) -> list[Pair]:
    """Pairs, the one ahead first, whose difference under the standard scorer the test shows after Holm."""
    pairs = results.statistics.datasets[dataset].comparisons
    tested = [pair for pair in pairs if isinstance(pair, TestedPair)]
    shown = [pair for pair in tested if pair.holm <= ALPHA and pair.difference]
    return [(one.a, one.b) if one.difference > 0 else (one.b, one.a) for one in shown]


def turned_round(orders: Sequence[Pair], f1: Mapping[str, Cell]) -> list[Pair]:
    """Those of the orders in which the system ahead has the lower F1 of these cells."""

    def falls_behind(ahead: Cell, behind: Cell) -> bool:
        return isinstance(ahead, Cited) and isinstance(behind, Cited) and ahead.value < behind.value

    return [(ahead, behind) for ahead, behind in orders if falls_behind(f1[ahead], f1[behind])]


def _mark(system: str, turned: Sequence[Pair]) -> str:
    up = sum(behind == system for _, behind in turned)
    down = sum(ahead == system for ahead, _ in turned)
    return (f"▲{up}" if up else "") + (f"▼{down}" if down else "")


def _note(known: int, turned: Mapping[str, int]) -> str:
    if not known:
        return "#: rank by mean F1. No pair differs significantly (Holm), so changes of rank mean nothing."
    found = [f"{count} turned round under {title}" for title, count in turned.items() if count]
    said = f"{', '.join(found)} (▲ ▼ count them)" if found else "no scorer turns one round"
    return (
        f"#: rank by mean F1. Of the {known} orders of two rows that the test shows under the standard scorer "
        f"(Holm): {said}. Any other change of rank may be noise."
    )


def _shift(cell: Cell, standard: Cell) -> Cell:
    if not isinstance(cell, Cited) or not isinstance(standard, Cited):
        return State("does not apply")
    values = tuple(one - other for one, other in zip(cell.values, standard.values, strict=True))
    return mean_of(values, cell.records, signed=True)
