"""Verdicts: does our mean agree with a published number, or with a committed result of our own?

Agreement is shown by an equivalence test (two one-sided t tests, Schuirmann 1987), never by the absence of a
significant difference. A printed number is a draw: what one run of ours might have given is CONSISTENT with it
(``mner.evaluation.states`` has the rules of all states). All functions here are pure.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mner.evaluation.comparable import comparability
from mner.evaluation.gaps import Gap, gap_between, gap_to_fixed
from mner.evaluation.paper import Figure, Paper, PaperRow
from mner.evaluation.power import runs_to_settle
from mner.evaluation.protocol import AsPrinted, as_printed
from mner.evaluation.reasons import Reason, ReasonKind, in_words
from mner.evaluation.rescored_results import RescoredRun
from mner.evaluation.score_results import ScoredCell, Summary
from mner.evaluation.significance import equivalence
from mner.evaluation.states import PREDICTION_LEVEL, Draw, State, prediction_half_width, state_of
from mner.evaluation.statistics import StatisticsError

REPRODUCED, CONSISTENT = State.REPRODUCED.value, State.CONSISTENT.value
BELOW, ABOVE, UNDECIDED = State.BELOW.value, State.ABOVE.value, State.UNDECIDED.value
NOT_COMPARABLE, NOT_RUN, SKIPPED = "NOT-COMPARABLE", "NOT-RUN", "SKIPPED"
SAME, REGRESSED, IMPROVED, CHANGED = "SAME", "REGRESSED", "IMPROVED", "CHANGED"
FAILED = (REGRESSED, CHANGED)
"""Verdicts on the committed reference that no profile passes with."""
SEED_LIMIT = 1000
RANKS = {REPRODUCED: 3, CONSISTENT: 2, UNDECIDED: 1}
"""How near to agreement a verdict is; all others are 0."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict and why; ``difference`` is ours minus theirs in F1 points, ``seeds_needed`` None where unknown.

    ``reasons`` are the differences that forbid a comparison, ``caveats`` what nobody could verify about the other
    side, ``findings`` what the tests showed, in words, ``ours`` what was held against a printed number, and by
    which rule.
    """

    name: str
    reasons: tuple[Reason, ...] = ()
    caveats: tuple[Reason, ...] = ()
    findings: tuple[str, ...] = ()
    difference: float | None = None
    seeds_needed: int | None = None
    ours: AsPrinted | None = None

    @property
    def rule(self) -> str:
        """Scorer and copy of the test split under which the difference to a printed number was taken."""
        return "" if self.ours is None else self.ours.rule

    @property
    def why(self) -> tuple[str, ...]:
        """What decided, in words: the reasons, then the findings."""
        return (*in_words(self.reasons), *self.findings)

    @property
    def open_points(self) -> tuple[str, ...]:
        """The caveats in words."""
        return in_words(self.caveats)

    def worse_than(self, other: Verdict) -> bool:
        """Whether it is further from agreement than another verdict on the same row."""
        return RANKS.get(self.name, 0) < RANKS.get(other.name, 0)


@dataclass(frozen=True, slots=True)
class Sample:
    """F1 values in percent, one a run, with the run keys they belong to (same order, may be empty)."""

    values: tuple[float, ...]
    keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, summary: Summary) -> Sample:
        """From a summary of ``scores.json``."""
        return cls(summary.values, summary.keys)


def seeds_needed(values: Sequence[float], target: float, margin: float, alpha: float) -> int | None:
    """Seeds, more than there are, at which the verdict would be settled if mean and s.d. stayed as observed.

    Settled means with chance ``power.POWER``. None from a single value, or when more than 1000 seeds would be
    needed (the mean sits on the margin).
    """
    if len(values) < 2:
        return None
    difference, spread = statistics.fmean(values) - target, statistics.stdev(values)
    try:
        needed = runs_to_settle(difference, spread, margin, alpha, most=SEED_LIMIT)
    except StatisticsError:
        return None
    return max(needed, len(values) + 1)


def judge(
    cell: ScoredCell,
    row: PaperRow,
    paper: Paper,
    margin: float,
    alpha: float,
    runs: Sequence[RescoredRun] = (),
) -> Verdict | None:
    """Verdict on one cell of ``scores.json`` against the F1 of a printed row; None where the paper prints none.

    ``runs`` are the cell's entries of ``lenses.json``: where they tell what the cell reaches under the row's own
    scorer and copy of the test split, that is what is held against the printed value. Only runs that are
    comparable by what they loaded, read and did are judged; ``paper.requirements`` holds what the cards ask.
    ``margin`` is in F1 points, ``alpha`` the level of each one-sided test.
    """
    dataset = cell.dataset
    figure = row.figure(dataset, "F1")
    if figure is None:
        return None
    if cell.state == "not-run":
        return Verdict(NOT_RUN, findings=("no finished run",))
    if cell.state == "skipped":
        return Verdict(SKIPPED, findings=(cell.reason or "",))
    ours = as_printed(cell, runs, row.used[dataset], paper)
    differ, caveats = comparability(cell, row.used[dataset], paper)
    reasons = (*differ, *ours.missing)
    if row.status != "printed":
        caveats += (Reason(ReasonKind.SOURCE, theirs=row.status),)
    if reasons:
        difference = statistics.fmean(ours.values) - figure.value
        return Verdict(NOT_COMPARABLE, reasons, caveats, difference=difference, ours=ours)
    settled = _settle(ours.values, figure, Draw(row.runs or 1, figure.spread), margin, alpha)
    findings = (*settled.findings, *([ours.how] if ours.how else []), _drawn(row, figure))
    return replace(settled, findings=findings, caveats=caveats, ours=ours)


def _drawn(row: PaperRow, figure: Figure) -> str:
    """As what the printed number counts."""
    of = "one run" if row.runs is None else f"a mean of {row.runs} runs"
    spread = "" if figure.spread is None else f" whose s.d. is the printed ±{figure.spread:.2f}"
    return f"the printed value counts as {of}{spread}"


def _settle(values: Sequence[float], figure: Figure, draw: Draw, margin: float, alpha: float) -> Verdict:
    """The verdict of the tests alone."""
    if len(values) < 2:
        why = "one seed has no spread to test with; run at least 2"
        return Verdict(UNDECIDED, findings=(why,), difference=statistics.fmean(values) - figure.value)
    found = equivalence(values, figure.value, margin, alpha)
    deviation = statistics.stdev(values)
    name = state_of(found.difference, deviation, len(values), draw, margin, alpha).value
    half = prediction_half_width(deviation, len(values), draw)
    interval = f"{100 - 200 * alpha:.0f} % interval [{found.low:+.2f}, {found.high:+.2f}]"
    test = f"{found.difference:+.2f}, {interval}, margin {margin:g}"
    predicted = f"a further run lies within ±{half:.2f} of our mean ({100 * PREDICTION_LEVEL:.0f} %)"
    said = {
        REPRODUCED: "equivalent: ",
        BELOW: "below by more than the margin: ",
        ABOVE: "above by more than the margin: ",
    }
    test = said.get(name, "") + test
    if name not in (CONSISTENT, UNDECIDED):
        return Verdict(name, findings=(test, predicted), difference=found.difference)
    needed = seeds_needed(values, figure.value, margin, alpha)
    wanted = f"about {needed} seeds would settle it" if needed else f"more than {SEED_LIMIT} seeds would be needed"
    findings = (f"{test}; {wanted}", predicted)
    return Verdict(name, findings=findings, difference=found.difference, seeds_needed=needed)


def compare_with_reference(
    ours: Sample, reference: Sample, margin: float, alpha: float, same_machine: bool = True
) -> Verdict:
    """Verdict on our runs against committed reference results of the same cell.

    REGRESSED: our mean is lower by more than ``margin`` and significantly so (one-sided, ``alpha``); or nothing
    that compares them has a spread and we are lower by more than ``margin``. SAME: run for run the very same
    numbers, or equivalent within ``margin``. UNDECIDED: neither could be shown.

    Runs of the same keys promise the same numbers on the ``same_machine``. There any difference fails: REGRESSED,
    where the run that changed most fell by more than ``margin``, or else CHANGED. On another machine they are
    paired, as a run moves far less from machine to machine than from seed to seed; a rise beyond the reference's
    own spread over seeds is CHANGED, for no machine explains it. Other runs are compared by Welch's test.
    """
    if ours.values == reference.values:
        same = "+0.00 against the reference: run for run the very same numbers"
        return Verdict(SAME, findings=(same,), difference=0.0)
    gap, why = _gap_to_reference(ours, reference, alpha, same_machine)
    shown = f"{gap.difference:+.2f} against the reference, margin {margin:g}"
    decided = {
        REGRESSED: gap.below(margin, alpha),
        IMPROVED: gap.above(margin, alpha),
        SAME: gap.equivalent(margin, alpha),
    }
    name = next((name for name, holds in decided.items() if holds), UNDECIDED)
    if _breaks_its_keys(name, ours, reference, same_machine):
        name = CHANGED
    return Verdict(name, findings=(f"{shown}; {why}",), difference=gap.difference)


def _breaks_its_keys(name: str, ours: Sample, reference: Sample, same_machine: bool) -> bool:
    """Whether runs of equal keys have other numbers than these keys allow, a regression apart."""
    changes = _changes(ours, reference)
    if not any(changes) or name == REGRESSED:
        return False
    spread = statistics.stdev(reference.values) if len(reference.values) > 1 else 0.0
    return same_machine or (name == IMPROVED and statistics.fmean(changes) > spread)


def _gap_to_reference(ours: Sample, reference: Sample, alpha: float, same_machine: bool) -> tuple[Gap, str]:
    """The difference that decides, and by which rule."""
    changes = _changes(ours, reference)
    if changes and same_machine:
        # A rise of one run must not hide the fall of another.
        largest = max(changes, key=lambda change: (abs(change), -change))
        return Gap(largest, 0.0, 0.0), "the run that changed most; the same run keys, so nothing may differ"
    if len(changes) > 1:
        paired = gap_to_fixed(changes, 0.0)
        return paired, f"the same run keys on another machine: paired, one-sided, alpha {alpha:g}"
    gap = gap_between(ours.values, reference.values)
    if gap is None:
        difference = statistics.fmean(ours.values) - statistics.fmean(reference.values)
        return Gap(difference, 0.0, 0.0), "no spread on either side, the margin decides"
    return gap, f"Welch, one-sided, alpha {alpha:g}"


def _changes(ours: Sample, reference: Sample) -> list[float]:
    """Ours minus the reference, run by run; none unless both hold the same keys."""
    if not ours.keys or sorted(ours.keys) != sorted(reference.keys):
        return []
    before = dict(zip(reference.keys, reference.values, strict=True))
    return [value - before[key] for key, value in zip(ours.keys, ours.values, strict=True)]
