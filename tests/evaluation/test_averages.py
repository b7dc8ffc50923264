"""Averages over seeds on runs worked by hand: what is averaged, over which runs, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.filled_results import filled

from mner.data.corpus import TYPES
from mner.evaluation.averages import CONDITIONS, ScoringError, average_cell, summary, text_encoder
from mner.evaluation.score_results import ScoredCell, ScoredRun, TextEncoder


def _scores(f1: float) -> dict[str, Any]:
    types = {kind: {"f1": None if kind == "MISC" and f1 < 70 else f1 + 1} for kind in TYPES}
    return {"precision": f1 - 2, "recall": f1 + 2, "f1": f1, "types": types}


def _run(seed: int, views: dict[str, float], **changes: Any) -> ScoredRun:
    run = {
        "record": f"runs/p/d/s/{seed}/record.json",
        "key": f"key {seed}",
        "dataset": "d",
        "system": "s",
        "seed": seed,
        "status": "finished",
        "reason": None,
        "software": "torch 2",
        "throughput": {"device": "cpu", "speed": 10.0 * seed, "joules": None},
        "views": {name: _scores(f1) for name, f1 in views.items()},
        "encoder": {"name": "minilm"},
        "options": {},
    }
    return filled(ScoredRun, run | changes)


def _cell(*runs: ScoredRun, seeds: tuple[int, ...] = (1, 2, 3)) -> ScoredCell:
    return average_cell("d", "s", seeds, runs)


def test_a_summary_is_mean_and_deviation_with_the_runs_behind_it() -> None:
    runs = [_run(seed, {}) for seed in (1, 2, 3)]
    found = summary([70.0, 71.0, 74.5], runs)
    assert found is not None
    assert (found.mean, found.n) == (pytest.approx(71.8333333), 3)
    assert found.sd == pytest.approx(((1.8333333**2 + 0.8333333**2 + 2.6666667**2) / 2) ** 0.5)
    assert (found.seeds, found.keys) == ((1, 2, 3), ("key 1", "key 2", "key 3"))
    alone = summary([70.0], runs[:1])
    assert alone is not None
    assert (alone.mean, alone.sd) == (70.0, None)


@pytest.mark.parametrize("values", [[70.0, None], [70.0, float("nan")], [float("inf"), 70.0], []])
def test_a_value_that_one_run_lacks_has_no_mean(values: list[float | None]) -> None:
    assert summary(values, [_run(seed, {}) for seed in range(len(values))]) is None


def test_only_runs_of_the_cell_that_finished_are_averaged() -> None:
    skipped = _run(2, {}, status="skipped", reason="no labels")
    others = [_run(1, {"test.own": 1.0}, system="t"), _run(1, {"test.own": 1.0}, dataset="e")]
    cell = _cell(_run(1, {"test.own": 70.0}), skipped, *others)
    assert (cell.state, cell.reason, cell.missing_seeds) == ("finished", None, (3,))
    assert cell.views["test.own"].f1.values == (70.0,)
    assert (cell.views["test.own"].recall.mean, cell.views["test.own"].precision.mean) == (
        72,
        68,
    )
    alone = _cell(skipped, *others)
    assert (alone.state, alone.reason, alone.missing_seeds) == ("skipped", "no labels", (1, 3))
    nothing = _cell(*others)
    assert (nothing.state, nothing.reason, nothing.missing_seeds) == ("not-run", None, (1, 2, 3))


def test_a_type_that_one_run_leaves_undefined_has_no_mean() -> None:
    types = _cell(_run(1, {"test.own": 60.0}), _run(2, {"test.own": 80.0})).views["test.own"].types
    assert types["MISC"] is None
    assert types["PER"].values == (61.0, 81.0)


def test_reliance_is_paired_over_the_runs_that_have_both_views() -> None:
    both = _run(1, {"test.own": 70.0, "test.none": 64.0})
    cell = _cell(both, _run(2, {"test.own": 90.0}), _run(3, {"test.own": 75.0, "test.none": 76.0}))
    assert set(cell.image_sensitivity) == {"none"}
    assert list(cell.views) == ["test.none", "test.own"], "in an order of their own, the same in every process"
    assert (cell.image_sensitivity["none"].values, cell.image_sensitivity["none"].seeds) == ((6.0, -1.0), (1, 3))


def test_speeds_are_averaged_by_device_and_what_was_not_measured_is_nothing() -> None:
    gpu = _run(2, {"test.own": 70.0}, throughput={"device": "cuda", "speed": 500.0, "joules": 7.0})
    silent = _run(3, {"test.own": 70.0}, throughput=None)
    speeds = _cell(_run(1, {"test.own": 70.0}), gpu, silent, _run(4, {"test.own": 70.0})).throughput
    assert list(speeds) == ["cpu", "cuda"]
    assert (speeds["cpu"]["speed"].values, speeds["cuda"]["speed"].values) == ((10.0, 40.0), (500.0,))
    assert (speeds["cpu"]["joules"], speeds["cuda"]["joules"].mean) == (None, 7.0)
    assert "device" not in speeds["cpu"]


@pytest.mark.parametrize("field", CONDITIONS)
def test_every_condition_must_be_alike_whichever_run_has_another(field: str) -> None:
    one, two, three = (_run(seed, {"test.own": 70.0}) for seed in (1, 2, 3))
    with pytest.raises(ScoringError, match=f"d x s: {field} differs between runs/p/d/s/1/.* and runs/p/d/s/3/"):
        _cell(one, two, replace(three, **{field: {"name": "another"}}))


def test_software_is_speeds_once_each_and_inputs_are_not() -> None:
    runs = [_run(seed, {"test.own": 70.0}, software=f"torch {2 + seed % 2}") for seed in (1, 2, 3)]
    cell = _cell(*runs)
    assert cell.software == ("torch 2", "torch 3")
    assert not hasattr(cell, "inputs")


def test_what_read_the_words_of_a_row_without_an_encoder() -> None:
    glove = {"words": {"vectors": "glove"}}
    assert ScoredCell("d", "s", "finished").encoder_name == "none"
    assert text_encoder(None, glove | {"placement": "projection"}) == TextEncoder("none+glove", "word vectors")
    assert text_encoder({"name": "minilm"}, glove) == TextEncoder("glove", "word vectors")
