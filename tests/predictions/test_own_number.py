"""``mner explain F1 --dataset``: the place of a number among printed ones, and what could move it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mner.base.shipped_files import shipped
from mner.cli import main as cli
from mner.evaluation.paper_reading import load_paper
from mner.predictions.own_comparisons import kept_runs
from mner.predictions.own_number import (
    Moves,
    OwnNumberError,
    explain_own_number,
    kept_moves,
    printed_rows,
    reasons,
)
from mner.tracking.record import Record

PAPER = load_paper(shipped("paper.yaml"))


def test_printed_rows_come_once_and_best_first() -> None:
    rows = printed_rows(PAPER, "twitter2017")
    values = [row.printed["twitter2017"]["F1"].value for row in rows]
    assert values == sorted(values, reverse=True)
    assert len({row.id for row in rows}) == len(rows)


def test_a_baseline_without_a_profile_is_the_best_on_dev_of_several_seeds() -> None:
    results = shipped("results")
    profile, _, records = kept_runs(results, "twitter2017", "bert-crf")
    assert len(records) > 1
    dev = {}
    for path in results.glob("*/runs/twitter2017/bert-crf/*/record.json"):
        dev.setdefault(path.parts[-6], []).append(Record.read(path).best_dev_f1)
    several = {name: sum(found) / len(found) for name, found in dev.items() if len(found) > 1}
    assert profile == max(several, key=several.__getitem__)
    assert kept_runs(results, "twitter2017", "quick/bert-crf")[0] == "quick"


def test_moves_are_measured_on_kept_runs() -> None:
    moves = kept_moves(shipped("results"), "twitter2015", "full/bert-crf")
    assert moves is not None
    assert (moves.profile, moves.system) == ("full", "bert-crf")
    assert moves.seeds > 1
    assert moves.deviation is not None
    assert moves.scorers["umt"] == 0
    assert set(moves.versions) == {"rgcn", "zhang2018", "hvpnet"}
    assert kept_moves(shipped("results"), "twitter2015", "nobody") is None


@pytest.mark.parametrize(
    ("distance", "explained"),
    [(0.3, (True, False, True)), (-0.3, (False, True, True)), (2.0, (False, False, False))],
)
def test_only_what_reaches_as_far_the_same_way_explains_a_distance(
    distance: float, explained: tuple[bool, bool, bool]
) -> None:
    moves = Moves("p", "s", 3, 70.0, 0.2, {"strict": 0.5, "umt": 0.0}, {"rgcn": -0.4})
    assert tuple(one.enough for one in reasons(distance, moves)) == explained


@pytest.mark.parametrize(
    ("value", "dataset", "system"),
    [(101, "twitter2015", None), (70, "nowhere", None), (70, "twitter2015", "nobody")],
)
def test_what_nothing_is_known_of_is_refused(value: float, dataset: str, system: str | None) -> None:
    with pytest.raises(OwnNumberError):
        explain_own_number(value, dataset, system, PAPER, shipped("results"))


def test_the_command_answers_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["explain", "73.4", "--dataset", "twitter2015", "--system", "umt"]) == 0
    assert "73.41" in capsys.readouterr().out
