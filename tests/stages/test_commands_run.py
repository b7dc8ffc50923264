"""Commands that need no network, each run where one cell was trained: they end well and say what they did.

Those of a test of their own are left out, as is `mner images`, which fetches.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import tiny

from mner.base.files import write_json_atomically
from mner.cli import main as cli
from mner.tracking.mlflow_tracker import REBUILD
from stages import score

CONLL = "IMGID:1\nAlice\tB-PER\nsleeps\tO\n\n"
# The smallest file of the layout golden/ITA.md 6.
GOLDEN = {
    "sets": {},
    "span_unit_cases": [],
    "bio_to_bioes": [[["B-PER", "O"], ["S-PER", "O"]]],
    "metric_unit_cases": {"columns": ["tp", "fp", "fn"], "rows": [[1, 0, 2]]},
}
TABLE = "# Table 1\n\n### toy\n\n| row      |   F1 |\n|----------|-----:|\n| bert-crf | 50.0 |\n"
CELLS = [{"table": "table1-toy", "origin": "ours", "value": 50.0}]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A world with one cell, trained, and files for commands to read."""
    root = tmp_path_factory.mktemp("trained") / "world"
    root.mkdir()
    tiny.make_world(root, epochs=1)

    def change(raw) -> None:
        raw["active"]["systems"] = ["bert-crf"]
        raw["encoders"]["minilm"] = raw["encoders"]["tiny"]  # whose word pieces `mner bench` counts

    tiny.change_parameters(root, change)
    tiny.train(root, "bert-crf")
    (root / "some.txt").write_text(CONLL, encoding="utf-8")
    (root / "golden.json").write_text(json.dumps(GOLDEN), encoding="utf-8")
    rendered = root / "reports" / "rendered" / "tiny"
    write_json_atomically(rendered / "tables.json", {"cells": CELLS})
    (rendered / "table1.md").write_text(TABLE, encoding="utf-8")
    return root


@pytest.fixture
def here(trained, tmp_path, monkeypatch) -> Path:
    """A copy of that world to stand in, on a machine that has no data from elsewhere."""
    root = tiny.copy_of(trained, tmp_path / "world")
    monkeypatch.chdir(root)
    for variable in ("MNER_MIRROR", "MNER_IMAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MNER_OFFLINE", "1")
    return root


def said(typed: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints that ends well."""
    capsys.readouterr()
    assert cli.main(typed.split()) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (
            "bench --quick --dataset toy --only bert-crf --device cpu",
            "beside bert-crf: plain script: linear layer, softmax, sorted batches, bfloat16",
        ),
        ("card bert-crf", "bert-crf: BERT-CRF"),
        ("graphs toy rebuilt rebuilt+self_only --k 2", "### toy: hubness"),
        ("parity ita golden.json", "PASSED: all 5 tensors within tolerance"),
        ("profile", "* tiny 1 runs for tests"),
        ("run", "toy x bert-crf: nothing to train"),
        ("show", "| bert-crf | 50.0 |"),
        (
            "track --rebuild",
            "1 runs are in sqlite:///mlflow.db; "
            "look at them with: mlflow ui --backend-store-uri sqlite:///mlflow.db",
        ),
        ("which some.txt", "nothing known: no sentence of it is in a copy at hand"),
    ],
)
def test_a_command_says_what_it_did(here, typed, line, capsys):
    printed = said(typed, capsys).splitlines()
    assert line in [" ".join(words.split()) for words in printed]  # columns are as wide as the longest name


def test_runs_are_packed_and_known_where_they_came_from(here, capsys):
    assert said("pack runs.tar.gz", capsys).startswith("runs.tar.gz: 1 runs, ")
    told = "0 runs taken, 1 were here already, 0 kept apart\n"
    assert said("unpack runs.tar.gz", capsys) == told


def test_scored_runs_are_kept(here, capsys):
    score.main(["tiny"])
    assert said("keep", capsys).startswith("reports/results/tiny: scores and 1 runs with their tags, ")
    assert (here / "reports" / "results" / "tiny" / "scores.json").is_file()


def test_track_without_its_flag_says_what_it_is_for(here, capsys):
    assert cli.main(["track"]) == 2
    assert f"to fill MLflow from the files of runs: {REBUILD}\n" in capsys.readouterr().err
