"""Forests of the statistics page: image reliance, and differences of systems; one axis for all data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mner.evaluation.statistics_results import TestedPair, ViewSensitivity
from mner.reporting.cells import SURE, State, estimate
from mner.reporting.charts import ForestRow, forest, reach_of
from mner.reporting.page import Figure
from mner.reporting.results import Results
from mner.reporting.text_only import PROBES, text_only_baselines

UNADJUSTED = "Each interval stands for itself; p adjusted for their number (Holm) is in the table."
MOST_PAIRS = (
    15  # where there are more, each row is drawn against the best text-only system; the tables have them all
)


@dataclass(frozen=True, slots=True)
class _Forest:
    """What a forest shows of one data set, before its axis is known."""

    title: str
    note: str
    series: tuple[str, ...]
    rows: tuple[ForestRow, ...]


def statistics_figures(results: Results) -> dict[str, tuple[Figure, ...]]:
    """By data set: image reliance and systems compared, where there are any."""
    datasets = list(results.scores.datasets)
    drawn: dict[str, tuple[Figure, ...]] = dict.fromkeys(datasets, ())
    makers: tuple[tuple[str, Callable[[Results, str], _Forest | None]], ...] = (
        ("image reliance", _reliance),
        ("differences", _differences),
    )
    for what, make in makers:
        made = {dataset: found for dataset in datasets if (found := make(results, dataset)) is not None}
        reach = reach_of([row for found in made.values() for row in found.rows])
        for dataset, one in made.items():
            drawing = forest(f"{what} on {dataset}", one.series, one.rows, reach)
            drawn[dataset] += (Figure(one.title, one.note, drawing),)
    return drawn


def _reliance(results: Results, dataset: str) -> _Forest | None:
    entries = results.statistics.datasets[dataset].image_sensitivity
    if not entries:
        return None
    rows = tuple(
        ForestRow(
            entry.system,
            tuple(
                estimate(entry.views[view], "paired by run and sentence", signed=True)
                if view in entry.views
                else State("not predicted")
                for view in PROBES
            ),
        )
        for entry in entries
    )
    found = [one for entry in entries for one in entry.views.values()]
    return _Forest(f"Image reliance, {_interval(found)}", UNADJUSTED, tuple(PROBES.values()), rows)


def _differences(results: Results, dataset: str) -> _Forest | None:
    """All pairs where they are few; else every row minus the best text-only baseline."""
    pairs = results.statistics.datasets[dataset].comparisons
    tested = [one for one in pairs if isinstance(one, TestedPair)]
    shown, name, note = tested, "Systems compared", UNADJUSTED
    if len(tested) > MOST_PAIRS:
        shown, name = list(_beside_text(results, dataset)), "Each row minus the best text-only system"
        note = (
            f"{len(shown)} of {len(tested)} pairs are drawn: each row that reads pictures minus the best "
            f"text-only row with the same encoder. The other {len(tested) - len(shown)} stand in the tables "
            f"only. {UNADJUSTED}"
        )
    if not shown:
        return None
    rows = tuple(
        ForestRow(f"{one.a} − {one.b}", (estimate(one, f"paired by sentence, {one.source}", signed=True),))
        for one in shown
    )
    return _Forest(f"{name}, {_interval(shown)}", note, ("difference",), rows)


def _beside_text(results: Results, dataset: str) -> Iterator[TestedPair]:
    cells = [cell for cell in results.scores.cells if cell.dataset == dataset]
    for cell in cells:
        baseline = text_only_baselines(cell, cells).best.system
        pair = results.statistics.datasets[dataset].pair(cell.system, baseline) if baseline else None
        if isinstance(pair, TestedPair):
            yield pair


def _interval(found: Sequence[TestedPair | ViewSensitivity]) -> str:
    """What the intervals are, and what they come from."""
    return f"with {SURE} interval ({', '.join(sorted({one.source for one in found}))})"
