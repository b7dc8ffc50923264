"""Which comparisons of the active profile are settled, and how many seeds of each cell the others need next.

A cell has a question to each text-only row of its encoder (a row with a picture minus that row: the primary
family of its data set), and one to the rows that papers print of it, where its runs are comparable with these.
Each question is looked at where all its runs up to a look are there (``mner.evaluation.sequential``). Nothing
is remembered: the answer follows from the finished runs, so a sweep that was interrupted settles as one that
was not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mner.config import Config
from mner.data.spans import sentence_counts
from mner.evaluation.averages import average_cell, text_encoder
from mner.evaluation.comparable import comparability
from mner.evaluation.evaluate import RESAMPLING_SEED
from mner.evaluation.paper import Paper
from mner.evaluation.power import Spread
from mner.evaluation.profile_scores import scores_below
from mner.evaluation.scoring import gold_reader, score_profile
from mner.evaluation.sequential import Finding, finding_of, levels_of, looks_of, simulate
from mner.evaluation.significance import Side, compare_sides
from mner.evaluation.statistics import ALPHA, RunCounts
from mner.evaluation.tag_reader import TagReader
from mner.evaluation.verdicts import ABOVE, BELOW, NOT_COMPARABLE, REPRODUCED, judge
from mner.tracking.evidence import check_evidence
from mner.tracking.run_places import run_folder
from mner.training.experiment import Cell

Place = tuple[str, str]
PRINTED = "printed"
SETTLED = (REPRODUCED, BELOW, ABOVE, NOT_COMPARABLE)
"""Verdicts that more seeds would not change, or that no seeds would."""
TRIALS = 4000


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a cell: its F1 minus that of a text-only row, or minus what is printed.

    ``alpha`` is the level of the whole sequence of looks.
    """

    dataset: str
    system: str
    against: str
    alpha: float

    @property
    def cells(self) -> tuple[Place, ...]:
        """Data set and system of every cell whose runs answer it."""
        own = (self.dataset, self.system)
        return (own,) if self.against == PRINTED else (own, (self.dataset, self.against))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a question.

    ``seeds`` a side were looked at if it is settled, or if all are there; else so many are needed for the next
    look.
    """

    question: Question
    finding: str
    seeds: int
    is_settled: bool
    looked: int = 0


Test = Callable[[Question, Sequence[int], float], str | None]
"""Tells what a question's runs of some seeds show at a level: a settled finding, or None."""


def questions_of(config: Config, root: Path, paper: Paper) -> list[Question]:
    """List the questions of the active profile; a pair's level is shared out over the pairs of its data set.

    A profile of a single seed has none, for a single run has no spread.
    """
    if len(config.active.seeds) < 2:
        return []
    cells = [Cell(config, dataset, system, root) for dataset, system in config.active.cells]
    cells = [cell for cell in cells if cell.skip_reason() is None]
    asked = []
    for dataset in config.active.datasets:
        here = [cell for cell in cells if cell.dataset == dataset]
        pairs = [(cell.system, text.system) for cell in here for text in here if _is_pair(cell, text)]
        asked += [Question(dataset, system, text, ALPHA / len(pairs)) for system, text in pairs]
        printed = [cell.system for cell in here if paper.rows_for(dataset, cell.system)]
        asked += [Question(dataset, system, PRINTED, config.verify.alpha) for system in printed]
    return asked


def _is_pair(cell: Cell, text: Cell) -> bool:
    return cell.visual_input() != "none" and text.visual_input() == "none" and _reader(cell) == _reader(text)


def _reader(cell: Cell) -> str:
    found = text_encoder({"name": cell.encoder.name}, cell.options)
    return "" if found is None else found.name


