"""What ``mner score FILE`` says: aligned text for a terminal, and the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mner.base.terminal import aligned, wrapped
from mner.data.user_file import printable
from mner.evaluation.paper_audit import RowAudit
from mner.evaluation.rescoring import ALL_SCORERS
from mner.predictions.own_comparisons import BesideBaseline, BesidePrinted
from mner.predictions.own_scores import ByScorer, OwnRun, ScoredRun
from mner.predictions.seqeval_scores import Rates, ScorerResult

MEASURES = ("precision", "recall", "f1")


@dataclass(frozen=True, slots=True)
class OwnReport:
    """All that is said of a user's predictions.

    Attributes:
        dataset: The data set asked for, or "" where the file is scored against its own gold.
        scored: One entry a file; several files are several seeds.
        absent: Versions that could not be had.
        why_own_gold: Why the file's own gold was used; "" where it was not.
        printed: Printed rows beside ours; empty for own gold.
        baseline: The paired comparison, if one was asked for.
        audit: The audit of our own P, R and F1.
    """

    dataset: str
    scored: tuple[ScoredRun, ...]
    absent: tuple[str, ...]
    why_own_gold: str
    printed: tuple[BesidePrinted, ...]
    baseline: BesideBaseline | None
    audit: RowAudit | None


def to_json(report: OwnReport) -> dict[str, Any]:
    """The report for a program; rates are percentages, means over the files with their s.d."""
    first = report.scored[0]
    return {
        "format": 1,
        "dataset": report.dataset or None,
        "files": [_file(one) for one in report.scored],
        "coverage": _coverage(report),
        "gold": {
            "scored_against": first.primary,
            "why": report.why_own_gold or None,
            "column_on_version": first.gold_version,
            "sentences_agreeing": dict(first.gold_agrees),
        },
        "scores": _scores_json(_by_scorer([one.scores for one in report.scored])),
        "versions": {
            name: _scores_json(_by_scorer([one.versions.get(name, {}) for one in report.scored]))
            for name in first.versions
        },
        "versions_absent": list(report.absent),
        "compared": [*map(_printed, report.printed), *([_baseline(report.baseline)] if report.baseline else [])],
        "audit": asdict(report.audit) if report.audit else None,
    }


def _file(one: ScoredRun) -> dict[str, Any]:
    return {
        "path": str(one.run.read.path),
        "form": one.run.read.form,
        "sentences": len(one.run.read.sentences),
        "notes": list(one.run.notes),
        "coverage": _coverage_of(one.run),
    }


def _coverage_of(run: OwnRun) -> dict[str, Any]:
    found = run.alignment
    total = len(run.read.sentences)
    if found is None:
        return {
            "sentences": 0,
            "of": None,
            "share": 0.0,
            "complete": False,
            "matched_by": {},
            "not_in_split": total,
        }
    return {
        "sentences": found.covered,
        "of": found.split,
        "share": found.covered / found.split,
        "complete": found.complete,
        "matched_by": dict(found.by),
        "not_in_split": total - found.covered,
        "other_number_of_words": found.other_lengths,
    }


def _coverage(report: OwnReport) -> dict[str, Any]:
    """The coverage of the file that covers least."""
    return min((_coverage_of(one.run) for one in report.scored), key=lambda one: one["share"])


@dataclass(frozen=True, slots=True)
class MeanScores:
    """Mean scores over the files under one scorer in percent; or ``state``, which says why there are none.

    ``sd`` is the s.d. of F1 over files, None with one file; ``runs`` are the scores of each of several files.
    """

    overall: Rates | None = None
    by_type: Mapping[str, Rates] = field(default_factory=dict)
    sd: float | None = None
    runs: tuple[Rates, ...] = ()
    state: str = ""


def _by_scorer(runs: Sequence[ByScorer]) -> dict[str, MeanScores]:
    names = [name for name in ALL_SCORERS if name in runs[0]]
    return {name: _over_files([run.get(name, "the version could not be had") for run in runs]) for name in names}


def _over_files(results: Sequence[ScorerResult | str]) -> MeanScores:
    why = next((one for one in results if isinstance(one, str)), None)
    if why is not None:
        return MeanScores(state=why)
    held = [one for one in results if isinstance(one, ScorerResult)]
    kinds = dict.fromkeys(kind for one in held for kind in one.by_type)
    by_type = {kind: _mean([one.by_type.get(kind, Rates(0.0, 0.0, 0.0)) for one in held]) for kind in kinds}
    overall = [one.overall for one in held]
    if len(held) == 1:
        return MeanScores(_mean(overall), by_type)
    deviation = statistics.stdev(one.f1 for one in overall)
    return MeanScores(_mean(overall), by_type, deviation, tuple(overall))


def _mean(rows: Sequence[Rates]) -> Rates:
    return Rates(*(statistics.fmean(getattr(row, name) for row in rows) for name in MEASURES))


def _scores_json(found: Mapping[str, MeanScores]) -> dict[str, Any]:
    return {name: _mean_json(one) for name, one in found.items()}


def _mean_json(one: MeanScores) -> dict[str, Any]:
    if one.overall is None:
        return {"state": one.state}
    made = asdict(one.overall) | {"by_type": {kind: asdict(rates) for kind, rates in one.by_type.items()}}
    return made if one.sd is None else made | {"sd": one.sd, "runs": [asdict(rates) for rates in one.runs]}


def _printed(one: BesidePrinted) -> dict[str, Any]:
    return {"kind": "printed", **asdict(one), "difference": one.difference}


def _baseline(one: BesideBaseline) -> dict[str, Any]:
    found = None
    if one.found is not None:
        points = {name: 100 * getattr(one.found, name) for name in ("difference", "low", "high")}
        found = {**points, "p_value": one.found.p_value, "level": one.found.level, "source": one.found.source}
    held = {name: value for name, value in asdict(one).items() if name != "found"}
    return {"kind": "baseline", **held, "paired": found}


def render(report: OwnReport) -> str:
    """The report as text without control characters, ending in a line feed."""
    lines = [*_head(report), "", *_score_table(report), "", *_type_table(report)]
    if len(report.scored[0].versions) > 1:
        lines += ["", *_version_table(report)]
    if report.printed:
        lines += ["", *_printed_table(report)]
    if report.baseline is not None:
        lines += ["", *_baseline_lines(report.baseline)]
    lines += ["", *_audit_lines(report.audit)]
    return "\n".join(printable(line) for line in lines) + "\n"


def _head(report: OwnReport) -> list[str]:
    lines = []
    for one in report.scored:
        read = one.run.read
        lines.append(f"{read.path}: {len(read.sentences):,} sentences, {read.form}")
        lines += [f"  {note}" for note in one.run.notes]
        lines += [f"  {line}" for line in _coverage_lines(one, report.dataset)]
    if report.why_own_gold:
        lines += wrapped(f"scored against the gold column of the file itself: {report.why_own_gold}")
    if report.absent:
        lines.append(f"dataset versions that could not be had: {', '.join(report.absent)}")
    return lines


def _coverage_lines(one: ScoredRun, dataset: str) -> list[str]:
    found = one.run.alignment
    if found is None:
        return []
    by = ", ".join(f"{count:,} by {name}" for name, count in found.by.items())
    part = "" if found.complete else f" ({found.covered / found.split:.1%}): PARTIAL, scored over these only"
    lines = [f"covers {found.covered:,} of the {found.split:,} test sentences of {dataset}{part}; {by}"]
    unknown = len(one.run.read.sentences) - found.covered
    if unknown:
        more = (
            f", {found.other_lengths:,} of them with a known image id and other words"
            if found.other_lengths
            else ""
        )
        lines.append(f"{unknown:,} sentences of the file are not in the test split and are not scored{more}")
    if one.gold_agrees:
        agrees = ", ".join(
            f"{name} {count:,} of {one.sentences[name]:,}" for name, count in one.gold_agrees.items()
        )
        on = f"is that of version {one.gold_version}" if one.gold_version else "is that of no known version"
        lines.append(f"gold column {on}; sentences with the same gold tags: {agrees}")
    return lines


def _score_table(report: OwnReport) -> list[str]:
    first = report.scored[0]
    seeds = len(report.scored)
    alignments = [one.run.alignment for one in report.scored]
    marked = "" if all(one is None or one.complete for one in alignments) else ", PARTIAL"
    title = f"Scores in percent against version {first.primary}{marked}"
    if seeds > 1:
        title += f", mean over {seeds} files; ± is the s.d. of F1 over files"
    rows: list[tuple[str, ...]] = [("scorer", "P", "R", "F1", "±" if seeds > 1 else "", "where it comes from")]
    notes = []
    for name, row in _by_scorer([one.scores for one in report.scored]).items():
        scorer = ALL_SCORERS[name]
        if row.overall is None:
            notes.append(f"  {scorer.title}: {row.state}")
            continue
        deviation = "" if row.sd is None else f"{row.sd:.2f}"
        rates = (f"{getattr(row.overall, one):.2f}" for one in MEASURES)
        rows.append((scorer.title, *rates, deviation, scorer.origin))
    return [title, *aligned(rows, numbers=(1, 2, 3, 4)), *notes]


def _type_table(report: OwnReport) -> list[str]:
    table = _by_scorer([one.scores for one in report.scored])
    kinds = list(dict.fromkeys(kind for row in table.values() for kind in row.by_type))
    rows = [("F1 by type", *kinds)]
    for name, row in table.items():
        if row.overall is not None:
            values = (f"{row.by_type[kind].f1:.2f}" if kind in row.by_type else "-" for kind in kinds)
            rows.append((ALL_SCORERS[name].title, *values))
    return aligned(rows, numbers=range(1, len(kinds) + 1))


def _version_table(report: OwnReport) -> list[str]:
    first = report.scored[0]
    names = list(first.versions)
    tables = {name: _by_scorer([one.versions.get(name, {}) for one in report.scored]) for name in names}
    rows = [("F1 by version", *names), ("sentences", *(f"{first.sentences[name]:,}" for name in names))]
    for name_of, scorer in ALL_SCORERS.items():
        found = (tables[name].get(name_of, MeanScores()).overall for name in names)
        rows.append((scorer.title, *("-" if rates is None else f"{rates.f1:.2f}" for rates in found)))
    return aligned(rows, numbers=range(1, len(names) + 1))


def _printed_table(report: OwnReport) -> list[str]:
    known = [one for one in report.printed if one.difference is not None]
    below = sum(one.difference > 0 for one in known if one.difference is not None)
    rows = [("printed row", "printed", "yours", "difference", "scorer", "version", "caveats")]
    for one in report.printed:
        ours = "-" if one.ours is None else f"{one.ours:.2f}"
        difference = "-" if one.difference is None else f"{one.difference:+.2f}"
        what = (one.label, f"{one.printed:.2f}", ours, difference)
        rows.append((*what, one.scorer, one.version, "; ".join(one.caveats)))
    return [
        f"Among printed rows, each under the row's own scorer and dataset version: above {below} of {len(known)}",
        *aligned(rows, numbers=(1, 2, 3)),
    ]


def _baseline_lines(one: BesideBaseline) -> list[str]:
    seeds = f"{len(one.seeds)} kept run{'s' if len(one.seeds) > 1 else ''}"
    title = (
        f"Against {one.system} ({seeds} of profile {one.profile}), conlleval, {one.sentences:,} common sentences"
    )
    if one.found is None:
        return [title, f"  not compared: {one.why}"]
    found = one.found
    return [
        title,
        f"  yours {one.own_f1:.2f}, theirs {one.baseline_f1:.2f}: {100 * found.difference:+.2f} "
        f"[{100 * found.low:+.2f}, {100 * found.high:+.2f}] at {found.level:.0%}, {_p_value(found.p_value)}",
        f"  it is about {one.why}",
    ]


def _p_value(value: float) -> str:
    return "paired test p < 0.0001" if value < 1e-4 else f"paired test p = {value:.4f}"


def _audit_lines(audit: RowAudit | None) -> list[str]:
    if audit is None:
        return []
    said = {"consistent": "they fit together", "below": "F1 is below what P and R allow: a mean of F1s?"}
    return [
        f"Audit: P {audit.precision:.2f}, R {audit.recall:.2f} give 2PR/(P + R) = {audit.harmonic:.3f}; F1 is "
        f"{audit.f1:.2f} ({said.get(audit.finding, 'F1 is above what P and R allow')})"
    ]
