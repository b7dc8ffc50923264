"""``--json -`` prints one JSON document and nothing else, with the numbers that the text shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_runs, tiny

from mner.cli import main as cli
from mner.data import dataset_versions

CELL = "twitter2017/rgcn"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with results of fabricated runs."""
    root = tmp_path_factory.mktemp("repository")
    fabricated_runs.make_repository(root)
    return root


@pytest.fixture
def answer(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a verb in that repository; gives its exit code and what it printed, as JSON."""
    monkeypatch.chdir(root)

    def call(*typed: str) -> tuple[int, Any]:
        code = cli.main([*typed, "--json", "-"])
        return code, json.loads(capsys.readouterr().out)

    return call


def _mean(root: Path) -> float:
    scores = json.loads((root / "results/quick/scores.json").read_text(encoding="utf-8"))
    cell = next(one for one in scores["cells"] if f"{one['dataset']}/{one['system']}" == CELL)
    return float(cell["views"]["test.own"]["f1"]["mean"])


def test_explain_gives_the_cell_its_runs_and_the_printed_number(answer: Any, root: Path) -> None:
    code, found = answer("explain", CELL)
    assert code == 0
    assert found["cell"]["views"]["test.own"]["f1"]["mean"] == _mean(root)
    assert found["against_the_paper"]["f1_printed"] == 87.11
    assert [run["seed"] for run in found["runs"]] == [1, 2]


def test_explain_gives_the_places_of_a_number(answer: Any) -> None:
    code, found = answer("explain", "87.11")
    assert code == 0
    assert {"dataset": "twitter2017", "metric": "F1", "system": "rgcn"}.items() <= found["printed"][0].items()


def test_a_printed_number_is_explained_where_nothing_was_scored(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert cli.main(["explain", "85.31", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ours"] is None
    assert [(one["dataset"], one["system"]) for one in found["printed"]] == [("twitter2017", "umt")]
    assert [(log["chosen"], log["best"]) for log in found["logs"]] == [(85.05, 85.33)]
    for nothing in ("11.11", CELL):
        assert cli.main(["explain", nothing]) == 2


def test_compare_is_antisymmetric(answer: Any) -> None:
    (_, forth), (_, back) = (
        answer("compare", *pair, "--dataset", "twitter2017")
        for pair in (("rgcn", "bert-crf"), ("bert-crf", "rgcn"))
    )
    differences = [one[0]["comparison"]["difference"] for one in (forth, back)]
    assert differences[0] == pytest.approx(-differences[1])
    assert differences[0] > 0


def test_verify_says_passed_exactly_where_its_exit_code_does(answer: Any) -> None:
    code, found = answer("verify")
    assert found["profile"] == "quick"
    assert found["passed"] is (code == 0)
    assert found["checks"]


def test_plan_lists_every_cell_with_what_is_missing(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    assert cli.main(["plan", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["profile"] == "tiny"
    assert {cell["dataset"] for cell in found["cells"]} == {tiny.DATASET}
    assert all(cell["seeds"] == 1 and len(cell["missing"]) == 1 for cell in found["cells"])


def test_which_gives_a_report_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dataset_versions, "SOURCES", ())
    files = [tmp_path / name for name in ("one.txt", "two.txt")]
    for file in files:
        file.write_text("IMGID:1\nParis\tB-LOC\n\n", encoding="utf-8")
    assert cli.main(["which", *map(str, files), "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(files)


def test_score_gives_f1_of_predictions_that_are_the_gold(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    lines = (world / "data" / tiny.DATASET / "gold" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    tags = world / "mine.jsonl"
    tags.write_text("".join(json.dumps(json.loads(line)["tags"]) + "\n" for line in lines), encoding="utf-8")
    assert cli.main(["score", str(tags), "--dataset", tiny.DATASET, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dataset"] == tiny.DATASET
    assert found["scores"]["conlleval"]["f1"] == pytest.approx(100.0)