def answer(
    question: Question, seeds: Sequence[int], finished: Mapping[Place, AbstractSet[int]], test: Test
) -> Answer:
    """Look at a question wherever its runs are complete, from the first look on.

    Args:
        question: what is asked.
        seeds: all that are planned, in their order; a look reads the first ones.
        finished: seeds of the finished runs, by cell.
        test: what is done at a look.
    """
    looks, looked = looks_of(len(seeds)), 0
    for look, level in zip(looks, levels_of(looks, question.alpha), strict=True):
        first = seeds[:look]
        if not all(set(first) <= finished.get(cell, frozenset()) for cell in question.cells):
            return Answer(question, Finding.OPEN, look, False, looked)
        found, looked = test(question, first, level), look
        if found is not None:
            return Answer(question, found, look, True, look)
    return Answer(question, Finding.OPEN, looks[-1], False, looked)


def wanted_seeds(answers: Sequence[Answer], cells: Sequence[Place], seeds: int) -> dict[Place, int]:
    """Say how many of its planned seeds each cell is to have now: all of them where nothing is asked of it."""
    wanted = dict.fromkeys(cells, 0)
    for one in answers:
        for cell in one.question.cells:
            wanted[cell] = max(wanted.get(cell, 0), one.seeds)
    asked = {cell for one in answers for cell in one.question.cells}
    return {cell: wanted[cell] if cell in asked else seeds for cell in cells}


class RunTests:
    """Tests questions on the finished runs of the active profile, whose evidence is checked first."""

    def __init__(self, config: Config, root: Path, paper: Paper) -> None:
        self._config, self._root, self._paper = config, root, paper
        self._gold, self._tags = gold_reader(root / "data"), TagReader()
        self._counts: dict[tuple[str, str, int], np.ndarray] = {}

    @property
    def margin(self) -> float:
        """Points of F1 below which a difference counts as none."""
        return self._config.verify.margin

    def __call__(self, question: Question, seeds: Sequence[int], level: float) -> str | None:
        """Test a question on the runs of some seeds; see :data:`Test`."""
        if question.against == PRINTED:
            return self._printed(question, tuple(seeds), level)
        a, b = self._sides(question, seeds)
        tested = compare_sides(a, b, 1 - 2 * level)
        found = finding_of(tested, (100 * tested.low, 100 * tested.high), self.margin, level)
        return None if found is Finding.OPEN else found.value

    def spread(self, question: Question, seeds: Sequence[int]) -> tuple[float, Spread]:
        """Give the difference that the runs of some seeds (at least two) show, and what moves it, in points."""
        a, b = self._sides(question, seeds)
        tested = compare_sides(a, b)
        run = float(np.mean([side.f1.var(ddof=1) for side in (a, b)])) ** 0.5
        lasting = tested.lasting_deviation or 0.0
        return 100 * tested.difference, Spread(100 * run, 100 * lasting, a.counts.shape[1])

    def _sides(self, question: Question, seeds: Sequence[int]) -> tuple[Side, Side]:
        a, b = (self._side(place, seeds) for place in question.cells)
        return a, b

    def _side(self, place: Place, seeds: Sequence[int]) -> Side:
        counts: RunCounts = np.stack([self._counted(*place, seed) for seed in seeds])
        return Side.of(counts, np.random.default_rng(RESAMPLING_SEED))

    def _counted(self, dataset: str, system: str, seed: int) -> np.ndarray:
        if (dataset, system, seed) not in self._counts:
            folder = run_folder(self._root, self._config.active.name, dataset, system, seed)
            check_evidence(folder, self._root / "data")
            gold = self._tags.gold(self._gold(dataset, "test"))
            predicted = self._tags.read(folder / "test.own.jsonl")
            self._counts[dataset, system, seed] = sentence_counts(gold, predicted)
        return self._counts[dataset, system, seed]

    def is_comparable(self, question: Question, seeds: Sequence[int]) -> bool:
        """Whether runs of some seeds were made as one of the printed rows was; True without any run."""
        if question.against != PRINTED or not seeds:
            return True
        dataset, system = question.cells[0]
        name, runs = self._config.active.name, self._root / "runs"
        scores = score_profile(runs, self._gold, name, (dataset,), (system,), seeds[:1], self._tags)
        cell = average_cell(dataset, system, seeds[:1], scores.runs)
        rows = [row for _, row in self._paper.rows_for(dataset, system)]
        return any(not comparability(cell, row.used[dataset], self._paper)[0] for row in rows)

    def _printed(self, question: Question, seeds: tuple[int, ...], level: float) -> str | None:
        """Give the verdicts on all printed rows of a cell if none of them is open."""
        place = question.cells[0]
        active = replace(self._config.active, datasets=place[:1], systems=place[1:], seeds=seeds)
        rows = [row for _, row in self._paper.rows_for(*place)]
        found = scores_below(replace(self._config, active=active), self._root)
        scored = [run for run in found.rescored.runs if (run.dataset, run.system) == place]
        cell = found.scores.cells_by_place[place]
        verdicts = [judge(cell, row, self._paper, self.margin, level, scored) for row in rows]
        names = list(dict.fromkeys(verdict.name for verdict in verdicts if verdict is not None))
        return ", ".join(names) if all(name in SETTLED for name in names) else None


