"""Committed results over profiles: which rows a second machine repeated byte for byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mner.evaluation.conditions import Scored
from mner.evaluation.score_results import ScoredRun
from mner.reporting.kept_cells import KeptCells

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kept() -> KeptCells:
    return KeptCells.read(ROOT / "reports" / "results")


def _with_another(kept: KeptCells, run: ScoredRun, **changes: Any) -> KeptCells:
    """The same results, and a run of another place that is ``run`` but for ``changes``."""
    first, *others = kept.profiles
    added = replace(run, record="runs/again/x/y/1/record.json", profile="again", **changes)
    scores = replace(first.scores, runs=(*first.scores.runs, added))
    return replace(kept, profiles=(replace(first, scores=scores), *others))


def _cell(kept: KeptCells) -> tuple[Scored, ScoredRun]:
    cell = kept.best("twitter2017", "rgcn")
    assert cell is not None
    return cell, kept.runs[cell.runs[0].record]


@pytest.mark.parametrize(
    ("changes", "agrees"),
    [
        ({"machine": "another processor"}, True),
        ({}, False),
        ({"machine": ""}, False),
        ({"machine": "another processor", "key": "0" * 64}, False),
        ({"machine": "another processor", "predictions": {"test.own": "0" * 64}}, False),
    ],
)
def test_a_row_is_byte_reproduced_by_equal_key_and_tags_on_another_machine(
    kept: KeptCells, changes: dict[str, Any], agrees: bool
) -> None:
    cell, run = _cell(kept)
    assert not kept.is_byte_reproduced(cell)
    assert _with_another(kept, run, **changes).is_byte_reproduced(cell) is agrees
