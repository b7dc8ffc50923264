"""What another encoder or picture is worth is told by runs that exist, or not at all; sums stay exact."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import pixel_profile
from support.filled_results import filled
from support.test_modules import module_of

from mner.base.files import write_bytes_atomically
from mner.evaluation.conditions import route, scored_cells
from mner.evaluation.kept_results import KeptProfile, kept_elsewhere
from mner.evaluation.paper import Used, load_paper
from mner.evaluation.reasons import ReasonKind
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.result_files import FILES, results_bytes
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.waterfall import Waterfall, waterfalls
from mner.reporting.cells import Cited, Measured, Printed
from mner.reporting.waterfall_tables import bars, residual, waterfall_table

PAPER = load_paper(Path(__file__).resolve().parents[2] / "reports" / "paper.yaml")
WATERFALL = vars(module_of("test_waterfall"))
DATASET, SYSTEM = "twitter2015", "rgcn"
PIXELS = vars(pixel_profile)
RESNET = PIXELS["finished"](PIXELS["pixels"](), DATASET, SYSTEM, ())
"""R-GCN over a ResNet-152 in profile paper: what the printed row says of its pictures in other words."""
THEIRS = {"encoder": "bert-base-uncased", "visual": RESNET.visual_input}
OURS = {"encoder": "minilm", "visual": "caption-tokens:blip2+relations:released"}


def _profile(name: str, f1: list[float], recipe: dict[str, Any] | None = None, **changed: str) -> dict[str, Any]:
    """``scores`` and ``lenses`` of a profile with one cell, under conditions of ours but for ``changed``."""
    conditions = OURS | changed
    cell = {
        "dataset": DATASET,
        "system": SYSTEM,
        "state": "finished",
        "encoder": {"name": conditions["encoder"]},
        "visual_input": conditions["visual"],
        "data_copy": "umt",
        "recipe": {"epochs": 3, "frozen_layers": 0, "train_sentences": None} | (recipe or {}),
        "options": {},
    }
    runs = []
    for seed, value in enumerate(f1):
        run = WATERFALL["_run"](SYSTEM, DATASET, seed, lambda value=value: value, 1)
        run |= {"record": f"runs/{name}/{DATASET}/{SYSTEM}/{seed}/record.json"}
        runs.append(run)
    scores = {"profile": name, "datasets": [DATASET], "cells": [cell]}
    return {"scores": scores, "lenses": {"runs": runs}}


def _fall(ours: dict[str, Any], *others: dict[str, Any]) -> Waterfall:
    here = _typed(ours)
    return waterfalls(here.scores, here.rescored, PAPER, tuple(map(_typed, others)))[0]


def _typed(profile: dict[str, Any]) -> KeptProfile:
    scores = filled(ScoreResults, profile["scores"])
    return KeptProfile(scores, filled(RescoredResults, profile["lenses"]))


def _steps(fall: Waterfall) -> dict[str, Any]:
    return {step.name: step for step in fall.steps}


def test_nothing_kept_nothing_measured() -> None:
    steps = _steps(_fall(_profile("quick", [60.0, 62.0])))
    assert (steps["encoder"].state, steps["visual"].state) == ("not measured", "not measured")
    assert steps["encoder"].why == "no kept results of rgcn with bert-base-uncased for minilm"


def test_an_encoder_and_a_picture_that_were_run_are_bars_with_their_records() -> None:
    bert = _profile("bert", [66.0, 67.0, 68.0], encoder=THEIRS["encoder"], recipe={"epochs": 25})
    pixels = _profile("pixels", [69.0], encoder=THEIRS["encoder"], visual=THEIRS["visual"], recipe={"epochs": 25})
    fall = _fall(_profile("quick", [60.0, 62.0]), bert, pixels)
    steps = _steps(fall)
    assert steps["encoder"].points == pytest.approx(61.0 - 67.0)
    assert steps["encoder"].title == "Encoder, other recipe"
    assert "epochs 25 there, 3 here" in steps["encoder"].why
    assert {record.split("/")[1] for record in steps["encoder"].records} == {"quick", "bert"}
    assert steps["visual"].points == pytest.approx(67.0 - 69.0)
    assert steps["visual"].title == "Visual input"
    assert {record.split("/")[1] for record in steps["residual"].records} == {"pixels"}
    assert {record.split("/")[1] for record in fall.reached} == {"pixels"}
    assert steps["residual"].points == pytest.approx(69.0 - 75.0)
    assert ReasonKind.ENCODER not in {cause.kind for cause in fall.causes}


def test_layers_that_were_frozen_are_a_bar_once_the_whole_encoder_was_trained() -> None:
    frozen = _profile("quick", [60.0, 62.0], recipe={"epochs": 2, "frozen_layers": 4})
    assert _steps(_fall(frozen))["training"].state == "not measured"
    whole = _profile("full", [63.0], recipe={"epochs": 6})
    fall = _fall(frozen, whole)
    training = _steps(fall)["training"]
    assert training.points == pytest.approx(61.0 - 63.0)
    assert training.title == "Training, other recipe"
    assert "everything trained there, 4 encoder layers frozen here" in training.why
    assert "epochs 6 there, 2 here" in training.why
    assert "frozen layers" not in training.why
    (move,) = fall.moves
    assert move.changes == (("training", "everything trained", "4 encoder layers frozen"), ("epochs", "6", "2"))
    assert move.between == "1 runs of profile full against 2 of profile quick"
    assert residual(fall) == "Residual, of the runs of profile full"
    assert residual(_fall(whole)) == "Residual"
    assert ReasonKind.TRAINED not in {cause.kind for cause in fall.causes}
    assert _steps(_fall(whole, frozen))["training"].state == "same"


def test_a_step_between_other_runs_has_the_error_of_two_samples() -> None:
    frozen = _profile("quick", [60.0, 62.0], recipe={"frozen_layers": 4})
    training = _steps(_fall(frozen, _profile("full", [63.0, 63.5, 64.0])))["training"]
    expected = (2.0 / 2 + 0.25 / 3) ** 0.5
    assert training.error == (pytest.approx(expected), "of two samples, 3 and 2 runs")
    single = _steps(_fall(frozen, _profile("full", [63.0])))["training"]
    assert single.error[0] == pytest.approx((2.0 * (1 + 1 / 2)) ** 0.5), "the one run borrows the others' spread"
    assert single.error[1].endswith("the single one with the others' spread")
    alone = _profile("quick", [60.0], recipe={"frozen_layers": 4})
    assert _steps(_fall(alone, _profile("full", [63.0])))["training"].error is None


def test_sides_that_were_trained_on_different_machines_are_marked_and_named() -> None:
    def falls(theirs: str) -> Any:
        frozen, whole = (
            _profile("quick", [60.0, 62.0], recipe={"frozen_layers": 4}),
            _profile("full", [63.0, 64.0]),
        )
        for one, device in ((frozen, "cpu: A"), (whole, theirs)):
            one["scores"]["cells"][0] |= {"throughput": {device: {}} if device else {}, "precision": "bfloat16"}
        return _fall(frozen, whole)

    apart, together, unknown = (falls(device) for device in ("cpu: B", "cpu: A", ""))
    training = _steps(apart)["training"]
    assert training.machines == "cpu: B in bfloat16 there, cpu: A in bfloat16 here"
    assert "; trained on different machines: cpu: B" in training.why
    shown = [
        next(bar.cell for bar in bars(fall) if bar.step is not None and bar.step.name == "training")
        for fall in (apart, together, unknown)
    ]
    assert [cell.plain().endswith("*") for cell in shown] == [True, False, False]
    assert [_steps(fall)["training"].machines for fall in (together, unknown)] == ["", ""]


def test_conditions_that_only_changed_together_are_one_bar() -> None:
    both = _profile("paper", [70.0, 71.0], encoder=THEIRS["encoder"], visual=THEIRS["visual"])
    steps = _steps(_fall(_profile("quick", [60.0, 62.0]), both))
    assert steps["encoder"].points == pytest.approx(61.0 - 70.5)
    assert steps["encoder"].title == "Encoder and visual input"
    assert steps["visual"].state == "with encoder"


def test_what_our_records_say_of_a_resnet_is_the_printed_picture_and_no_condition_to_move_to() -> None:
    assert THEIRS["visual"] == "grid:resnet152+relations:released"
    fall = _fall(_profile("paper", [70.0, 71.0], **THEIRS), _profile("other", [80.0], encoder=THEIRS["encoder"]))
    steps = _steps(fall)
    assert (steps["encoder"].state, steps["visual"].state) == ("same", "same")
    assert not {ReasonKind.ENCODER, ReasonKind.VISUAL} & {cause.kind for cause in fall.causes}


def test_other_graphs_are_another_picture_than_the_printed_one() -> None:
    rebuilt = _profile("graphs", [70.0], encoder=THEIRS["encoder"], visual="grid:resnet152+relations:rebuilt")
    steps = _steps(_fall(_profile("quick", [60.0]), rebuilt))
    assert steps["visual"].state == "not measured"


def test_the_nearest_recipe_is_taken_and_other_systems_are_not() -> None:
    far = _profile("far", [80.0], encoder=THEIRS["encoder"], recipe={"epochs": 25, "frozen_layers": 4})
    near = _profile("near", [65.0], encoder=THEIRS["encoder"], recipe={"epochs": 25})
    stranger = _profile("stranger", [90.0], encoder=THEIRS["encoder"])
    stranger["scores"]["cells"][0]["system"] = "umt"
    used = Used(encoder=THEIRS["encoder"], visual="unknown", scorer="unknown", copy="unknown")
    here, *rest = (
        scored_cells(p.scores, p.rescored)[0]
        for p in map(_typed, (_profile("quick", [60.0]), far, stranger, near))
    )
    (move,) = route(here, used, rest)
    assert move.after.profile == "near"


def test_of_equally_near_cells_the_one_with_most_runs_is_taken_and_its_runs_are_told() -> None:
    one, three = (
        _profile(name, f1, encoder=THEIRS["encoder"]) for name, f1 in (("one", [70.0]), ("three", [65.0] * 3))
    )
    encoder = _steps(_fall(_profile("quick", [60.0, 62.0]), one, three))["encoder"]
    assert encoder.points == pytest.approx(61.0 - 65.0)
    assert encoder.why.endswith("3 runs of profile three against 2 of profile quick")


def test_a_cell_that_differs_in_another_condition_too_is_not_a_step() -> None:
    graphs = _profile("graphs", [70.0], encoder=THEIRS["encoder"], visual="grid:resnet152+relations:rebuilt")
    assert _steps(_fall(_profile("quick", [60.0]), graphs))["encoder"].state == "not measured"


def test_a_larger_encoder_of_the_same_name_is_another_and_a_larger_grid_is_not() -> None:
    """Digits make a grid more exact; of an encoder they make another."""
    held = _typed(_profile("p", [60.0], encoder="bert12", visual="grid:resnet152"))
    (scored,) = scored_cells(held.scores, held.rescored)
    assert (scored.fits("encoder", "bert12"), scored.fits("encoder", "bert")) == (True, False)
    assert scored.fits("visual", "grid:resnet")


def test_what_one_recipe_does_not_name_is_none() -> None:
    whole = _profile("full", [63.0], recipe={"warmup": 0.1})
    frozen = _profile("quick", [60.0], recipe={"frozen_layers": 4})
    assert "warmup 0.1 there, none here" in _steps(_fall(frozen, whole))["training"].why


def test_a_subset_of_the_sentences_is_another_training() -> None:
    smoke = _profile("smoke", [50.0], recipe={"frozen_layers": 4, "train_sentences": 400})
    training = _steps(_fall(smoke, _profile("full", [63.0])))["training"]
    assert training.why.startswith(
        "everything trained there, 4 encoder layers frozen, 400 training sentences here"
    )
    assert training.points == pytest.approx(50.0 - 63.0)


F1 = st.lists(st.floats(1, 99), min_size=1, max_size=3)
CHANGES = st.dictionaries(st.sampled_from(sorted(THEIRS)), st.just(None), max_size=3)


@settings(max_examples=80, deadline=None)
@given(F1, st.lists(st.tuples(F1, CHANGES, st.integers(1, 30)), max_size=4))
def test_sums_are_exact_and_every_bar_names_its_records(ours: list[float], kept: list[Any]) -> None:
    others = [
        _profile(f"kept{i}", f1, recipe={"epochs": epochs}, **{name: THEIRS[name] for name in changed})
        for i, (f1, changed, epochs) in enumerate(kept)
    ]
    quick = _profile("quick", ours)
    fall = _fall(quick, *others)
    total = math.fsum([fall.printed, *(step.points for step in fall.steps)])
    assert total == pytest.approx(statistics.fmean(fall.ours), abs=1e-9)
    drawn = bars(fall)
    shown = [
        float(bar.cell.number.replace("−", "-"))
        for bar in drawn
        if isinstance(bar.cell, Cited | Measured | Printed)
    ]
    assert round(math.fsum(shown[:-1]), 2) == shown[-1]
    every = frozenset(run["record"] for profile in (quick, *others) for run in profile["lenses"]["runs"])
    for bar in drawn:
        if bar.step is not None and bar.step.measured:
            assert set(bar.cell.records) == set(bar.step.records) <= every
    assert waterfall_table([fall], DATASET, every) is not None


def test_kept_profiles_are_read_if_they_share_a_data_set(tmp_path: Path) -> None:
    for name, parts in (("quick", 2), ("full", 2), ("bare", 1)):
        held = _typed(_profile(name, [60.0]))
        for content in (held.scores, held.rescored)[:parts]:
            write_bytes_atomically(tmp_path / name / FILES[type(content)], results_bytes(content))
    found = kept_elsewhere("quick", [DATASET], tmp_path)
    assert [one.scores.profile for one in found] == ["full"]
    assert kept_elsewhere("quick", ["twitter2017"], tmp_path) == ()
    assert kept_elsewhere("quick", [DATASET], tmp_path / "nowhere") == ()