@dataclass(frozen=True, slots=True)
class Settling:
    """All answers of a profile, the seeds each cell is to have now, and those it is expected to have in the end.

    ``unknown`` counts open questions of which too few runs are finished to expect anything but all seeds.
    """

    answers: tuple[Answer, ...]
    wanted: Mapping[Place, int]
    expected: Mapping[Place, float]
    unknown: int
    planned: int

    @property
    def saved(self) -> float:
        """Runs that are expected to be spared, of those that are planned."""
        return self.planned * len(self.expected) - sum(self.expected.values())


def settling_of(
    questions: Sequence[Question],
    cells: Sequence[Place],
    seeds: Sequence[int],
    finished: Mapping[Place, AbstractSet[int]],
    tests: RunTests,
) -> Settling:
    """Answer all questions, and follow the open ones in simulation from what their runs show so far."""
    answers = tuple(_answer_if_comparable(question, seeds, finished, tests) for question in questions)
    paths: dict[Place, list[np.ndarray]] = {cell: [] for cell in cells}
    unknown = 0
    for one in answers:
        ahead = _ahead(one, seeds, finished, tests)
        unknown += ahead is None
        for cell in one.question.cells:
            paths[cell].append(np.full(TRIALS, len(seeds)) if ahead is None else ahead)
    expected = {
        cell: float(np.max(found, axis=0).mean()) if found else float(len(seeds)) for cell, found in paths.items()
    }
    return Settling(answers, wanted_seeds(answers, cells, len(seeds)), expected, unknown, len(seeds))


def _answer_if_comparable(
    question: Question, seeds: Sequence[int], finished: Mapping[Place, AbstractSet[int]], tests: RunTests
) -> Answer:
    there = [seed for seed in seeds if seed in finished.get(question.cells[0], frozenset())]
    if not tests.is_comparable(question, there):
        return Answer(question, NOT_COMPARABLE, 0, True)
    return answer(question, seeds, finished, tests)


def _ahead(
    one: Answer, seeds: Sequence[int], finished: Mapping[Place, AbstractSet[int]], tests: RunTests
) -> np.ndarray | None:
    """Simulate at how many seeds a question will end; None where nothing tells it."""
    if one.is_settled or one.looked == len(seeds):
        return np.full(TRIALS, one.seeds)
    shared = set(seeds).intersection(*(finished.get(cell, frozenset()) for cell in one.question.cells))
    if one.question.against == PRINTED or len(shared) < 2:
        return None
    difference, spread = tests.spread(one.question, [seed for seed in seeds if seed in shared])
    looks = looks_of(len(seeds))
    levels = levels_of(looks, one.question.alpha)
    passed = sum(look <= one.looked for look in looks)
    generator = np.random.default_rng(RESAMPLING_SEED)
    course = simulate(difference, spread, looks[passed:], levels[passed:], tests.margin, generator, TRIALS)
    return course.seeds
