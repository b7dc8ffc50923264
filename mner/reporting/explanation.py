"""``mner explain`` and ``mner compare``: answers for a terminal, from the same cited cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mner.base.terminal import aligned_with_notes, indented, wrapped
from mner.evaluation.kept_results import NoResultsError, record_file
from mner.evaluation.paper import METRICS, Paper
from mner.evaluation.score_results import ScoredCell
from mner.evaluation.statistics_results import Pair
from mner.evaluation.verdicts import judge
from mner.evaluation.waterfall import waterfalls
from mner.reporting.analysis import pages
from mner.reporting.cells import SURE, Cell, Measured, Printed, State, Words, cited, estimate, interval_of
from mner.reporting.layout import sections
from mner.reporting.log_tables import said_of
from mner.reporting.results import Results, Settings
from mner.reporting.run_facts import commit, dataset_title, epoch, f1_on_dev, f1_on_test, in_words, train_again
from mner.reporting.scorer_tables import under
from mner.reporting.section_tables import section_tables
from mner.reporting.statistics_tables import INTERVALS, ablation_p, pair_cells, says
from mner.reporting.tables import to_entries
from mner.reporting.text_only import PROBES, primary_pair, text_only_baselines
from mner.reporting.waterfall_tables import Bar, bars
from mner.tracking.record import Record

Lines = list[str]


def explain(query: str, results: Results, paper: Paper, settings: Settings, root: Path = Path()) -> str:
    """Everything behind a cell (``twitter2017/rgcn``) or a number (``87.11``): rows, runs, data, scorers, steps.

    Raises:
        NoResultsError: no such cell in the profile, or no such number in papers and results.
    """
    if "/" in query:
        dataset, _, system = query.partition("/")
        return "\n".join(_cell(dataset, system, results, paper, settings, root)) + "\n"
    return "\n".join(_number(query, results, paper, settings, root)) + "\n"


def explain_printed(query: str, paper: Paper, missing: NoResultsError) -> str:
    """Tell what papers and their authors' logs say of a number, where this checkout has no results yet.

    Args:
        query: a number as printed.
        paper: printed tables and logs.
        missing: why there are no results of ours; its message ends the answer.

    Raises:
        NoResultsError: no paper prints the number.
    """
    _check_number(query)
    if not where_printed(query, paper):
        raise NoResultsError(f"{query} stands in no published table; of ours: {missing}")
    return "\n".join([*_printed_lines(query, paper), "", "in our results", *wrapped(str(missing), "  ")]) + "\n"


def _check_number(query: str) -> None:
    try:
        float(query)
    except ValueError as error:
        raise NoResultsError(f"{query!r} is neither <data set>/<system> nor a number as printed") from error


def _printed_lines(query: str, paper: Paper) -> Lines:
    """Where papers print a number, and what their authors' logs say of it."""
    printed = where_printed(query, paper)
    lines = [f"{query} as printed"] if printed else [f"{query}: no paper prints it"]
    lines += indented([(what, dataset, metric, text) for what, dataset, metric, text, _ in printed])
    places_of_f1 = dict.fromkeys((place, system) for _, place, metric, _, system in printed if metric == "F1")
    logged = [one for place, system in places_of_f1 for one in said_of(query, place, system, paper)]
    if logged:
        lines += ["", "in the authors' own log", *(f"  {line}" for one in logged for line in wrapped(one))]
    return lines


def _number(query: str, results: Results, paper: Paper, settings: Settings, root: Path) -> Lines:
    _check_number(query)
    printed, ours = where_printed(query, paper), where_ours(query, results, paper, settings)
    if not printed and not ours:
        raise NoResultsError(f"{query} stands neither in a published table nor in this profile's results")
    lines = _printed_lines(query, paper)
    if ours:
        lines += ["", f"{query} in our results, profile {results.scores.profile}"]
        lines += indented([(*one[:5], f"{len(one[5])} records") for one in ours])
    wanted = dict.fromkeys((dataset, system) for _, dataset, _, _, system in printed)
    places = {run.record: (run.dataset, run.system) for run in results.scores.runs}
    if not printed:
        wanted = dict.fromkeys(places[record] for one in ours for record in one[5] if record in places)
    for dataset, system in wanted:
        if (dataset, system) in results.scores.cells_by_place:
            lines += ["", *_cell(dataset, system, results, paper, settings, root)]
        else:
            lines += ["", f"{dataset} / {system}: not in profile {results.scores.profile}"]
    return lines


