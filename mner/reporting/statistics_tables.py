"""Uncertainty of cells, comparisons of systems, and image reliance as tables; every ± and interval is named."""

from __future__ import annotations

from collections.abc import Iterable

from mner.evaluation.gaps import BOLDEST
from mner.evaluation.power import FEWEST_RUNS, POWER
from mner.evaluation.statistics import ALPHA, Uncertainty
from mner.evaluation.statistics_results import (
    ImageSensitivity,
    NoneSuffices,
    NotKnown,
    Pair,
    RunsNeeded,
    TestedPair,
    UntestedPair,
    ViewSensitivity,
)
from mner.reporting.cells import SURE, Cell, Measured, State, Words, cited, estimate, interval_of
from mner.reporting.results import Results
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table
from mner.reporting.text_only import (
    ABLATION_NOTE,
    FAMILY_NOTE,
    HOLM_NOTE,
    OWN_TEXT_ONLY,
    PROBES,
    TEXT_NOTE,
    TEXT_ONLY,
    baseline_cells,
    baseline_columns,
    gain_over_text,
    has_own,
    primary_family,
    text_only_baselines,
)

UNCERTAINTY_NOTES = (
    "± seeds: s.d. of one run over seeds, test set fixed. ± sample: s.d. of the mean F1 over test sets like "
    "this one, runs fixed (bootstrap over sentences). Interval: from both (t, Satterthwaite; with two seeds, "
    f"where they outweigh sentences, it misses up to {100 * BOLDEST:.0f} % of truths where 5 % is meant), with "
    "one seed percentiles of the bootstrap over sentences.",
    "Two systems are never compared by these intervals: their errors fall on the same sentences. See "
    "the tables of pairs.",
)
INTERVALS = {
    "seeds and sample": "t interval on seeds and sample (Satterthwaite)",
    "sample": "percentiles of the bootstrap over sentences",
}
TESTS = {
    "seeds and sample": "two-sided t-test on seeds and sample (Satterthwaite)",
    "sample": "two-sided normal test on the sample of sentences, these runs given",
}
POWER_OF = "power of the test on seeds and sample, the test set as large as it is"
SOURCE_NOTES = {
    "seeds and sample": "Interval and p from seeds and sample together (t, Satterthwaite; with two seeds, where "
    f"they outweigh sentences, up to {100 * BOLDEST:.0f} % of true nulls are rejected where 5 % is meant).",
    "sample": "One seed a side: interval and p from the sample of sentences alone (normal). They speak of these "
    "very runs; other seeds may turn out otherwise.",
}
PAIR_NOTES = (
    "A minus B, paired by sentence. Holm: p adjusted for all pairs of this table. Runs ahead: share of pairs of "
    "runs, one of A and one of B, in which A's is ahead (test set fixed).",
    "Seeds needed: runs a side with which the test of p (before Holm) would find this very difference with "
    f"{100 * POWER:.0f} % power, were difference and spread as observed; none suffices: not even endless seeds "
    "would, on a test set of this size. Detectable: the smallest difference that these runs would find so. "
    f"Both are – with fewer than {FEWEST_RUNS} seeds a side, which do not tell their own noise from what "
    "sentences add, and where nothing varies.",
)


def statistics_tables(results: Results, dataset: str) -> list[Table]:
    """The primary comparisons, uncertainty by source, all pairs, image reliance; those that have rows."""
    made = (
        _primary(results, dataset),
        _uncertainty(results, dataset),
        _pairs(results, dataset),
        _reliance(results, dataset),
    )
    return [table for table in made if table is not None]


def _uncertainty(results: Results, dataset: str) -> Table | None:
    cells = results.statistics.datasets[dataset].cells
    if not cells:
        return None
    columns = (
        Column("system", "System", "words"),
        Column("F1", "F1", "ours"),
        Column("seeds", "± seeds", "ours"),
        Column("sample", "± sample", "ours"),
        Column("interval", f"{SURE} interval", "ours"),
        Column("sources", "Interval from", "words"),
    )
    rows = []
    for cell in cells:
        records = cell.records
        seeds, sample = cell.seeds, cell.sample
        both = cell.best_known
        spread = State("one seed", seeds.state) if isinstance(seeds, NotKnown) else _spread(seeds, records)
        f1 = Measured(sample.estimate, records, "mean F1 over runs, conlleval")
        interval = interval_of(both, records, INTERVALS[both.source])
        rows.append(
            Row(
                cell.system,
                (Words(cell.system), f1, spread, _spread(sample, records), interval, Words(both.source)),
            )
        )
    title = f"{dataset_title(dataset)}: how sure each F1 is (%)"
    return Table(
        f"uncertainty-{dataset}", title, dataset, columns, tuple(rows), results.records, UNCERTAINTY_NOTES
    )


def _spread(entry: Uncertainty, records: tuple[str, ...]) -> Measured:
    return Measured(entry.standard_deviation, records, f"s.d., {entry.source}: {entry.resampled}")


def _primary(results: Results, dataset: str) -> Table | None:
    """Rows with a picture against text alone, by text-only row."""
    pairs = primary_family(results, dataset)
    if not pairs:
        return None
    rows = tuple(Row(f"{one.a}-{one.b}", pair_cells(one), f"minus {one.b}") for one in pairs)
    title = f"{dataset_title(dataset)}: rows with a picture against text alone (F1 points)"
    notes = (FAMILY_NOTE, *_sources(pairs), *PAIR_NOTES)
    return Table(f"primary-{dataset}", title, dataset, _pair_columns(), rows, results.records, notes)


