"""Verdicts: does our mean agree with a published number, or with a committed result of our own?

Agreement is shown by an equivalence test (two one-sided t tests, Schuirmann 1987), never by the absence of a
significant difference: too few seeds give UNDECIDED, not agreement. All functions here are pure.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mner.evaluation.averages import WORD_VECTORS, encoder_name
from mner.evaluation.gaps import Gap, gap_between, gap_to_fixed
from mner.evaluation.power import runs_to_settle
from mner.evaluation.protocol import AsPrinted, as_printed, training_apart
from mner.evaluation.significance import equivalence
from mner.evaluation.statistics import StatisticsError
from mner.paper import UNKNOWN, Paper, PaperRow, Used

REPRODUCED, BELOW, ABOVE, UNDECIDED = "REPRODUCED", "BELOW", "ABOVE", "UNDECIDED"
NOT_COMPARABLE, NOT_RUN, SKIPPED = "NOT-COMPARABLE", "NOT-RUN", "SKIPPED"
SAME, REGRESSED, IMPROVED = "SAME", "REGRESSED", "IMPROVED"
SEED_LIMIT = 1000
FULL_PRECISION = "float32"
_OF_RECIPE = {"epochs": "epochs", "batch_size": "sentences a batch"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict and why; ``difference`` is ours minus theirs in F1 points, ``seeds_needed`` None where unknown.

    ``reasons`` say what decides, ``doubts`` what nobody could verify about the other side, ``ours`` what was held
    against a printed number, and by which rule.
    """

    name: str
    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    difference: float | None = None
    seeds_needed: int | None = None
    ours: AsPrinted | None = None

    @property
    def rule(self) -> str:
        """Lens and copy of the test split under which the difference to a printed number was taken."""
        return "" if self.ours is None else self.ours.rule


@dataclass(frozen=True, slots=True)
class Sample:
    """F1 values in percent, one a run, with the run keys they belong to (same order, may be empty)."""

    values: tuple[float, ...]
    keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> Sample:
        """From a summary of ``scores.json``."""
        return cls(tuple(summary["values"]), tuple(summary["keys"]))


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


def same_visual_input(ours: str, theirs: str) -> bool:
    """Whether parts correspond one to one, ours at least as exact: ``grid:resnet152`` is a ``grid:resnet``."""
    mine, printed = sorted(ours.split("+")), sorted(theirs.split("+"))
    return len(mine) == len(printed) and all(map(_same_part, mine, printed))


def _same_part(ours: str, theirs: str) -> bool:
    return re.fullmatch(re.escape(theirs) + r"\d*", ours) is not None