def where_printed(query: str, paper: Paper) -> list[tuple[str, str, str, str, str]]:
    """Row, data set, metric, text and system of every printed number that reads so."""
    return [
        (f"{table.id}: {row.label}{row.mark}", dataset, metric, Printed(figure, row.source).plain(), row.system)
        for table in paper.tables
        for row in table.rows
        for dataset in table.datasets
        for metric in METRICS
        if (figure := row.figure(dataset, metric)) and f"{figure.value:.{_digits(query)}f}" == query
    ]


def where_ours(query: str, results: Results, paper: Paper, settings: Settings) -> list[tuple[Any, ...]]:
    """Table, data set, row, column, text and records of every number of ours that reads so."""
    digits = _digits(query)
    return [
        (entry["table"], entry["dataset"], entry["row"], entry["column"], entry["text"], entry["records"])
        for entry in _entries(results, paper, settings)
        if entry["origin"] == "ours"
        and entry["value"] is not None
        and query in (f"{entry['value']:.{digits}f}", f"{entry['value']:+.{digits}f}")
    ]


def _digits(query: str) -> int:
    return len(query.partition(".")[2])


def _entries(results: Results, paper: Paper, settings: Settings) -> list[dict[str, Any]]:
    parts = sections(results, paper, settings.verify.margin, settings.verify.alpha)
    tables = [table for part in parts for table in section_tables(part, results.records)]
    tables += [table for page in pages(results, paper) for table in page.tables]
    return [entry for table in tables for entry in to_entries(table)]


def _cell(dataset: str, system: str, results: Results, paper: Paper, settings: Settings, root: Path) -> Lines:
    cells = results.scores.cells_by_place
    cell = cells.get((dataset, system))
    if cell is None:
        known = ", ".join("/".join(place) for place in cells)
        raise NoResultsError(f"no cell {dataset}/{system} in profile {results.scores.profile}; there are {known}")
    lines = [f"{dataset} / {system}", "", "  printed and verdict"]
    for table, row in paper.rows_for(dataset, system):
        figure = row.figure(dataset, "F1")
        verify = settings.verify
        verdict = judge(cell, row, paper, verify.margin, verify.alpha, results.runs(dataset, system))
        if figure is not None and verdict is not None:
            lines.append(f"    {row.label}{row.mark}  {Printed(figure, row.source).plain()}  {verdict.name}")
            lines.append(f"      {table.source}; {row.source}")
            for reason in (in_words(verdict, figure), *verdict.why, *verdict.open_points):
                lines += wrapped(reason, "      - ", "        ")
    if not paper.rows_for(dataset, system):
        lines.append("    no paper prints an F1 of this system here")
    if not cell.is_finished:
        return [*lines, "", f"  ours: {cell.state}{': ' + cell.reason if cell.reason else ''}"]
    return [*lines, *_ours(cell, results), *_runs(cell, results, root), *_why(cell, results, paper)]


def _ours(cell: ScoredCell, results: Results) -> Lines:
    held = results.statistics.datasets[cell.dataset]
    sure = next(one for one in held.cells if one.system == cell.system)
    both = sure.best_known
    interval = interval_of(both, sure.records, INTERVALS[both.source])
    f1, seeds = cited(cell.own_f1), cell.own_f1.n
    over = f"± is the s.d. over {seeds} seeds" if seeds > 1 else "one seed"
    lines = [
        "",
        "  ours",
        f"    F1 {f1.plain()} ({over}); {SURE} interval {interval.spread} ({both.source})",
    ]
    titles = "best text-only row of this encoder", "text-only row of this family"
    for title, row in zip(titles, text_only_baselines(cell, results.scores.cells).rows, strict=False):
        if row.system:
            lines.append(f"    {title} ({row.system})  {row.f1.plain()}")
    views = held.views_of(cell.system)
    for view in (view for view in PROBES if view in views):
        points = estimate(views[view], "paired", signed=True).plain()
        lines.append(f"    {PROBES[view]}  {points}, p (Holm) {ablation_p(views[view]).plain()}")
    return lines


