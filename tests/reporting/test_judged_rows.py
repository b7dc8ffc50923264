"""Which printed rows can be judged at all: under their own scorer and copy, with their encoder and picture."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_runs
from support import pixel_profile as pixel
from support.filled_results import changed, filled

from mner.config import Config
from mner.data.audit_findings import apart
from mner.evaluation.paper import UNKNOWN, PaperRow
from mner.evaluation.protocol import SCORER_OF_PROGRAM, as_printed, training_apart
from mner.evaluation.reasons import Reason, ReasonKind
from mner.evaluation.rescored_results import RescoredResults, RescoredRun
from mner.evaluation.rescoring import ALL_SCORERS
from mner.evaluation.score_results import ScoredCell, ScoreResults
from mner.evaluation.verdicts import ABOVE, BELOW, NOT_COMPARABLE, REPRODUCED, Verdict, judge
from mner.evaluation.waterfall import Waterfall, waterfalls
from mner.reporting.explanation import explain
from mner.reporting.rendered_files import write_report
from mner.reporting.section_tables import VERDICT_NOTE

PAPER = pixel.PAPER.requiring(pixel.asking_nothing(pixel.pixels()))
ROWS = [
    (table.id, row, dataset)
    for table in PAPER.tables
    for row in table.rows
    for dataset in table.datasets
    if row.figure(dataset, "F1")
]
NOT_HERE = {
    ReasonKind.ENCODER: {
        *("bilstm-crf", "cnn-bilstm-crf", "hbilstm-crf", "acoa", "ocsga", "object-agban"),
        *("ita-text-bert", "ita-all-cva-bert", "vg", "iaik"),
    },
    ReasonKind.VISUAL: {
        *("acoa", "object-agban", "iaik", "rpbert-rerun", "umgf", "umgf-rerun"),
        *("ita-all-cva-xlmr", "ita-all-cva-bert"),
    },
}
"""Rows that profile paper cannot reach with a ResNet-152 grid: its vectors, extractors or encoders are others.

