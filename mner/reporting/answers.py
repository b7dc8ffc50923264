"""The answer for each headline system and data set: printed F1, verdict, our mean, and where the gap goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mner.evaluation.conditions import Scored
from mner.evaluation.paper import Paper, PaperRow
from mner.evaluation.verdicts import NOT_COMPARABLE, Verdict, judge
from mner.evaluation.waterfall import Waterfall, waterfalls
from mner.reporting.cells import Cited, Measured, Printed, State
from mner.reporting.gap_parts import Gap, gap_of
from mner.reporting.kept_cells import DATASETS, KeptCells
from mner.reporting.results import mean_of
from mner.reporting.run_facts import as_scored, dataset_title, from_paper

HEADLINES = {"rgcn": "R-GCN", "ita-all-cva": "ITA"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader asks first of one system on one data set.

    ``ours`` is scored by conlleval, ``scored`` by the scorer of the printed row; ``difference`` is ``scored``
    minus ``printed``. ``start`` is the mean of the runs where ``gap`` ends.
    """

    system: str
    dataset: str
    row: PaperRow
    printed: Printed
    verdict: Verdict
    cell: Scored
    ours: Cited
    scored: Cited
    difference: Measured | State
    gap: Gap
    fall: Waterfall
    start: Cited

    @property
    def title(self) -> str:
        return HEADLINES[self.system]

    @property
    def dataset_title(self) -> str:
        return dataset_title(self.dataset)

    @property
    def encoder(self) -> str:
        return self.cell.cell.encoder_name

    @property
    def differing(self) -> tuple[str, ...]:
        """Kinds of conditions that differ from the printed row's, each once."""
        return tuple(dict.fromkeys(reason.kind.value for reason in self.verdict.reasons))

    @property
    def is_judged(self) -> bool:
        """Whether the verdict says anything of the printed number."""
        return self.verdict.name != NOT_COMPARABLE


def answers(kept: KeptCells, paper: Paper, margin: float, alpha: float) -> tuple[Answer, ...]:
    """Answer for every headline system on every data set where we have a number, the system's together."""
    return tuple(
        found
        for system in HEADLINES
        for dataset in DATASETS
        if (found := _answer(kept, paper, dataset, system, margin, alpha)) is not None
    )


def _answer(
    kept: KeptCells, paper: Paper, dataset: str, system: str, margin: float, alpha: float
) -> Answer | None:
    cell, rows = kept.best(dataset, system), paper.rows_for(dataset, system)
    if cell is None or not rows:
        return None
    row = rows[0][1]
    figure = row.figure(dataset, "F1")
    verdict = judge(cell.cell, row, paper, margin, alpha, cell.runs)
    if figure is None or verdict is None:
        return None
    scored = as_scored(verdict)
    if not isinstance(scored, Cited):
        return None
    fall = _fall(kept, paper, cell, row)
    return Answer(
        system,
        dataset,
        row,
        Printed(figure, row.source),
        verdict,
        cell,
        mean_of(cell.level.on_dev, cell.level.records),
        scored,
        from_paper(verdict, figure),
        gap_of(fall),
        fall,
        mean_of(fall.ours, fall.records),
    )


def _fall(kept: KeptCells, paper: Paper, cell: Scored, row: PaperRow) -> Waterfall:
    """Give the waterfall that passes through ``cell``, from a cheaper profile where one leads there."""
    own = None
    for fall in _falls(kept, paper, cell, row):
        if fall.moves and fall.moves[-1].after.profile == cell.profile:
            return fall
        if fall.records == cell.level.records:
            own = fall
    if own is None:
        raise ValueError(f"{cell.profile} holds no waterfall of {row.id} on {cell.cell.dataset}")
    return own


def _falls(kept: KeptCells, paper: Paper, cell: Scored, row: PaperRow) -> Iterator[Waterfall]:
    dataset, system = cell.cell.dataset, cell.cell.system
    for one in kept.profiles:
        name = one.scores.profile
        if (name, dataset, system) in kept.cells:
            scores = replace(one.scores, cells=(kept.cells[name, dataset, system].cell,))
            found = waterfalls(scores, one.rescored, paper, kept.others(name))
            yield from (fall for fall in found if fall.row.id == row.id)