def _runs(cell: ScoredCell, results: Results, root: Path) -> Lines:
    rows = [("seed", "test F1", "dev F1", "epoch", "commit", "finished", "key", "record")]
    inputs: dict[str, set[str]] = {}
    for run in results.scores.runs:
        if (run.dataset, run.system, run.status) != (cell.dataset, cell.system, "finished"):
            continue
        rows.append(
            (
                str(run.seed),
                f1_on_test(run).plain(),
                f1_on_dev(run).plain(),
                epoch(run),
                commit(run),
                run.finished_at[:19],
                run.key[:12],
                str(record := record_file(run, root)),
            )
        )
        if (root / record).is_file():
            for name, digest in Record.read(root / record).inputs.items():
                inputs.setdefault(name, set()).add(digest[:16])
    lines = ["", "  runs (tags are in the folders of their records)", *indented(rows)]
    lines += ["", "  read", *indented([(name, " ".join(sorted(found))) for name, found in sorted(inputs.items())])]
    return [
        *lines,
        "",
        "  again",
        f"    {train_again(results.scores.profile, cell.dataset, cell.system)}",
    ]


def _why(cell: ScoredCell, results: Results, paper: Paper) -> Lines:
    dataset, system = cell.dataset, cell.system
    scorers = [
        (scorer.title, under(results, dataset, system, scorer.name).plain(), scorer.origin)
        for scorer in results.rescored.scorers
    ]
    lines = ["", "  the same predictions under every scorer", *indented(scorers)]
    for fall in waterfalls(results.scores, results.rescored, paper, results.others):
        if (fall.dataset, fall.system) == (dataset, system):
            lines += ["", f"  from {fall.row.label}{fall.row.mark} to ours"]
            lines += aligned_with_notes([(bar.title, *_step(bar)) for bar in bars(fall)], "    ")
    return lines


def _step(bar: Bar) -> tuple[str, str]:
    """Points of a bar with their standard error where they have one, and what they are."""
    said = bar.cell.plain() if isinstance(bar.cell, Measured) else bar.cell.plain().split(" ±")[0]
    if bar.step is None:
        return said, ""
    return said, bar.step.why + (f"; ± is its standard error, {bar.step.error[1]}" if bar.step.error else "")


def compare(a: str, b: str, results: Results, dataset: str | None = None) -> str:
    """Two systems on every data set (or one): both means, the paired difference, its test, and it by scorer.

    Raises:
        NoResultsError: a system or data set that the profile does not have.
    """
    datasets = [dataset] if dataset else list(results.scores.datasets)
    unknown = [system for system in (a, b) if system not in results.scores.systems]
    if unknown:
        raise NoResultsError(
            f"no system {unknown[0]} in this profile; there are {', '.join(results.scores.systems)}"
        )
    blocks = []
    for name in datasets:
        if name not in results.statistics.datasets:
            raise NoResultsError(
                f"no data set {name} in this profile; there are {', '.join(results.scores.datasets)}"
            )
        missing = [system for system in (a, b) if system not in results.finished(name)]
        if missing or a == b:
            why = f"{' and '.join(missing)} has no finished run" if missing else "a system equals itself"
            blocks.append([dataset_title(name), f"  {why}"])
            continue
        blocks.append(_compared(a, b, results, name))
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _compared(a: str, b: str, results: Results, dataset: str) -> Lines:
    one = results.statistics.datasets[dataset].pair(a, b)
    if one is None:
        raise NoResultsError(f"{a} and {b} were not compared on {dataset}; run `mner score`")
    lines = [dataset_title(dataset)]
    lines += indented(
        [(name, under(results, dataset, name, results.rescored.standard).plain()) for name in (a, b)]
    )
    lines.append("")
    for title, cell in _tested(one, primary_pair(results, dataset, a, b)):
        why = getattr(cell, "why", "")
        lines.append(f"    {title:<19}  {cell.plain()}{f' ({why})' if why else ''}")
    by_scorer: list[tuple[str, ...]] = [("scorer", a, b)]
    for scorer in results.rescored.scorers:
        by_scorer.append((scorer.title, *(under(results, dataset, name, scorer.name).plain() for name in (a, b))))
    return [*lines, "", *indented(by_scorer)]


def _tested(one: Pair, primary: Pair | None) -> list[tuple[str, Cell]]:
    """Title and cell of what the test of a pair says; in the primary family its p there decides what is said."""
    name, difference, p_value, of_all, *further, said = pair_cells(one)
    in_family: Cell = State("–", "no row with a picture against text alone of the same encoder")
    if primary is not None:
        in_family = pair_cells(primary)[3]
        said = Words(says(primary), "by p within the primary family")
    titles = (
        *("A − B", f"difference [{SURE}]", "p", "p (Holm, all pairs)", "p (Holm, primary)"),
        *("runs ahead", "seeds needed", "detectable", "says"),
    )
    return list(zip(titles, (name, difference, p_value, of_all, in_family, *further, said), strict=True))
