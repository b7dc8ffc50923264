"""From a printed number to ours in steps that add up: what the rest, choices, lens and data copy account for.

Ours is a level per run: standard lens, own copy, epoch chosen on dev, mean over seeds. Going back towards the
paper, one condition is changed at a time (copy, lens, epoch chosen on test, best seed); each step is the
difference of two neighbouring levels, and the remainder is what is left to the printed number. The sum is
therefore exact by construction, and a step that cannot be measured is a state and counts in the remainder.

Copy and lens are known conditions of a printed row. Whether its authors picked epoch or seed on test is mostly not
known: those steps say what the choice *would* account for, and ``unpicked`` is the remainder without them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mner.evaluation.selection import picked
from mner.evaluation.verdicts import comparability
from mner.reporting.paper import UNKNOWN, Paper, PaperRow

STANDARD = "conlleval"
LENS_OF_SCORER = {name: name for name in ("conlleval", "umt", "umgf", "ncrfpp", "strict", "ita")} | {
    "rgcn": "rgcn-64"
}
MEASURED, SUPPOSED, REST = "measured", "supposed", "rest"
SAME, NOT_MEASURED, NOT_KNOWN, NOT_APPLICABLE = "same", "not measured", "not known", "does not apply"


@dataclass(frozen=True, slots=True)
class Step:
    """One bar: F1 points by run from paper towards ours, or (``values`` None) a ``state`` in words and why.

    ``kind`` is ``measured`` (a known condition of the printed row, re-scored), ``supposed`` (a choice the authors
    may or may not have made) or ``rest``.
    """

    name: str
    title: str
    kind: str
    values: tuple[float, ...] | None
    why: str
    state: str = ""

    @property
    def points(self) -> float:
        """Mean over runs in F1 points; 0 where nothing was measured."""
        return statistics.fmean(self.values) if self.values is not None else 0.0


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A printed F1, the steps from it to our mean, and the records that every step rests on.

    ``ours`` holds F1 in percent by run, in the order of ``records``; ``unpicked`` is the remainder by run if the
    authors picked neither epoch nor seed; ``causes`` are known differences that the remainder holds.
    """

    dataset: str
    system: str
    row: PaperRow
    printed: float
    steps: tuple[Step, ...]
    ours: tuple[float, ...]
    unpicked: tuple[float, ...]
    records: tuple[str, ...]
    causes: tuple[str, ...]

    def __post_init__(self) -> None:
        total = math.fsum([self.printed, *(step.points for step in self.steps)])
        if abs(total - statistics.fmean(self.ours)) > 1e-9 * 100:
            raise ValueError(f"waterfall of {self.row.id}: the steps lead to {total}, not to {self.ours}")


def waterfalls(scores: Mapping[str, Any], lenses: Mapping[str, Any], paper: Paper) -> tuple[Waterfall, ...]:
    """One for every finished cell and printed row that gives its system an F1 on its data set."""
    made = []
    for cell in scores["cells"]:
        if cell["state"] != "finished":
            continue
        place = cell["dataset"], cell["system"]
        runs = [run for run in lenses["runs"] if (run["dataset"], run["system"]) == place]
        made += [_waterfall(cell, runs, row, paper) for _, row in paper.rows_for(*place)]
    return tuple(made)


def _waterfall(
    cell: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], row: PaperRow, paper: Paper
) -> Waterfall:
    dataset = cell["dataset"]
    figure, used = row.figure(dataset, "F1"), row.used[dataset]
    if figure is None:
        raise ValueError(f"row {row.id} prints no F1 on {dataset}")
    base = picked(runs, STANDARD)
    if isinstance(base, str):
        raise ValueError(f"{dataset} {cell['system']}: {base}")
    level, copy = base, cell["data_copy"]

    copy_step, found = _copy_step(runs, level.on_dev, copy, used.copy)
    if found:
        copy, level = used.copy, _known(picked(runs, STANDARD, used.copy))
    lens_step, lens = _lens_step(runs, level.on_dev, copy, used.scorer, dataset, paper)
    if lens:
        level = _known(picked(runs, lens, copy))
    after_lens = level.on_dev

    epoch_step = _epoch_step(level.on_dev, level.on_test)
    chosen = level.on_dev if level.on_test is None else level.on_test
    seed_step = _seed_step(chosen, figure.spread)
    last = statistics.fmean(chosen) if seed_step.values is None else max(chosen)

    causes = _causes(cell, row, paper)
    rest = Step(
        "remainder",
        "Remainder",
        REST,
        (last - figure.value,) * len(runs),
        "everything that was not measured: " + "; ".join(causes or ("no known difference",)),
    )
    unpicked = tuple(value - figure.value for value in after_lens)
    steps = (rest, seed_step, epoch_step, lens_step, copy_step)
    return Waterfall(
        dataset, cell["system"], row, figure.value, steps, base.on_dev, unpicked, base.records, causes
    )


