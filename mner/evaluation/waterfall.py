"""From a printed number to ours in steps that add up: what the rest, choices, scorer, data and model account for.

Ours is a level per run: standard scorer, own version, epoch chosen on dev, mean over seeds. Going back towards the
paper, one condition is changed at a time: first what only other runs can tell (what is trained, encoder, visual
input: :mod:`mner.evaluation.conditions`), then what re-scoring the runs reached so tells (version, scorer, epoch
chosen on test, best seed). Each step is the difference of two neighbouring levels, and the residual is what is
left to the printed number. The sum is therefore exact by construction, and a step that cannot be measured is a
state and counts in the residual.

Dataset version and scorer are known conditions of a printed row. Whether its authors picked epoch or seed on test
is mostly not known: those steps say what the choice *would* account for, and ``unpicked`` is the residual without
them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mner.evaluation.comparable import comparability
from mner.evaluation.conditions import TITLES, Move, Scored, printed_conditions, route, scored_cells
from mner.evaluation.kept_results import KeptProfile
from mner.evaluation.paper import UNKNOWN, Paper, PaperRow, Used
from mner.evaluation.protocol import scorer_of
from mner.evaluation.reasons import INFERRED, Reason, ReasonKind, in_words
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.rescoring import STANDARD
from mner.evaluation.run_selection import Picked, picked
from mner.evaluation.score_results import ScoredCell, ScoreResults

MEASURED, SUPPOSED, REST = "measured", "supposed", "rest"
SAME, NOT_MEASURED, NOT_KNOWN, NOT_APPLICABLE = "same", "not measured", "not known", "does not apply"
STEPS = {
    "residual": "Residual",
    "seed": "Best seed picked",
    "epoch": "Epoch picked on test",
    "scorer": "Scorer",
    "version": "Dataset version",
    "visual": "Visual input",
    "encoder": "Encoder",
    "training": "Training",
}
"""Names and titles of all steps, from paper to ours."""
OF_TRAINING = (ReasonKind.ENCODER, ReasonKind.VISUAL, ReasonKind.TRAINING_VERSION, ReasonKind.RECIPE)
"""Kinds of caveat that may stand behind a residual; scorer and version have steps of their own."""


@dataclass(frozen=True, slots=True)
class Step:
    """One bar: F1 points from paper towards ours, or (neither ``values`` nor ``change``) a ``state`` and why.

    ``values`` are differences by run of ``records``; ``change`` is a difference of two means over different runs,
    all of which ``records`` names. ``error`` is the standard error of a difference of means over runs and what it
    is of, None where there is none; ``machines`` names those of the two sides where they differ. ``kind`` is
    ``measured`` (a known condition of the printed row, re-scored or rerun), ``supposed`` (a choice the authors may
    or may not have made) or ``rest``.
    """

    name: str
    title: str
    kind: str
    values: tuple[float, ...] | None
    why: str
    state: str = ""
    change: float | None = None
    records: tuple[str, ...] = ()
    error: tuple[float, str] | None = None
    machines: str = ""

    @property
    def measured(self) -> bool:
        """Whether the step has a number."""
        return self.values is not None or self.change is not None

    @property
    def points(self) -> float:
        """F1 points; 0 where nothing was measured."""
        if self.change is not None:
            return self.change
        return statistics.fmean(self.values) if self.values is not None else 0.0


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A printed F1, the steps from it to our mean, and the records that every step rests on.

    ``ours`` holds F1 in percent by run, in the order of ``records``; ``unpicked`` is the residual by run of
    ``reached`` (the runs nearest to the paper's conditions) if the authors picked neither epoch nor seed;
    ``causes`` are known differences that the residual holds, ``moves`` what other runs account for.
    """

    dataset: str
    system: str
    row: PaperRow
    printed: float
    steps: tuple[Step, ...]
    ours: tuple[float, ...]
    unpicked: tuple[float, ...]
    records: tuple[str, ...]
    reached: tuple[str, ...]
    causes: tuple[Reason, ...]
    moves: tuple[Move, ...] = ()

    def __post_init__(self) -> None:
        total = math.fsum([self.printed, *(step.points for step in self.steps)])
        if abs(total - statistics.fmean(self.ours)) > 1e-9 * 100:
            raise ValueError(f"waterfall of {self.row.id}: the steps lead to {total}, not to {self.ours}")
        bare = [step.name for step in self.steps if step.measured and not step.records]
        if bare:
            raise ValueError(f"waterfall of {self.row.id}: step {bare[0]} names no record")


