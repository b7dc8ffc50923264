"""The heat map of a data set: every system under every lens, and the orders that a lens turns round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mner.evaluation.statistics import ALPHA
from mner.reporting.cells import Cell, Cited, State
from mner.reporting.charts import HeatRow, heat_map
from mner.reporting.lens_tables import ranks, under
from mner.reporting.page import Figure
from mner.reporting.results import Results, mean_of

Pair = tuple[str, str]


def lens_figure(results: Results, dataset: str) -> Figure | None:
    """F1 and rank by lens; only an order that the test shows under the standard lens can be marked as turned."""
    systems = results.finished(dataset)
    if not systems:
        return None
    names = [lens["name"] for lens in results.lenses["lenses"]]
    f1 = {name: {system: under(results, dataset, system, name) for system in systems} for name in names}
    standard = f1[results.lenses["standard"]]
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
        lens["name"]: lens["title"].removesuffix(" (standard)").replace("R-GCN, batches of", "R-GCN /")
        for lens in results.lenses["lenses"]
    }
    note = _note(len(known), {titles[name]: len(pairs) for name, pairs in turned.items()})
    return Figure("", note, heat_map(f"F1 by lens on {dataset}", list(titles.values()), rows))


def shown_orders(results: Results, dataset: str) -> list[Pair]:
    """Pairs, the one ahead first, whose difference under the standard lens the test shows after Holm."""
    pairs = results.statistics["datasets"][dataset]["comparisons"]
    shown = [pair for pair in pairs if "state" not in pair and pair["holm"] <= ALPHA and pair["difference"]]
    return [(one["a"], one["b"]) if one["difference"] > 0 else (one["b"], one["a"]) for one in shown]


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
    said = f"{', '.join(found)} (▲ ▼ count them)" if found else "no lens turns one round"
    return (
        f"#: rank by mean F1. Of the {known} orders of two rows that the test shows under the standard lens "
        f"(Holm): {said}. Any other change of rank may be noise."
    )


def _shift(cell: Cell, standard: Cell) -> Cell:
    if not isinstance(cell, Cited) or not isinstance(standard, Cited):
        return State("does not apply")
    values = tuple(one - other for one, other in zip(cell.values, standard.values, strict=True))
    return mean_of(values, cell.records, signed=True)