def _copy_step(
    runs: Sequence[Mapping[str, Any]], now: tuple[float, ...], ours: str, theirs: str
) -> tuple[Step, bool]:
    title = "Data copy"
    if theirs == ours:
        return Step("copy", title, MEASURED, None, f"both on the {ours} copy", SAME), False
    if theirs == UNKNOWN:
        return Step("copy", title, MEASURED, None, "whose copy the row used is not stated", NOT_KNOWN), False
    other = picked(runs, STANDARD, theirs)
    if isinstance(other, str):
        return Step("copy", title, MEASURED, None, other, NOT_MEASURED), False
    why = f"same predictions on the sentences of the {theirs} copy, then on ours ({ours})"
    return Step("copy", title, MEASURED, _minus(now, other.on_dev), why), True


def _lens_step(
    runs: Sequence[Mapping[str, Any]],
    now: tuple[float, ...],
    copy: str,
    scorer: str,
    dataset: str,
    paper: Paper,
) -> tuple[Step, str | None]:
    title = "Lens"
    if scorer == UNKNOWN:
        return Step("lens", title, MEASURED, None, "the row's scorer is not known", NOT_KNOWN), None
    lens = LENS_OF_SCORER.get(scorer)
    if lens is None:
        agrees = dataset in paper.scorers[scorer].same_as_ours
        why = f"{scorer} {'counts as conlleval does here' if agrees else 'is not among the lenses'}"
        return Step("lens", title, MEASURED, None, why, SAME if agrees else NOT_MEASURED), None
    if lens == STANDARD:
        return Step("lens", title, MEASURED, None, "both under conlleval", SAME), None
    other = picked(runs, lens, copy)
    if isinstance(other, str):
        return Step("lens", title, MEASURED, None, other, NOT_MEASURED), None
    why = f"same predictions under {lens}, then under {STANDARD}"
    return Step("lens", title, MEASURED, _minus(now, other.on_dev), why), lens


def _epoch_step(on_dev: tuple[float, ...], on_test: tuple[float, ...] | None) -> Step:
    title = "Epoch picked on test"
    if on_test is None:
        why = "predictions of single epochs were not kept by every run"
        return Step("epoch", title, SUPPOSED, None, why, NOT_MEASURED)
    why = "if the authors picked the epoch on test: best epoch on test, then the one chosen on dev"
    return Step("epoch", title, SUPPOSED, _minus(on_dev, on_test), why)


def _seed_step(values: tuple[float, ...], spread: float | None) -> Step:
    title = "Best seed picked"
    if spread is not None:
        why = "the row prints a ±, so its number is a mean over runs"
        return Step("seed", title, SUPPOSED, None, why, NOT_APPLICABLE)
    if len(values) < 2:
        return Step("seed", title, SUPPOSED, None, "one run: there is no best of several", NOT_MEASURED)
    why = f"if the authors printed their best run: best of our {len(values)}, then their mean"
    return Step("seed", title, SUPPOSED, tuple(value - max(values) for value in values), why)


def _causes(cell: Mapping[str, Any], row: PaperRow, paper: Paper) -> tuple[str, ...]:
    """Known differences that no step accounts for, then what is not known of the row."""
    reasons, doubts = comparability(cell, row.used[cell["dataset"]], cell["dataset"], paper)
    apart = ("scorer", "data copy")
    kept = [reason for reason in reasons if not reason.startswith(apart)]
    kept.append(f"epochs: ours {cell['recipe']['epochs']}")
    kept += [doubt for doubt in doubts if doubt.startswith(("encoder", "visual")) and "inferred" not in doubt]
    return tuple(kept)


def _minus(ours: tuple[float, ...], theirs: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(one - other for one, other in zip(ours, theirs, strict=True))


def _known(level: Any) -> Any:
    if isinstance(level, str):
        raise ValueError(level)
    return level
