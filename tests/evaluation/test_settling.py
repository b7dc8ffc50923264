"""What is settled follows from the finished runs alone: whatever came in between, and in whatever order."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support import fabricated_runs, tiny

from mner.evaluation.paper import Paper
from mner.evaluation.sequential import Finding, looks_of
from mner.evaluation.settling import (
    PRINTED,
    Answer,
    Question,
    RunTests,
    answer,
    questions_of,
    settling_of,
    wanted_seeds,
)
from mner.tracking.evidence import EvidenceError

SEEDS = tuple(range(1, 13))
PAIR = Question("toy", "rgcn", "bert-crf", 0.05)
A, B = PAIR.cells


def _settles_at(number: int | None) -> _Test:
    return _Test(number)


class _Test:
    """Finds a difference once so many seeds are looked at; remembers what it was asked."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self.asked: list[tuple[int, float]] = []

    def __call__(self, question: Question, seeds: Sequence[int], level: float) -> str | None:
        self.asked.append((len(seeds), level))
        return Finding.AHEAD if self._number is not None and len(seeds) >= self._number else None


def _there(**counts: int) -> Mapping[tuple[str, str], frozenset[int]]:
    return {("toy", system.replace("_", "-")): frozenset(SEEDS[:count]) for system, count in counts.items()}


def test_nothing_is_decided_before_a_look_is_complete_on_both_sides() -> None:
    first = looks_of(len(SEEDS))[0]
    test = _settles_at(1)
    assert answer(PAIR, SEEDS, _there(rgcn=len(SEEDS), bert_crf=first - 1), test) == Answer(
        PAIR, Finding.OPEN, first, False
    )
    assert not test.asked
    assert answer(PAIR, SEEDS, _there(rgcn=first, bert_crf=first), test).is_settled


def test_a_settled_question_stays_settled_with_its_seeds_whatever_is_trained_later() -> None:
    first, second, _ = looks_of(len(SEEDS))
    for count in (second, second + 1, len(SEEDS)):
        found = answer(PAIR, SEEDS, _there(rgcn=count, bert_crf=count), _settles_at(second))
        assert (found.is_settled, found.seeds) == (True, second)
    test = _settles_at(None)
    last = answer(PAIR, SEEDS, _there(rgcn=12, bert_crf=12), test)
    assert (last.is_settled, last.seeds, last.looked) == (False, 12, 12)
    assert [seeds for seeds, _ in test.asked] == [first, second, 12]
    assert sum(level for _, level in test.asked) == pytest.approx(PAIR.alpha)


def test_a_look_reads_the_first_seeds_and_a_gap_among_them_is_waited_for() -> None:
    gap = {A: frozenset(SEEDS) - {SEEDS[1]}, B: frozenset(SEEDS)}
    assert not answer(PAIR, SEEDS, gap, _settles_at(1)).is_settled


@pytest.mark.parametrize("seed", range(5))
def test_rounds_end_alike_however_often_they_are_cut_off(seed: int) -> None:
    second = looks_of(len(SEEDS))[1]
    order = random.Random(seed)
    finished: dict[tuple[str, str], set[int]] = {A: set(), B: set()}
    while True:
        answers = [answer(PAIR, SEEDS, finished, _settles_at(second))]
        wanted = wanted_seeds(answers, [A, B], len(SEEDS))
        missing = [(cell, one) for cell in (A, B) for one in SEEDS[: wanted[cell]] if one not in finished[cell]]
        if not missing:
            break
        for cell, one in order.sample(missing, order.randint(1, len(missing))):
            finished[cell].add(one)
    assert finished == {A: set(SEEDS[:second]), B: set(SEEDS[:second])}


def test_a_baseline_has_what_its_slowest_comparison_needs_and_a_cell_without_one_has_all() -> None:
    other = Question("toy", "ita", "bert-crf", 0.05)
    answers = [Answer(PAIR, Finding.AHEAD, 3, True, 3), Answer(other, Finding.OPEN, 6, False, 3)]
    cells = [A, B, ("toy", "ita"), ("toy", "alone")]
    assert wanted_seeds(answers, cells, 12) == {A: 3, B: 6, ("toy", "ita"): 6, ("toy", "alone"): 12}


def test_rows_with_pictures_are_asked_against_text_alone_and_share_the_level(tmp_path: Path) -> None:
    made = tiny.make_world(tmp_path)
    config = replace(made, active=replace(made.active, seeds=(1, 2)))
    asked = questions_of(config, tmp_path, Paper((), {}))
    assert {(one.system, one.against) for one in asked} == {
        (system, "bert-crf") for system in ("ita", "rgcn", "rgcn-released")
    }
    assert sum(one.alpha for one in asked) == pytest.approx(0.05)
    assert questions_of(replace(config, active=replace(config.active, seeds=(1,))), tmp_path, Paper((), {})) == []


MADE = fabricated_runs.Active("quick", ("toy",), ("bert-crf", "rgcn", "ita"), tuple(range(1, 7)))


@pytest.fixture
def tests(tmp_path: Path) -> RunTests:
    """Tests of fabricated runs: rgcn far ahead of bert-crf, ita makes the very errors of bert-crf."""
    wrong = {"bert-crf": 0.3, "rgcn": 0.1, "ita": 0.3}
    fabricated_runs.make_runs(
        tmp_path, MADE, lambda dataset, system, seed, view: wrong[system] if view == "own" else None
    )
    return RunTests(fabricated_runs.Settings(MADE), tmp_path, Paper((), {}))  # type: ignore[arg-type]


def test_planted_differences_are_found_and_none_is_equivalent(tests: RunTests) -> None:
    ahead, behind, none = (
        Question("toy", *pair, 0.05) for pair in (("rgcn", "bert-crf"), ("bert-crf", "rgcn"), ("ita", "bert-crf"))
    )
    cells = [("toy", system) for system in MADE.systems]
    finished = dict.fromkeys(cells, frozenset(MADE.seeds))
    found = settling_of([ahead, behind, none], cells, MADE.seeds, finished, tests)
    assert [one.finding for one in found.answers] == [Finding.AHEAD, Finding.BEHIND, Finding.EQUIVALENT]
    assert found.wanted["toy", "rgcn"] == looks_of(6)[0]
    assert found.saved == pytest.approx(sum(6 - seeds for seeds in found.wanted.values()))
    assert found.unknown == 0


def test_what_is_expected_follows_from_what_the_runs_show(tests: RunTests) -> None:
    pair = Question("toy", "rgcn", "bert-crf", 0.05)
    cells = list(pair.cells)
    two = dict.fromkeys(cells, frozenset(MADE.seeds[:2]))
    nothing: Mapping[tuple[str, str], frozenset[int]] = {}
    known, unknown = (settling_of([pair], cells, MADE.seeds, there, tests) for there in (two, nothing))
    assert known.unknown == 0
    assert known.expected["toy", "rgcn"] < 6
    assert (unknown.unknown, unknown.saved) == (1, 0)


def test_runs_whose_evidence_is_damaged_settle_nothing(tests: RunTests, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "quick" / "toy" / "rgcn" / "2" / "test.own.jsonl"
    path.write_bytes(path.read_bytes().replace(b"B-PER", b"B-LOC", 1))
    pair = Question("toy", "rgcn", "bert-crf", 0.05)
    finished = dict.fromkeys(pair.cells, frozenset(MADE.seeds))
    with pytest.raises(EvidenceError):
        answer(pair, MADE.seeds, finished, tests)


def test_a_printed_question_has_the_cell_alone() -> None:
    assert Question("toy", "rgcn", PRINTED, 0.05).cells == (("toy", "rgcn"),)