def waterfalls(
    scores: ScoreResults,
    rescored: RescoredResults,
    paper: Paper,
    others: Sequence[KeptProfile] = (),
) -> tuple[Waterfall, ...]:
    """One for every finished cell and printed row that gives its system an F1 on its data set.

    ``others`` are further profiles, whose runs may stand for other conditions.
    """
    elsewhere = [cell for other in others for cell in scored_cells(other.scores, other.rescored)]
    return tuple(
        _waterfall(here, row, paper, elsewhere)
        for here in scored_cells(scores, rescored)
        for _, row in paper.rows_for(here.cell.dataset, here.cell.system)
    )


def _waterfall(here: Scored, row: PaperRow, paper: Paper, elsewhere: Sequence[Scored]) -> Waterfall:
    dataset = here.cell.dataset
    figure, used = row.figure(dataset, "F1"), row.used[dataset]
    if figure is None:
        raise ValueError(f"row {row.id} prints no F1 on {dataset}")
    moves = route(here, used, elsewhere)
    reached = moves[-1].after if moves else here
    level, version = reached.level, reached.cell.dataset_version
    steps = {name: _condition_step(name, here, theirs, moves) for name, theirs in printed_conditions(used).items()}
    steps["version"] = _version_step(reached, level, version, used.copy)
    if steps["version"].measured:
        version, level = used.copy, _known(picked(reached.runs, STANDARD, used.copy))
    steps["scorer"], scorer = _scorer_step(reached, level, version, used.scorer, dataset, paper)
    if scorer:
        level = _known(picked(reached.runs, scorer, version))
    steps["epoch"] = _epoch_step(level)
    chosen = level.on_dev if level.on_test is None else level.on_test
    steps["seed"] = _seed_step(chosen, figure.spread, level.records)
    last = max(chosen) if steps["seed"].measured else statistics.fmean(chosen)

    causes = _causes(reached.cell, used, paper)
    why = "everything that was not measured: " + "; ".join(in_words(causes) or ("no known difference",))
    rest = (last - figure.value,) * len(chosen)
    steps["residual"] = Step("residual", STEPS["residual"], REST, rest, why, records=level.records)
    return Waterfall(
        dataset,
        here.cell.system,
        row,
        figure.value,
        tuple(steps[name] for name in STEPS),
        here.level.on_dev,
        tuple(value - figure.value for value in level.on_dev),
        here.level.records,
        level.records,
        causes,
        moves,
    )


def _condition_step(name: str, here: Scored, theirs: str, moves: Sequence[Move]) -> Step:
    """The step of a condition that only other runs can tell."""
    title, ours = TITLES[name], here.conditions[name]
    for move in moves:
        if name == move.names[0]:
            found = Step(name, move.title, MEASURED, None, move.why, change=move.points, records=move.records)
            return replace(found, error=move.error, machines=move.machines)
        if name in move.names:
            joint = TITLES[move.names[0]].lower()
            return Step(name, title, MEASURED, None, f"changed together with the {joint}", f"with {joint}")
    if theirs == UNKNOWN:
        return Step(name, title, MEASURED, None, f"the row's {title.lower()} is not known", NOT_KNOWN)
    if here.fits(name, theirs):
        return Step(name, title, MEASURED, None, f"both {ours}", SAME)
    why = f"no kept results of {here.cell.system} with {theirs} for {ours}"
    return Step(name, title, MEASURED, None, why, NOT_MEASURED)