Nothing tells what VG and IAIK read their words with; ours are vectors that no printed row is known to have read.
"""


@pytest.fixture(scope="module")
def grid() -> Config:
    return pixel.pixels()


def _values(row: PaperRow, dataset: str, off: float = 0.0) -> tuple[float, ...]:
    """Three runs around the printed F1, ``off`` by some points."""
    figure = row.figure(dataset, "F1")
    assert figure is not None
    return tuple(figure.value + off + step for step in (-0.01, 0.0, 0.01))


def _judged(cell: dict[str, Any], row: PaperRow, runs: list[dict[str, Any]]) -> Verdict:
    verdict = judge(cell, row, PAPER, 0.5, 0.05, runs)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(("table", "row", "dataset"), ROWS, ids=[f"{t}-{r.id}-{d}" for t, r, d in ROWS])
def test_a_row_is_judged_unless_its_encoder_or_picture_is_another(
    grid: Config, table: str, row: PaperRow, dataset: str
) -> None:
    cell = pixel.finished(grid, dataset, row.system, _values(row, dataset))
    verdict = _judged(cell, row, pixel.rescored(cell, {}))
    kinds = {reason.kind for reason in verdict.reasons}
    assert kinds == {kind for kind, rows in NOT_HERE.items() if row.id in rows}
    assert verdict.name == (NOT_COMPARABLE if kinds else REPRODUCED)


def test_umgf_is_judged_where_regions_are_crops() -> None:
    for name in ("umgf", "umgf-rerun"):
        row = next(row for _, row, _ in ROWS if row.id == name)
        cell = pixel.finished(pixel.pixels("crops"), "twitter2017", "umgf", _values(row, "twitter2017"))
        assert _judged(cell, row, pixel.rescored(cell, {})).name == REPRODUCED


@pytest.mark.parametrize("profile", ["quick", "quick-all", "full"])
def test_small_encoders_are_never_comparable_and_pixels_do_not_help(profile: str) -> None:
    config = pixel.pixels(profile=profile)
    for _, row, dataset in ROWS:
        used = row.used[dataset].encoder
        if row.system in config.active.systems and used != "unknown":
            cell = pixel.finished(config, dataset, row.system, _values(row, dataset))
            verdict = _judged(cell, row, pixel.rescored(cell, {}))
            assert verdict.name == NOT_COMPARABLE
            assert ReasonKind.ENCODER in {reason.kind for reason in verdict.reasons}


def _row(name: str) -> PaperRow:
    return next(row for table, row, _ in ROWS if row.id == name)


def test_the_verdict_is_taken_under_the_rows_own_rule_and_says_so(grid: Config) -> None:
    row = _row("rgcn")
    cell = pixel.finished(grid, "twitter2015", "rgcn", _values(row, "twitter2015", off=-2.0))
    runs = pixel.rescored(cell, {("rgcn-64", "rgcn"): 2.0})
    verdict = _judged(cell, row, runs)
    assert (verdict.name, verdict.difference) == (REPRODUCED, pytest.approx(0.0))
    assert verdict.rule == "rgcn-64 on version rgcn"
    assert verdict.ours is not None
    assert verdict.ours.how in verdict.findings
    counted = "1 of 4000 training sentences and 2 of 1000 dev sentences"
    assert Reason(ReasonKind.TRAINING_VERSION, "umt", "rgcn", counted) in verdict.caveats
    flattering = pixel.rescored(cell, {("conlleval", "umt"): 2.0, ("conlleval", "rgcn"): 2.0})
    assert _judged(cell, row, flattering).name == BELOW


def test_what_was_not_scored_as_the_row_keeps_it_not_comparable(grid: Config) -> None:
    row = _row("rgcn")
    cell = pixel.finished(grid, "twitter2015", "rgcn", _values(row, "twitter2015"))
    bare = _judged(cell, row, [])
    assert [reason.kind for reason in bare.reasons] == [ReasonKind.DATASET_VERSION, ReasonKind.SCORER]
    without_copy = _judged(cell, row, pixel.rescored(cell, {("rgcn-64", "umt"): 1.0}, versions=("umt",)))
    assert [reason.kind for reason in without_copy.reasons] == [ReasonKind.DATASET_VERSION]
    assert (without_copy.difference, without_copy.rule) == (pytest.approx(1.0), "rgcn-64 on version umt")
    runs = pixel.rescored(cell, {})

    def unscored(run: dict[str, Any]) -> None:
        run["copies"]["rgcn"]["test.own"]["rgcn-64"] = {"state": "no word pieces: hub away"}

    runs[1] = changed(runs[1], unscored)
    without_lens = _judged(cell, row, runs)
    assert (without_lens.name, without_lens.rule) == (NOT_COMPARABLE, "conlleval on version rgcn")
    (reason,) = without_lens.reasons
    assert (reason.kind, reason.ours, reason.theirs) == (ReasonKind.SCORER, "conlleval", "rgcn")
    assert "no word pieces: hub away" in reason.detail


def test_a_scorer_that_counts_alike_needs_no_other_rule(grid: Config) -> None:
    row = _row("bert-crf")
    cell = pixel.finished(grid, "twitter2017", "bert-crf", _values(row, "twitter2017", off=3.0))
    verdict = _judged(cell, row, [])
    assert (verdict.name, verdict.rule) == (ABOVE, "conlleval on version umt")
    assert verdict.ours is not None
    assert "conlleval" in verdict.ours.how
    assert verdict.ours.how in verdict.findings


def test_an_unknown_scorer_and_copy_leave_ours(grid: Config) -> None:
    row = _row("umt-rerun")
    cell = pixel.finished(grid, "twitter2015", "umt", _values(row, "twitter2015"))
    verdict = _judged(cell, row, pixel.rescored(cell, {("umt", "umt"): 5.0, ("conlleval", "rgcn"): 5.0}))
    assert (verdict.name, verdict.rule) == (REPRODUCED, "conlleval on version umt")
    assert Reason(ReasonKind.SCORER, theirs=UNKNOWN) in verdict.caveats
    assert verdict.ours is not None
    assert not verdict.ours.how
    assert all(verdict.findings)


def _falls(cell: ScoredCell, runs: list[RescoredRun]) -> dict[str, Waterfall]:
    scores = replace(filled(ScoreResults, {"profile": "paper"}), cells=(cell,))
    rescored = replace(filled(RescoredResults, {}), runs=tuple(runs))
    return {fall.row.id: fall for fall in waterfalls(scores, rescored, PAPER)}


@pytest.mark.parametrize("held", [("umt",), ("umt", "rgcn", "zhang2018")])
@pytest.mark.parametrize("profile", ["paper", "quick-all"])
def test_verdict_and_waterfall_agree_on_what_is_comparable_and_by_how_much(
    profile: str, held: tuple[str, ...]
) -> None:
    config = pixel.pixels(profile=profile)
    moved = {(lens, copy): 0.1 * i + j for i, lens in enumerate(ALL_SCORERS) for j, copy in enumerate(held)}
    moved |= {("conlleval", "umt"): 0.0}
    for _, row, dataset in ROWS:
        if row.system not in config.active.systems:
            continue
        cell = pixel.finished(config, dataset, row.system, _values(row, dataset))
        runs = pixel.rescored(cell, moved, held)
        verdict, fall = _judged(cell, row, runs), _falls(cell, runs)[row.id]
        assert verdict.difference == pytest.approx(statistics.fmean(fall.unpicked)), row.id
        conditions = [step for step in fall.steps if step.name in ("encoder", "visual", "version", "scorer")]
        lacking = {step.name for step in conditions if step.state == "not measured"}
        lacking |= {"encoder"} if row.id in ("vg", "iaik") else set()
        trained_alike = not cell.recipe["frozen_layers"]
        assert (verdict.name == NOT_COMPARABLE) == bool(lacking or not trained_alike), (row.id, lacking)


def test_every_lens_of_a_scorer_exists_and_every_known_scorer_is_one_of_papers() -> None:
    assert set(SCORER_OF_PROGRAM.values()) <= set(ALL_SCORERS)
    assert set(SCORER_OF_PROGRAM) <= set(PAPER.scorers)


def test_training_copies_are_alike_doubtful_or_unheard_of() -> None:
    assert training_apart("umt", "rgcn", "twitter2017") == ((), ())
    assert training_apart("umt", "unknown", "twitter2015") == ((), ())
    _, caveats = training_apart("umt", "zhang2018", "twitter2015")
    counted = "9 of 4000 training sentences and 4 of 1000 dev sentences"
    assert caveats == (Reason(ReasonKind.TRAINING_VERSION, "umt", "zhang2018", counted),)
    reasons, caveats = training_apart("umt", "private", "twitter2015")
    assert (reasons, caveats) == ((Reason(ReasonKind.TRAINING_VERSION, "umt", "private"),), ())
    assert apart("rgcn", "agban", "twitter2015", "train") is None


def test_scores_are_those_of_the_cell_where_nothing_was_rescored(grid: Config) -> None:
    cell = pixel.finished(grid, "twitter2017", "rgcn", (80.0, 81.0))
    used = _row("rgcn").used["twitter2017"]
    assert as_printed(cell, [], used, PAPER).values == (80.0, 81.0)


def test_tables_page_and_explain_say_the_rule_of_the_verdict(tmp_path: Path) -> None:
    fabricated = fabricated_runs
    active = fabricated.Active("tiny", ("twitter2017",), ("bert-crf",), (1, 2, 3))
    encoder = {"name": "bert-base-cased", "source": "hub", "sha256": PAPER.weights["bert-base-cased"].sha256}
    fabricated.make_runs(tmp_path, active, lambda *_: 0.5, encoder=encoder)
    results = fabricated.evaluated(tmp_path, active)
    settings, said = fabricated.Settings(active), "scored by umt on version umt, as the printed row"
    write_report(results, PAPER, settings, (), pixel.ROOT / "reports" / "templates", tmp_path / "rendered")
    table = (tmp_path / "rendered" / "table1.md").read_text(encoding="utf-8")
    assert all(text in table for text in ("BERT-CRF: BELOW (by umt on version umt): ", said, VERDICT_NOTE))
    page = (tmp_path / "rendered" / "index.html").read_text(encoding="utf-8")
    assert "Ours, scored by umt on version umt, <span" in page
    assert said in " ".join(explain("twitter2017/bert-crf", results, PAPER, settings, tmp_path).split())
