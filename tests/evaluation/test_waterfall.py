"""Waterfalls add up, say what they could not measure, and what-if meters never flatter themselves."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.filled_results import filled

from mner.evaluation.paper import load_paper
from mner.evaluation.reasons import ReasonKind
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.run_selection import Picked, picked
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.waterfall import MEASURED, Step, Waterfall, waterfalls
from mner.reporting.cells import Cited, Measured, Printed, State
from mner.reporting.tables import to_entries
from mner.reporting.waterfall_tables import ERROR_NOTE, bars, waterfall_table

PAPER = load_paper(Path(__file__).resolve().parents[2] / "reports" / "paper.yaml")
SCORERS = ("conlleval", "strict", "ncrfpp", "umt", "umgf", "rgcn-16", "rgcn-64", "ita")
SYSTEMS = ("bert-crf", "rgcn", "ita-all-cva", "umgf", "ocsga", "umt")
F1 = st.floats(1, 99)


def _scores(system: str, dataset: str) -> ScoreResults:
    cell = {
        "dataset": dataset,
        "system": system,
        "state": "finished",
        "encoder": {"name": "minilm"},
        "visual_input": "captions:blip2",
        "data_copy": "umt",
        "recipe": {"epochs": 3, "frozen_layers": 4, "train_sentences": None},
    }
    return filled(ScoreResults, {"profile": "p", "cells": [cell]})


def _typed(runs: list[dict[str, Any]]) -> RescoredResults:
    return filled(RescoredResults, {"runs": runs})


def _run(system: str, dataset: str, seed: int, value, epochs: int, copies=("umt", "rgcn")) -> dict[str, Any]:
    """``value()`` gives one F1 after another."""
    names = ["test.own", *(f"epoch-{n + 1}.test.own" for n in range(epochs))]
    return {
        "record": f"runs/p/{dataset}/{system}/{seed}/record.json",
        "dataset": dataset,
        "system": system,
        "seed": seed,
        "data_copy": "umt",
        "copies": {copy: {name: {lens: {"f1": value()} for lens in SCORERS} for name in names} for copy in copies},
    }


@st.composite
def _cases(draw) -> tuple[str, str, list[dict[str, Any]]]:
    system, dataset = draw(st.sampled_from(SYSTEMS)), draw(st.sampled_from(("twitter2015", "twitter2017")))
    epochs, seeds = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    copies = draw(st.sampled_from((("umt",), ("umt", "rgcn"))))
    runs = [_run(system, dataset, seed, lambda: draw(F1), epochs, copies) for seed in range(seeds)]
    return system, dataset, runs


@settings(max_examples=60, deadline=None)
@given(_cases())
def test_steps_add_up_exactly_and_as_printed(case: tuple[str, str, list[dict[str, Any]]]) -> None:
    system, dataset, runs = case
    for fall in waterfalls(_scores(system, dataset), _typed(runs), PAPER):
        total = math.fsum([fall.printed, *(step.points for step in fall.steps)])
        assert total == pytest.approx(statistics.fmean(fall.ours), abs=1e-9)
        drawn = bars(fall)
        shown = [
            float(bar.cell.number.replace("−", "-"))
            for bar in drawn
            if isinstance(bar.cell, Cited | Measured | Printed)
        ]
        assert round(sum(shown[:-1]), 2) == shown[-1]
        for bar in drawn:
            if isinstance(bar.cell, Cited | Measured):
                assert set(bar.cell.records) == {run["record"] for run in runs}
        table = waterfall_table([fall], dataset, frozenset(run["record"] for run in runs))
        assert table is not None


def _one(system: str, dataset: str, runs: list[dict[str, Any]]) -> Waterfall:
    return waterfalls(_scores(system, dataset), _typed(runs), PAPER)[0]


def _steps(fall: Waterfall) -> dict[str, Step]:
    return {step.name: step for step in fall.steps}


def test_lens_and_copy_are_what_rescoring_says() -> None:
    run = _run("rgcn", "twitter2015", 1, lambda: 70.0, 0)
    run["copies"]["rgcn"]["test.own"]["conlleval"]["f1"] = 70.5
    run["copies"]["rgcn"]["test.own"]["rgcn-64"]["f1"] = 72.5
    steps = _steps(_one("rgcn", "twitter2015", [run]))
    assert steps["version"].points == pytest.approx(-0.5)
    assert steps["scorer"].points == pytest.approx(-2.0)
    assert steps["residual"].points == pytest.approx(72.5 - 75.0)
    assert "encoder: ours minilm, theirs bert-base-uncased" in steps["residual"].why
    assert "trained on version umt, theirs rgcn: 1 of 4000 training" in steps["residual"].why


def test_a_step_between_two_scores_of_the_same_runs_has_the_error_of_their_differences() -> None:
    runs = [_run("rgcn", "twitter2015", seed, lambda v=value: v, 0) for seed, value in enumerate((70.0, 76.0))]
    for run, points in zip(runs, (1.0, 2.0), strict=True):
        for lens in SCORERS:
            run["copies"]["rgcn"]["test.own"][lens]["f1"] += points
    fall = _one("rgcn", "twitter2015", runs)
    copy, lens = _steps(fall)["version"], _steps(fall)["scorer"]
    assert copy.points == pytest.approx(-1.5)
    assert copy.error == (pytest.approx(0.5), "paired, 2 runs scored twice"), "the runs lie 6 points apart"
    assert lens.error[0] == 0.0
    cell = next(bar.cell for bar in bars(fall) if bar.title == "Dataset version")
    assert cell.plain() == "−1.50 ± 0.50"
    assert cell.method.endswith("± is its standard error, paired, 2 runs scored twice")
    table = waterfall_table([fall], "twitter2015", frozenset(fall.records))
    assert ERROR_NOTE in table.notes
    assert [e["spread"] for e in to_entries(table) if e["column"] == "version"] == [pytest.approx(0.5)]
    assert not any(_steps(fall)[name].error for name in ("seed", "residual")), "no difference of two means"
    assert not any(step.error for step in _one("rgcn", "twitter2015", runs[:1]).steps), "one run"


def test_choices_are_measured_on_our_runs() -> None:
    runs = [_run("bert-crf", "twitter2017", seed, lambda v=value: v, 2) for seed, value in enumerate((80.0, 81.0))]
    runs[0]["copies"]["umt"]["epoch-1.test.own"]["umt"]["f1"] = 80.6
    fall = _one("bert-crf", "twitter2017", runs)
    steps = _steps(fall)
    assert steps["epoch"].values == pytest.approx((-0.6, 0.0))
    assert steps["seed"].points == pytest.approx((80.6 + 81.0) / 2 - 81.0)
    assert statistics.fmean(fall.unpicked) == pytest.approx(80.5 - 83.44)


def test_what_could_not_be_measured_is_a_state_and_counts_as_nothing() -> None:
    runs = [_run("rgcn", "twitter2017", seed, lambda: 80.0, 0, ("umt",)) for seed in (1, 2)]
    steps = _steps(_one("rgcn", "twitter2017", runs))
    assert (steps["epoch"].state, steps["epoch"].values) == ("not measured", None)
    assert (steps["version"].state, steps["seed"].state) == ("same", "does not apply")
    assert "mean over runs" in steps["seed"].why
    ocsga = [_run("ocsga", "twitter2015", 1, lambda: 70.0, 0)]
    steps = _steps(_one("ocsga", "twitter2015", ocsga))
    assert steps["version"].state == "not measured"
    assert "version zhang2018" in steps["version"].why
    assert "one run" in steps["seed"].why
    runs = [_run("umt", "twitter2017", 1, lambda: 80.0, 0)]
    umt = waterfalls(_scores("umt", "twitter2017"), _typed(runs), PAPER)
    rerun = _steps(next(fall for fall in umt if fall.row.id == "umt-rerun"))
    assert (rerun["scorer"].state, rerun["version"].state) == ("not known", "not known")
    causes = next(fall.causes for fall in umt if fall.row.id == "umt-rerun")
    of_scoring = {ReasonKind.SCORER, ReasonKind.DATASET_VERSION}
    assert not of_scoring & {cause.kind for cause in causes}, "they have steps of their own"
    assert all(
        isinstance(bar.cell, State) == (bar.step is not None and bar.step.values is None) for bar in bars(umt[0])
    )


def test_a_lens_that_states_why_not_stays_in_the_remainder() -> None:
    run = _run("rgcn", "twitter2017", 1, lambda: 80.0, 0, ("umt",))
    run["copies"]["umt"]["test.own"]["rgcn-64"] = {"state": "no word pieces: hub away"}
    step = _steps(_one("rgcn", "twitter2017", [run]))["scorer"]
    assert (step.state, step.why, step.points) == ("not measured", "no word pieces: hub away", 0.0)


def test_a_waterfall_that_does_not_add_up_cannot_be_made() -> None:
    fall = _one("bert-crf", "twitter2017", [_run("bert-crf", "twitter2017", 1, lambda: 80.0, 0)])
    flattering = Step("lens", "Scorer", MEASURED, (3.0,), "because", records=fall.records)
    with pytest.raises(ValueError, match="the steps lead to"):
        replace(fall, steps=(*fall.steps, flattering))
    unproved = Step("lens", "Scorer", MEASURED, (0.0,), "because")
    with pytest.raises(ValueError, match="step lens names no record"):
        replace(fall, steps=(*fall.steps, unproved))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(F1, st.lists(F1, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_picking_never_loses(values: list[tuple[float, list[float]]]) -> None:
    runs = []
    for seed, (own, epochs) in enumerate(values):
        run = _run("umt", "twitter2017", seed, lambda v=own: v, len(epochs), ("umt",))
        for number, f1 in enumerate(epochs):
            run["copies"]["umt"][f"epoch-{number + 1}.test.own"]["conlleval"]["f1"] = f1
        runs.append(run)
    found = picked(_typed(runs).runs, "conlleval")
    assert isinstance(found, Picked)
    assert found.on_dev == tuple(own for own, _ in values)
    assert found.on_test == tuple(max(own, *epochs) for own, epochs in values)


def test_epochs_of_some_runs_only_measure_nothing() -> None:
    runs = [_run("umt", "twitter2017", seed, lambda: 80.0, seed) for seed in (0, 1)]
    found = picked(_typed(runs).runs, "conlleval")
    assert isinstance(found, Picked)
    assert found.on_test is None