def comparability(cell: Mapping[str, Any], used: Used, paper: Paper) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reasons why runs of a cell were made otherwise than a printed row, and doubts that remain if they were not.

    ``cell`` is a finished cell of ``scores.json``. A known difference is a reason; what the paper leaves open
    is a doubt, since it can be neither claimed nor excluded; but word vectors that no row of ``paper`` is known
    to have read do not stand for unknown ones. How the runs were scored is no part of it
    (``mner.evaluation.protocol``).
    """
    frozen, subset = cell["recipe"].get("frozen_layers"), cell["recipe"].get("train_sentences")
    encoder = encoder_name(cell)
    pairs = (
        ("encoder", encoder, used.encoder, encoder == used.encoder),
        ("visual input", cell["visual_input"], used.visual, same_visual_input(cell["visual_input"], used.visual)),
    )
    reasons = [
        f"{what}: ours {ours}, theirs {theirs}"
        for what, ours, theirs, same in pairs
        if not same and theirs != UNKNOWN
    ]
    vectors = (cell["encoder"] or {}).get("source") == WORD_VECTORS
    unheard_of = vectors and used.encoder == UNKNOWN and encoder not in paper.encoders
    if unheard_of:
        reasons.insert(0, f"encoder: ours {encoder}, which no printed row is known to have read, theirs unknown")
    undocumented, different = training_apart(cell["data_copy"], used.copy, cell["dataset"])
    reasons += undocumented
    if subset is not None:
        reasons.append(f"training data: ours a subset of {subset} sentences, theirs all")
    if frozen:
        reasons.append(f"training: ours with {frozen} encoder layers frozen")
    fields = ("visual", "scorer", "copy") if unheard_of else ("encoder", "visual", "scorer", "copy")
    unknown = [field for field in fields if getattr(used, field) == UNKNOWN]
    doubts = [f"{field} of the published row is unknown" for field in unknown]
    doubts += [f"{field} of the published row is inferred, not stated" for field in used.inferred]
    doubts += different
    return tuple(reasons), (*doubts, *_training_doubts(cell))


def _training_doubts(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """What ``reports/paper.yaml`` says of no row: recipe and precision, with what ours are."""
    recipe = cell["recipe"]
    ours = ", ".join(f"{recipe[name]} {what}" for name, what in _OF_RECIPE.items() if name in recipe)
    said = f"recipe: ours {ours or 'not recorded'}; theirs not compared, see mner card {cell['system']}"
    precision = cell.get("precision")
    rounded = precision not in (None, FULL_PRECISION)
    return (said, f"precision: ours trained in {precision}, theirs unknown") if rounded else (said,)


def judge(
    cell: Mapping[str, Any],
    row: PaperRow,
    paper: Paper,
    margin: float,
    alpha: float,
    runs: Sequence[Mapping[str, Any]] = (),
) -> Verdict | None:
    """Verdict on one cell of ``scores.json`` against the F1 of a printed row; None where the paper prints none.

    ``runs`` are the cell's entries of ``lenses.json``: where they tell what the cell reaches under the row's own
    scorer and copy of the test split, that is what is held against the printed value. The printed value is treated
    as fixed: papers do not say how many runs stand behind a ±, so its sampling error cannot enter the test.
    ``margin`` is in F1 points, ``alpha`` the level of each one-sided test.
    """
    dataset = cell["dataset"]
    figure = row.figure(dataset, "F1")
    if figure is None:
        return None
    if cell["state"] == "not-run":
        return Verdict(NOT_RUN, ("no finished run",))
    if cell["state"] == "skipped":
        return Verdict(SKIPPED, (cell["reason"],))
    ours = as_printed(cell, runs, row.used[dataset], paper)
    reasons, doubts = comparability(cell, row.used[dataset], paper)
    reasons += ours.lacking
    if row.status != "printed":
        doubts += (f"the number is {row.status}, not read in the paper itself",)
    if reasons:
        difference = statistics.fmean(ours.values) - figure.value
        return Verdict(NOT_COMPARABLE, reasons, doubts, difference, ours=ours)
    fixed = "the printed value is treated as fixed"
    if figure.spread is not None:
        fixed += f" (its ±{figure.spread:.2f} stands over an unknown number of runs)"
    settled = _settle(ours.values, figure.value, margin, alpha)
    said = (*settled.reasons, *([ours.how] if ours.how else []), fixed)
    return replace(settled, reasons=said, doubts=doubts, ours=ours)


def _settle(values: Sequence[float], target: float, margin: float, alpha: float) -> Verdict:
    """The verdict of the test alone."""
    if len(values) < 2:
        why = "one seed has no spread to test with; run at least 2"
        return Verdict(UNDECIDED, (why,), difference=statistics.fmean(values) - target)
    found = equivalence(values, target, margin, alpha)
    interval = f"{100 - 200 * alpha:.0f} % interval [{found.low:+.2f}, {found.high:+.2f}]"
    test = f"{found.difference:+.2f}, {interval}, margin {margin:g}"
    if found.verdict == "equivalent":
        return Verdict(REPRODUCED, (f"equivalent: {test}",), difference=found.difference)
    if found.verdict == "different":
        name = BELOW if found.difference < 0 else ABOVE
        return Verdict(name, (f"{name.lower()} by more than the margin: {test}",), difference=found.difference)
    needed = seeds_needed(values, target, margin, alpha)
    wanted = f"about {needed} seeds would settle it" if needed else f"more than {SEED_LIMIT} seeds would be needed"
    return Verdict(UNDECIDED, (f"{test}; {wanted}",), difference=found.difference, seeds_needed=needed)


def compare_with_reference(
    ours: Sample, reference: Sample, margin: float, alpha: float, same_machine: bool = True
) -> Verdict:
    """Verdict on our runs against committed reference results of the same cell.

    REGRESSED: our mean is lower by more than ``margin`` and significantly so (one-sided, ``alpha``); or nothing
    that compares them has a spread and we are lower by more than ``margin``. SAME: run for run the very same
    numbers, or equivalent within ``margin``. UNDECIDED: neither could be shown.

    Runs of the same keys promise the same numbers on the ``same_machine``: there the run that changed most
    decides. On another machine they are paired, as a run moves far less from machine to machine than from seed to
    seed. Other runs are compared by Welch's test.
    """
    if ours.values == reference.values:
        return Verdict(SAME, ("+0.00 against the reference: run for run the very same numbers",), difference=0.0)
    gap, why = _gap_to_reference(ours, reference, alpha, same_machine)
    shown = f"{gap.difference:+.2f} against the reference, margin {margin:g}"
    decided = {
        REGRESSED: gap.below(margin, alpha),
        IMPROVED: gap.above(margin, alpha),
        SAME: gap.equivalent(margin, alpha),
    }
    name = next((name for name, holds in decided.items() if holds), UNDECIDED)
    return Verdict(name, (f"{shown}; {why}",), difference=gap.difference)


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
