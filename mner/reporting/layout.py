"""From scores and printed numbers to the sections of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mner.data.corpus import TYPES
from mner.evaluation.paper import METRICS, Paper, PaperRow, PaperTable
from mner.evaluation.rescored_results import RescoredRun
from mner.evaluation.score_results import ScoredCell
from mner.evaluation.verdicts import Verdict, judge
from mner.reporting.cells import NOT_PRINTED, Cell, Printed, cited, missing
from mner.reporting.control_checks import are_controls
from mner.reporting.results import Results
from mner.reporting.row_scores import under_scorer
from mner.reporting.run_facts import as_scored, dataset_title, from_paper
from mner.reporting.text_only import TextOnlyBaselines, ablation_cells, has_number, text_only_baselines

OVERALL = ("P", "R", "F1")
GROUPS = {"text": "Text", "text+image": "Text + image", "": ""}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a report on one data set; ``row`` and ``verdict`` are None where no paper has such a row.

    ``ours`` holds our numbers under conlleval, ``rescored`` those under the printed row's scorer, as far as it is
    known and can be run. ``text_only`` are the text-only systems with the same encoder.
    """

    id: str
    system: str
    label: str
    group: str
    dataset: str
    row: PaperRow | None
    cell: ScoredCell | None
    verdict: Verdict | None
    paper: Mapping[str, Cell]
    ours: Mapping[str, Cell]
    rescored: Mapping[str, Cell]
    probes: Mapping[str, Cell]
    text_only: TextOnlyBaselines

    def paper_of(self, metric: str) -> Cell:
        """Printed number; types of a data set's own label set are never printed."""
        return self.paper.get(metric, NOT_PRINTED)

    def ours_of(self, metric: str) -> Cell:
        """Our number; a line without numbers says why under every metric."""
        return self.ours.get(metric, self.ours["F1"] if not self.finished else missing(None))

    @property
    def finished(self) -> bool:
        """Whether we have a number for this line."""
        return self.cell is not None and self.cell.is_finished

    @property
    def scored(self) -> Cell:
        """Our F1 by the rule that the verdict was taken under."""
        return as_scored(self.verdict) if self.finished else self.ours["F1"]

    @property
    def difference(self) -> Cell:
        """That F1 minus the printed one."""
        figure = self.row.figure(self.dataset, "F1") if self.row else None
        return from_paper(self.verdict, figure) if self.finished else NOT_PRINTED


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of a section on one data set."""

    dataset: str
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        return dataset_title(self.dataset)

    def has_ablations(self) -> bool:
        """Whether any line was also predicted with another picture or none."""
        return any(has_number(line.probes.values()) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Section:
    """A published table with our numbers, or (``table`` None) the rows no paper has."""

    id: str
    title: str
    table: PaperTable | None
    blocks: tuple[Block, ...]

    def has_results(self) -> bool:
        """Whether any number of ours stands in it."""
        return any(line.finished for block in self.blocks for line in block.lines)


def sections(results: Results, paper: Paper, margin: float, alpha: float) -> tuple[Section, ...]:
    """Every published table, then the profile's rows that no table has (section ``others``, if there are any).

    A profile of generated corpora has no published tables. Data sets stand in the profile's order.
    """
    scores = results.scores
    controls = are_controls(scores.datasets)
    order = {dataset: place for place, dataset in enumerate(scores.datasets)}
    cells = scores.cells_by_place
    made = []
    for table in () if controls else paper.tables:
        blocks = [
            Block(
                dataset,
                tuple(
                    _line(dataset, row, system, results, cells.get((dataset, system)), paper, margin, alpha)
                    for row in table.rows
                    for system in row.systems
                ),
            )
            for dataset in sorted(table.datasets, key=lambda name: order.get(name, len(order)))
        ]
        made.append(Section(table.id, table.title, table, tuple(blocks)))
    covered = {(line.dataset, line.system) for section in made for block in section.blocks for line in block.lines}
    blocks = [
        Block(dataset, tuple(_own_line(results, cells[dataset, system]) for system in systems))
        for dataset in scores.datasets
        if (systems := [system for system in scores.systems if (dataset, system) not in covered])
    ]
    title = "F1 on the generated corpora" if controls else "Rows without a published counterpart"
    others = [Section("others", title, None, tuple(blocks))] if blocks else []
    return (*made, *others)


def _line(
    dataset: str,
    row: PaperRow,
    system: str,
    results: Results,
    cell: ScoredCell | None,
    paper: Paper,
    margin: float,
    alpha: float,
) -> Line:
    printed = {}
    for metric in METRICS:
        figure = row.figure(dataset, metric)
        printed[metric] = Printed(figure, row.source) if figure else NOT_PRINTED
    absent = ScoredCell(dataset, system, "not-run")
    verdict = judge(cell or absent, row, paper, margin, alpha, results.runs(dataset, system))
    label, group = row.label + row.mark, GROUPS[row.modality]
    own, ours = system == row.system, _ours(cell)
    return Line(
        row.id if own else f"{row.id}-by-{system}",
        system,
        label if own else f"{label} ({system})",
        group,
        dataset,
        row,
        cell,
        verdict,
        printed,
        ours,
        _rescored(ours, verdict, results.runs(dataset, system)),
        *_picture(cell, results),
    )


def _own_line(results: Results, cell: ScoredCell) -> Line:
    nothing = dict.fromkeys(METRICS, NOT_PRINTED)
    name, dataset = cell.system, cell.dataset
    ours = _ours(cell)
    return Line(name, name, name, "", dataset, None, cell, None, nothing, ours, ours, *_picture(cell, results))


def _rescored(
    ours: Mapping[str, Cell], verdict: Verdict | None, runs: Sequence[RescoredRun]
) -> Mapping[str, Cell]:
    """Our numbers under the scorer that the verdict was taken under; as they are where there is none."""
    held = verdict.ours if verdict else None
    found = under_scorer(runs, held.scorer, held.version) if held else None
    return found or ours


def _picture(cell: ScoredCell | None, results: Results) -> tuple[dict[str, Cell], TextOnlyBaselines]:
    """Probes of a cell, and the text-only systems to compare it with."""
    return ablation_cells(cell, results.statistics), text_only_baselines(cell, results.scores.cells)


def _ours(cell: ScoredCell | None) -> dict[str, Cell]:
    if cell is None or not cell.is_finished:
        return dict.fromkeys(METRICS, missing(cell))
    view = cell.views["test.own"]
    overall = dict(zip(OVERALL, map(cited, (view.precision, view.recall, view.f1)), strict=True))
    return {**{kind: cited(value) for kind, value in view.types.items()}, **overall}


def types_of(lines: Iterable[Line]) -> tuple[str, ...]:
    """List the types that finished lines have numbers of; the four public types where none is finished."""
    found = dict.fromkeys(kind for line in lines if line.finished for kind in line.ours if kind not in OVERALL)
    return tuple(found) or TYPES
