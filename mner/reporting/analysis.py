"""The pages behind the tables: scorers, waterfalls, statistics, errors."""

from __future__ import annotations

from collections.abc import Sequence

from mner.evaluation.paper import Paper
from mner.evaluation.reasons import in_words
from mner.evaluation.waterfall import waterfalls
from mner.reporting.arithmetic import arithmetic_tables
from mner.reporting.charts import stacked
from mner.reporting.control_checks import are_controls
from mner.reporting.cost_tables import cost_chart, cost_points, cost_table
from mner.reporting.error_tables import error_tables
from mner.reporting.page import Figure, Page, Part
from mner.reporting.results import Results, mean_of
from mner.reporting.scorer_tables import figure_by_scorer, tables_by_scorer
from mner.reporting.statistics_figures import statistics_figures
from mner.reporting.statistics_tables import statistics_tables
from mner.reporting.waterfall_chart import Axis, waterfall_chart
from mner.reporting.waterfall_tables import bars, moves_table, residual, waterfall_table, what_if_table

OF_PRINTED = ("waterfall", "arithmetic")  # generated corpora have no published counterpart


def pages(results: Results, paper: Paper) -> tuple[Page, ...]:
    """All pages of a profile, in the order of the report; those about printed numbers only where there are any."""
    datasets = results.scores.datasets
    drawn = statistics_figures(results)
    made = (
        _page(
            *("waterfall", "Gap", "Why does our number differ from the printed one?"),
            "From the printed F1 to ours. Scorer and dataset version are measured by re-scoring the same "
            "predictions; what is trained, encoder and visual input by runs of other kept profiles. Dashed "
            "steps are choices that authors may or may not have made; the residual holds what no file can "
            "tell. ± of a step is its standard error over runs, ± of ours the s.d. over seeds; *: its two "
            "sides were trained on different machines. Figures of a data set share one axis.",
            "No finished run has a printed counterpart.",
            _gap(results, paper, datasets),
        ),
        _page(
            *("scorers", "Scorers", "The same predictions under every scorer"),
            "Every run scored by the standard rule and by those of the programs behind the printed tables. The "
            "tint is the difference to the standard.",
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
            [Part(name, drawn[name], tuple(statistics_tables(results, name))) for name in datasets],
            side_by_side=True,
        ),
        _page(
            *("errors", "Errors", "What goes wrong, and where the labels may be"),
            "Entities by what became of them, on test, averaged over seeds. No word of a tweet is shown.",
            "Nothing has been run.",
            [_errors(results, dataset) for dataset in datasets],
            side_by_side=True,
        ),
        _page(
            *("cost", "Cost", "What F1 costs"),
            "Test F1 against minutes a run; the thick line joins systems that nothing cheaper beats, others are "
            "hollow (pointing at one names it). Hardware is kept apart, but runs may have shared the machine: "
            "minutes of one profile do not compare with those of another.",
            "No run was timed.",
            [_cost(results, dataset) for dataset in datasets],
            side_by_side=True,
        ),
    )
    return tuple(page for page in made if page.id not in OF_PRINTED or not are_controls(datasets))


def _page(
    name: str, short: str, title: str, lead: str, empty: str, parts: Sequence[Part], side_by_side: bool = False
) -> Page:
    found = tuple(part for part in parts if part.figures or part.tables)
    return Page(name, short, title, lead, empty, found, side_by_side)


def _cost(results: Results, dataset: str) -> Part:
    figures = tuple(
        Figure(device, "", cost_chart(f"F1 against cost on {dataset}, {device}", points))
        for device, points in cost_points(results, dataset).items()
    )
    table = cost_table(results, dataset)
    return Part(dataset, figures, () if table is None else (table,))


def _gap(results: Results, paper: Paper, datasets: Sequence[str]) -> list[Part]:
    falls = waterfalls(results.scores, results.rescored, paper, results.others)
    parts = []
    for dataset in datasets:
        drawn = [(fall, bars(fall)) for fall in falls if fall.dataset == dataset]
        axis = Axis.over([shown for _, shown in drawn])
        figures = tuple(
            Figure(
                f"{fall.row.label}{fall.row.mark} · {fall.system}",
                f"{residual(fall)}: {'; '.join(in_words(fall.causes))}",
                waterfall_chart(f"{fall.row.label} on {dataset}: paper to ours", shown, axis),
            )
            for fall, shown in drawn
        )
        tables = (
            waterfall_table(falls, dataset, results.all_records),
            moves_table(falls, dataset, results.all_records),
            what_if_table(results, dataset),
        )
        parts.append(Part(dataset, figures, tuple(table for table in tables if table is not None)))
    return parts


def _lenses(results: Results, dataset: str) -> Part:
    figure = figure_by_scorer(results, dataset)
    return Part(dataset, () if figure is None else (figure,), tuple(tables_by_scorer(results, dataset)))


def _errors(results: Results, dataset: str) -> Part:
    tables = tuple(error_tables(results, dataset))
    kinds = [outcome for outcome in results.errors.outcomes if outcome != "correct"]
    rows = []
    held = results.errors.datasets.get(dataset)
    for cell in held.cells if held is not None else ():
        counts, records = cell.all_entities.counts, cell.records
        rows.append((cell.system, [mean_of(tuple(map(float, counts[k])), records, digits=1) for k in kinds]))
    if not rows:
        return Part(dataset, (), tables)
    title = "Entities that went wrong, mean number over runs"
    return Part(dataset, (Figure(title, "", stacked(f"errors on {dataset}", kinds, rows)),), tables)