def _pairs(results: Results, dataset: str) -> Table | None:
    pairs = results.statistics.datasets[dataset].comparisons
    if not pairs:
        return None
    rows = tuple(Row(f"{one.a}-{one.b}", pair_cells(one)) for one in pairs)
    title = f"{dataset_title(dataset)}: all systems compared (F1 points)"
    notes = (*_sources(pairs), *PAIR_NOTES)
    return Table(f"pairs-{dataset}", title, dataset, _pair_columns(), rows, results.records, notes)


def _pair_columns() -> tuple[Column, ...]:
    return (
        Column("pair", "A − B", "words"),
        Column("difference", f"Difference [{SURE}]", "ours"),
        Column("p", "p", "ours"),
        Column("holm", "p (Holm)", "ours"),
        Column("ahead", "Runs ahead", "ours"),
        Column("needed", "Seeds needed", "ours"),
        Column("detectable", "Detectable", "ours"),
        Column("says", "Says", "words"),
    )


def _sources(entries: Iterable[Pair | ViewSensitivity]) -> tuple[str, ...]:
    """What the intervals of some comparisons come from, in words; each kind once."""
    present = {entry.source for entry in entries if not isinstance(entry, UntestedPair)}
    return tuple(note for source, note in SOURCE_NOTES.items() if source in present)


def pair_cells(one: Pair) -> tuple[Cell, ...]:
    """The cells of one comparison."""
    name = Words(f"{one.a} − {one.b}")
    if isinstance(one, UntestedPair):
        absent = State("not known", one.state)
        return (name, *[absent] * 6, Words("not tested", one.state))
    records = one.records
    detectable = one.detectable
    return (
        name,
        estimate(one, f"paired by sentence, {one.source}", signed=True),
        _p(one.p_value, records, TESTS[one.source]),
        _p(one.holm, records, "Holm over the pairs of this table"),
        _ahead(one, records),
        _needed(one.seeds_needed, records),
        State("–", detectable.state)
        if isinstance(detectable, NotKnown)
        else Measured(detectable.points, records, POWER_OF),
        Words(says(one)),
    )


def _ahead(one: TestedPair, records: tuple[str, ...]) -> Cell:
    if one.source == "sample":
        return State("one pair", "one run a side: their share says no more than the sign of the difference")
    return Measured(one.run_superiority.estimate, records, "share of pairs of runs with A's ahead")


def _needed(entry: RunsNeeded | NoneSuffices | NotKnown, records: tuple[str, ...]) -> Cell:
    if isinstance(entry, RunsNeeded):
        return Measured(float(entry.runs), records, POWER_OF, digits=0)
    return State("none suffices" if isinstance(entry, NoneSuffices) else "–", entry.state)


def says(one: Pair) -> str:
    """What the test allows to say of a pair, in words, at the level of its interval and of the seeds needed."""
    if isinstance(one, UntestedPair):
        return "not tested"
    if one.holm > ALPHA:
        return "no difference shown"
    ahead, behind = (one.a, one.b) if one.difference > 0 else (one.b, one.a)
    return f"{ahead} above {behind}" + (" (these two runs)" if one.source == "sample" else "")


def _reliance(results: Results, dataset: str) -> Table | None:
    """Every multimodal system with its text-only baseline, and what its probes say."""
    entries = results.statistics.datasets[dataset].image_sensitivity
    if not entries:
        return None
    cells = {c.system: c for c in results.scores.cells if c.dataset == dataset}
    baselines = {entry.system: text_only_baselines(cells[entry.system], cells.values()) for entry in entries}
    own = has_own(baselines.values())
    columns = (
        Column("system", "System", "words"),
        Column("F1", "F1", "ours"),
        *baseline_columns(own),
        *_gain_columns(own),
        *(
            column
            for view in PROBES
            for column in (
                Column(view, f"{PROBES[view]} [{SURE}]", "ours"),
                Column(f"{view}.holm", "p (Holm)", "ours"),
            )
        ),
    )
    rows = []
    for entry in entries:
        cell, held = cells[entry.system], baselines[entry.system]
        names = (held.best.system, held.own.system if held.own else "") if own else (held.best.system,)
        gains = (gain_over_text(cell, name, results.statistics) for name in names)
        f1 = cited(cell.own_f1)
        shown = (Words(cell.system), f1, *baseline_cells(held, own), *gains, *_views(entry))
        rows.append(Row(cell.system, shown))
    title = f"{dataset_title(dataset)}: image reliance (F1 points)"
    probes = [view for entry in entries for view in entry.views.values()]
    notes = (ABLATION_NOTE, *_sources(probes), HOLM_NOTE, TEXT_NOTE)
    return Table(f"image-reliance-{dataset}", title, dataset, columns, tuple(rows), results.records, notes)


def _gain_columns(own: bool) -> tuple[Column, ...]:
    """Gains over the best text-only row and, with ``own``, over that of the same family."""
    best = Column("gain", f"F1 − {TEXT_ONLY.lower()} [{SURE}]", "ours")
    return (best, Column("gain.own", f"F1 − {OWN_TEXT_ONLY.lower()} [{SURE}]", "ours")) if own else (best,)


def _views(entry: ImageSensitivity) -> list[Cell]:
    cells: list[Cell] = []
    for view in PROBES:
        found = entry.views.get(view)
        if found is None:
            cells += [State("–", "this view was not predicted")] * 2
            continue
        cells += [
            estimate(found, f"paired by run and sentence, {found.source}", signed=True),
            ablation_p(found),
        ]
    return cells


def ablation_p(found: ViewSensitivity) -> Measured:
    """The adjusted p of one probe of one system."""
    method = f"{TESTS[found.source]}, Holm over the probes of this table"
    return _p(found.holm, found.records, method)


def _p(value: float, records: tuple[str, ...], method: str) -> Measured:
    return Measured(value, records, method, digits=3, least=0.001)