def _version_step(reached: Scored, level: Picked, ours: str, theirs: str) -> Step:
    title = STEPS["version"]
    if theirs == ours:
        return Step("version", title, MEASURED, None, f"both on the {ours} version", SAME)
    if theirs == UNKNOWN:
        return Step("version", title, MEASURED, None, "whose version the row used is not stated", NOT_KNOWN)
    other = picked(reached.runs, STANDARD, theirs)
    if isinstance(other, str):
        return Step("version", title, MEASURED, None, other, NOT_MEASURED)
    why = f"same predictions on the sentences of the {theirs} version, then on ours ({ours})"
    return _paired("version", MEASURED, _minus(level, other), why, level.records)


def _scorer_step(
    reached: Scored, level: Picked, version: str, program: str, dataset: str, paper: Paper
) -> tuple[Step, str | None]:
    title = STEPS["scorer"]
    if program == UNKNOWN:
        return Step("scorer", title, MEASURED, None, "the row's scorer is not known", NOT_KNOWN), None
    scorer = scorer_of(program, dataset, paper)
    if scorer is None:
        return Step("scorer", title, MEASURED, None, f"{program} is not among the scorers", NOT_MEASURED), None
    if scorer == STANDARD:
        why = "both under conlleval" if program == STANDARD else f"{program} counts as conlleval does here"
        return Step("scorer", title, MEASURED, None, why, SAME), None
    other = picked(reached.runs, scorer, version)
    if isinstance(other, str):
        return Step("scorer", title, MEASURED, None, other, NOT_MEASURED), None
    why = f"same predictions under {scorer}, then under {STANDARD}"
    return _paired("scorer", MEASURED, _minus(level, other), why, level.records), scorer


def _epoch_step(level: Picked) -> Step:
    title = STEPS["epoch"]
    if level.on_test is None:
        why = "predictions of single epochs were not kept by every run"
        return Step("epoch", title, SUPPOSED, None, why, NOT_MEASURED)
    why = "if the authors picked the epoch on test: best epoch on test, then the one chosen on dev"
    lost = tuple(dev - test for dev, test in zip(level.on_dev, level.on_test, strict=True))
    return _paired("epoch", SUPPOSED, lost, why, level.records)


def _seed_step(values: tuple[float, ...], spread: float | None, records: tuple[str, ...]) -> Step:
    title = STEPS["seed"]
    if spread is not None:
        why = "the row prints a ±, so its number is a mean over runs"
        return Step("seed", title, SUPPOSED, None, why, NOT_APPLICABLE)
    if len(values) < 2:
        return Step("seed", title, SUPPOSED, None, "one run: there is no best of several", NOT_MEASURED)
    why = f"if the authors printed their best run: best of our {len(values)}, then their mean"
    return Step("seed", title, SUPPOSED, tuple(value - max(values) for value in values), why, records=records)


def _paired(name: str, kind: str, values: tuple[float, ...], why: str, records: tuple[str, ...]) -> Step:
    """A step between two scores of the same runs, with its standard error where there are several."""
    error = None
    if len(values) > 1:
        error = statistics.stdev(values) / math.sqrt(len(values)), f"paired, {len(values)} runs scored twice"
    return Step(name, STEPS[name], kind, values, why, records=records, error=error)


def _causes(cell: ScoredCell, used: Used, paper: Paper) -> tuple[Reason, ...]:
    """Known differences that no step accounts for, then what is not known of the row."""
    reasons, caveats = comparability(cell, used, paper)
    return (*reasons, *(one for one in caveats if one.kind in OF_TRAINING and one.theirs != INFERRED))


def _minus(ours: Picked, theirs: Picked) -> tuple[float, ...]:
    return tuple(one - other for one, other in zip(ours.on_dev, theirs.on_dev, strict=True))


def _known(level: Picked | str) -> Picked:
    if isinstance(level, str):
        raise ValueError(level)
    return level
