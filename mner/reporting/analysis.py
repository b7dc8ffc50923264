"""The pages behind the tables: lenses, waterfalls, statistics, errors; each a list of charts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mner.evaluation.waterfall import Waterfall, waterfalls
from mner.paper import Paper
from mner.reporting.arithmetic import arithmetic_tables
from mner.reporting.cells import SURE, Cell, Cited, State, estimate
from mner.reporting.charts import ForestRow, HeatRow, forest, heat_map, stacked, waterfall_chart
from mner.reporting.cost_chart import cost_chart, cost_points
from mner.reporting.cost_tables import cost_table
from mner.reporting.error_tables import error_tables
from mner.reporting.layout import DATASET_TITLES
from mner.reporting.lens_tables import lens_tables, ranks, under
from mner.reporting.reliance import PROBES
from mner.reporting.results import Results, mean_of
from mner.reporting.statistics_tables import statistics_tables
from mner.reporting.tables import Table
from mner.reporting.waterfall_tables import bars, waterfall_table, what_if_table

UNADJUSTED = "Each interval stands for itself; p adjusted for their number (Holm) is in the table."
MOST_PAIRS = 15  # more are drawn against the first system only; the table has them all


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with what stands above it."""

    title: str
    note: str
    drawing: Markup


@dataclass(frozen=True, slots=True)
class Part:
    """What a page says of one data set."""

    dataset: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]

    @property
    def title(self) -> str:
        return DATASET_TITLES.get(self.dataset, self.dataset)


