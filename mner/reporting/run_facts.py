"""What a report says of runs: titles, cells, speeds by device, and the numbers a verdict rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mner.evaluation.paper import Figure
from mner.evaluation.score_results import ScoredCell, ScoredRun
from mner.evaluation.verdicts import Verdict
from mner.reporting.cells import NOT_PRINTED, Cell, Cited, Measured, State, cited
from mner.reporting.results import mean_of

_TITLES = {
    "twitter2015": "Twitter-2015",
    "twitter2017": "Twitter-2017",
    "controls-positive": "Positive control",
    "controls-negative": "Negative control",
    "controls-neighbours": "Neighbour control",
}


def dataset_title(dataset: str) -> str:
    """The data set's name for readers; its own where nothing else is agreed on."""
    return _TITLES.get(dataset, dataset)


def f1_on_test(run: ScoredRun) -> Cited:
    """F1 on test with the tweets' own pictures."""
    return _of(run, run.views["test.own"].f1)


def f1_on_dev(run: ScoredRun) -> Cited | State:
    """F1 on dev at the epoch that was picked by it; a dash where none was picked."""
    best = run.best_epoch
    return State("–") if best is None else _of(run, run.dev_f1[best])


def epoch(run: ScoredRun) -> str:
    """The epoch that was picked, counted from one, and how many there were."""
    best = run.best_epoch
    return "–" if best is None else f"{best + 1} of {len(run.dev_f1)}"


def commit(run: ScoredRun) -> str:
    """The commit a run was made from, and whether files differed from it."""
    git = run.git
    return (git["commit"] or "unknown")[:10] + (" (dirty)" if git["dirty"] else "")


def train_again(profile: str, dataset: str, system: str, seed: int | None = None) -> str:
    """The command that trains a cell, or one seed of it, in a fresh clone: its inputs are built before."""
    which = f"{dataset} {system}" if seed is None else f"{dataset} {system} --seed {seed}"
    return f"mner profile {profile} && dvc repro data features graphs && mner run {which}"


def _of(run: ScoredRun, value: float) -> Cited:
    return Cited(value, (run.record,), (value,))


MARKS = "abcdefghij"


def device_marks(cells: Iterable[ScoredCell]) -> dict[str, str]:
    """Footnote mark of every device that a speed of these cells of ``scores.json`` was measured on."""
    names = sorted({name for cell in cells for name in cell.throughput})
    return {name: MARKS[i] if i < len(MARKS) else f"({name})" for i, name in enumerate(names)}


def training_speed(cell: ScoredCell | None, devices: Mapping[str, str]) -> Cell:
    """Sentences per second while training, marked as soon as ``devices`` are more than one."""
    measured = {} if cell is None else cell.throughput
    if not measured:
        return State("–", "no speed was measured")
    if len(measured) > 1:
        return State("see cost.md", "measured on several devices")
    ((device, values),) = measured.items()
    mark = f" ({devices[device]})" if len(devices) > 1 else ""
    return cited(values["train_sentences_per_second"], digits=0, mark=mark)


def speed_note(devices: Mapping[str, str]) -> str:
    """What the column of speeds holds, and on which hardware; empty where nothing was timed."""
    if not devices:
        return ""
    what = "Sentences/s: while training, mean ± s.d. over runs, on"
    if len(devices) == 1:
        return f"{what} {next(iter(devices))}."
    named = ", ".join(f"({mark}) {name}" for name, mark in devices.items())
    return f"{what} several devices; numbers with different marks are not comparable: {named}."


def as_scored(verdict: Verdict | None) -> Cited | State:
    """Our mean F1 by the rule of the printed row; a dash where nothing was held against one."""
    if verdict is None or verdict.ours is None:
        return NOT_PRINTED
    return mean_of(verdict.ours.values, verdict.ours.records)


def from_paper(verdict: Verdict | None, figure: Figure | None) -> Measured | State:
    """That mean minus the printed F1, rounded such that the three numbers add up as printed."""
    ours = as_scored(verdict)
    if verdict is None or figure is None or not isinstance(ours, Cited):
        return NOT_PRINTED
    method = f"mean of ours, scored by {verdict.rule}, minus the printed F1"
    shown = round(ours.value, ours.digits) - figure.value
    return Measured(ours.value - figure.value, ours.records, method, signed=True, shown=shown)


def in_words(verdict: Verdict, figure: Figure | None) -> str:
    """Both for a terminal, with the rule; empty where nothing was held against the printed row."""
    if verdict.ours is None:
        return ""
    return f"ours {as_scored(verdict).plain()} by {verdict.rule}, {from_paper(verdict, figure).plain()} from paper"
