"""The sentence to copy: one number with its encoder, epochs, seeds, commits and the digest of the scores."""

from __future__ import annotations

from typing import Any

import pytest
from support.filled_results import filled

from mner.base.files import sha256_of_json
from mner.evaluation.result_files import as_json
from mner.evaluation.score_results import ScoredCell, ScoreResults, TextEncoder
from mner.evaluation.verdicts import NOT_COMPARABLE, REPRODUCED, Verdict
from mner.reporting.cells import NOT_RUN, Cell, Cited, State
from mner.reporting.layout import Block, Line, Section
from mner.reporting.page_views import example_citation

RECORDS = ("runs/a/1/record.json", "runs/a/2/record.json")


def _line(f1: Cell, verdict: Verdict | None = None, encoder: str | None = "minilm", **recipe: Any) -> Line:
    read_by = None if encoder is None else TextEncoder(encoder)
    cell = ScoredCell("twitter2015", "a", "finished", recipe={"epochs": 3} | recipe, encoder=read_by)
    nothing = ("", State("–"))
    return Line("a", "a", "A†", "", "twitter2015", None, cell, verdict, {}, {"F1": f1}, {"F1": f1}, {}, nothing)


def _said(*lines: Line) -> str:
    runs = [
        {"record": record, "git": {"commit": commit * 40, "dirty": commit == "1"}}
        for record, commit in zip((*RECORDS, "runs/b/1/record.json"), "219", strict=True)
    ]
    scores = filled(ScoreResults, {"profile": "quick", "runs": runs})
    said = example_citation([Section("s", "S", None, (Block("twitter2015", lines),))], scores)
    return said.replace(sha256_of_json(as_json(scores))[:12], "DIGEST")


def test_a_mean_over_seeds_names_their_number_and_every_commit() -> None:
    said = _said(_line(Cited(71.0, RECORDS, (70.0, 72.0), 1.41)))
    assert said == (
        "Row a (encoder minilm, no layer frozen, 3 epochs) reaches 71.00 ± 1.41 F1 on Twitter-2015 (mean ± s.d. "
        "over 2 seeds; conlleval, word level; profile quick, commit 1111111111 with uncommitted changes, "
        "2222222222; scores.json DIGEST)."
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"epochs": 1}, "(encoder minilm, no layer frozen, 1 epoch)"),
        ({"patience": 5}, "(encoder minilm, no layer frozen, at most 3 epochs)"),
        ({"frozen_layers": 4}, "(encoder minilm, 4 of its layers frozen, 3 epochs)"),
        ({"frozen_layers": None}, "(encoder minilm, no layer frozen, 3 epochs)"),
        ({"encoder": None}, "(encoder none, no layer frozen, 3 epochs)"),
    ],
)
def test_what_was_trained_and_how_long_is_told(changes: dict[str, Any], text: str) -> None:
    assert text in _said(_line(Cited(70.0, RECORDS[:1], (70.0,)), **changes))


def test_one_seed_is_called_one_and_names_its_own_commit_alone() -> None:
    said = _said(_line(Cited(70.0, RECORDS[:1], (70.0,))))
    assert "reaches 70.00 F1 on Twitter-2015 (one seed; " in said
    assert "commit 2222222222; scores.json" in said


def test_only_what_cannot_be_compared_says_so_with_its_reasons() -> None:
    f1 = Cited(70.0, RECORDS[:1], (70.0,))
    verdicts = {
        name: Verdict(name, findings=("one", "two"), difference=None) for name in (NOT_COMPARABLE, REPRODUCED)
    }
    assert _said(_line(f1, verdicts[NOT_COMPARABLE])).endswith("). Not comparable with the printed A†: one; two.")
    assert "omparable" not in _said(_line(f1, verdicts[REPRODUCED]))


def test_the_first_number_is_taken_and_none_where_there_is_none() -> None:
    assert _said() == _said(_line(NOT_RUN)) == ""
    second = Cited(60.0, ("runs/b/1/record.json",), (60.0,))
    assert "60.00" in _said(_line(NOT_RUN), _line(second), _line(Cited(70.0, RECORDS[:1], (70.0,))))