@dataclass(frozen=True, slots=True)
class Page:
    """A section of the report; ``empty`` is what to say where no part has anything."""

    id: str
    name: str
    title: str
    lead: str
    empty: str
    parts: tuple[Part, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables of the page."""
        return tuple(table for part in self.parts for table in part.tables)


def pages(results: Results, paper: Paper) -> tuple[Page, ...]:
    """All pages of a profile, in the order of the report."""
    datasets = results.scores["datasets"]
    return (
        _page(
            *("waterfall", "Gap", "Why does our number differ from the printed one?"),
            "From the printed F1 to ours. Lens and copy are measured by re-scoring the same predictions, "
            "encoder and visual input by runs of other kept profiles; dashed steps are choices that authors may "
            "or may not have made; the remainder holds what no file can tell.",
            "No finished run has a printed counterpart.",
            _gap(results, paper, datasets),
        ),
        _page(
            *("lenses", "Lenses", "The same predictions under every scoring rule"),
            "Every run scored by the standard rule and by those of the programs behind the printed tables. The "
            "tint is the difference to the standard; an arrow marks a system whose rank changes.",
            "Nothing has been run.",
            [_lenses(results, dataset) for dataset in datasets],
        ),
        _page(
            *("arithmetic", "Arithmetic", "Do the printed numbers fit together?"),
            "F1 is 2PR/(P + R) of pooled counts. Rows that fall short by more than rounding were made in another "
            "way; averaging over batches is one, and its size is measured on our own predictions.",
            "No row of this profile's data sets is printed with P, R and F1.",
            [Part(dataset, (), tuple(arithmetic_tables(results, paper, dataset))) for dataset in datasets],
        ),
        _page(
            *("statistics", "Statistics", "Which differences are real, and who looks at the picture"),
            "Two sources of ±, always named: seeds and sample. Differences are paired by sentence. Image "
            "reliance is F1 with the own picture minus F1 with none, or with another tweet's.",
            "Nothing has been run.",
            [_statistics(results, dataset) for dataset in datasets],
        ),
        _page(
            *("errors", "Errors", "What goes wrong, and where the labels may be"),
            "Entities by what became of them, on test, averaged over seeds. No word of a tweet is shown.",
            "Nothing has been run.",
            [_errors(results, dataset) for dataset in datasets],
        ),
        _page(
            *("cost", "Cost", "What F1 costs"),
            "Test F1 against minutes a run; the line joins systems that nothing cheaper beats. Hardware is kept "
            "apart.",
            "No run was timed.",
            [_cost(results, dataset) for dataset in datasets],
        ),
    )


def _page(name: str, short: str, title: str, lead: str, empty: str, parts: Sequence[Part]) -> Page:
    return Page(name, short, title, lead, empty, tuple(part for part in parts if part.figures or part.tables))


def _cost(results: Results, dataset: str) -> Part:
    figures = tuple(
        Figure(device, "", cost_chart(f"F1 against cost on {dataset}, {device}", points))
        for device, points in cost_points(results, dataset).items()
    )
    table = cost_table(results, dataset)
    return Part(dataset, figures, () if table is None else (table,))


def _gap(results: Results, paper: Paper, datasets: Sequence[str]) -> list[Part]:
    falls = waterfalls(results.scores, results.lenses, paper, results.others)
    parts = []
    for dataset in datasets:
        figures = tuple(
            Figure(
                f"{fall.row.label}{fall.row.mark} · {fall.system}",
                _figure_note(fall),
                waterfall_chart(f"{fall.row.label} on {dataset}: paper to ours", bars(fall)),
            )
            for fall in falls
            if fall.dataset == dataset
        )
        tables = (waterfall_table(falls, dataset, results.all_records), what_if_table(results, dataset))
        parts.append(Part(dataset, figures, tuple(table for table in tables if table is not None)))
    return parts


def _figure_note(fall: Waterfall) -> str:
    """What the remainder holds, and what was compared where other runs stand for a condition."""
    moved = [f"{step.title}: {step.why}." for step in reversed(fall.steps) if step.change is not None]
    return " ".join([*moved, f"Remainder: {'; '.join(fall.causes)}"])


def _lenses(results: Results, dataset: str) -> Part:
    names = [lens["name"] for lens in results.lenses["lenses"]]
    titles = [lens["title"].removesuffix(" (standard)") for lens in results.lenses["lenses"]]
    systems = results.finished(dataset)
    if not systems:
        return Part(dataset, (), ())
    ranked = {name: ranks(results, dataset, name) for name in names}
    rows = []
    for system in systems:
        f1 = tuple(under(results, dataset, system, name) for name in names)
        shift = tuple(_shift(cell, f1[names.index(results.lenses["standard"])]) for cell in f1)
        rows.append(HeatRow(system, f1, shift, tuple(ranked[name][system] for name in names)))
    short = [title.replace("R-GCN, batches of", "R-GCN /") for title in titles]
    figure = Figure("", "", heat_map(f"F1 by lens on {dataset}", short, rows))
    return Part(dataset, (figure,), tuple(lens_tables(results, dataset)))


def _shift(cell: Cell, standard: Cell) -> Cell:
    if not isinstance(cell, Cited) or not isinstance(standard, Cited):
        return State("does not apply")
    values = tuple(one - other for one, other in zip(cell.values, standard.values, strict=True))
    return mean_of(values, cell.records, signed=True)


def _statistics(results: Results, dataset: str) -> Part:
    held = results.statistics["datasets"][dataset]
    figures = []
    if held["reliance"]:
        rows = [
            ForestRow(
                entry["system"],
                tuple(
                    estimate(entry["views"][view], "paired by run and sentence", signed=True)
                    if view in entry["views"]
                    else State("not predicted")
                    for view in PROBES
                ),
            )
            for entry in held["reliance"]
        ]
        sources = {found["source"] for entry in held["reliance"] for found in entry["views"].values()}
        title = f"Image reliance, with {SURE} interval ({', '.join(sorted(sources))})"
        figures.append(
            Figure(title, UNADJUSTED, forest(f"image reliance on {dataset}", list(PROBES.values()), rows))
        )
    tested = [one for one in held["comparisons"] if "state" not in one]
    if len(tested) > MOST_PAIRS:
        first = results.finished(dataset)[0]
        tested = [one for one in tested if first in (one["a"], one["b"])]
    if tested:
        rows = [
            ForestRow(
                f"{one['a']} − {one['b']}", (estimate(one, f"paired by sentence, {one['source']}", signed=True),)
            )
            for one in tested
        ]
        sources = {one["source"] for one in tested}
        title = f"Systems compared, with {SURE} interval ({', '.join(sorted(sources))})"
        figures.append(Figure(title, UNADJUSTED, forest(f"differences on {dataset}", ["difference"], rows)))
    return Part(dataset, tuple(figures), tuple(statistics_tables(results, dataset)))


def _errors(results: Results, dataset: str) -> Part:
    tables = tuple(error_tables(results, dataset))
    kinds = [outcome for outcome in results.errors["outcomes"] if outcome != "correct"]
    rows = []
    for cell in results.errors["datasets"].get(dataset, {}).get("cells", ()):
        counts = next(row["counts"] for row in cell["rows"] if row["cut"] == "all")
        records = tuple(cell["records"])
        rows.append((cell["system"], [mean_of(tuple(map(float, counts[k])), records, digits=1) for k in kinds]))
    if not rows:
        return Part(dataset, (), tables)
    title = "Entities that went wrong, mean number over runs"
    return Part(dataset, (Figure(title, "", stacked(f"errors on {dataset}", kinds, rows)),), tables)
