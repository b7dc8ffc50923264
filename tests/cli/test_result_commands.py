"""Commands that answer from results: explain, compare, cases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import fabricated_runs

from mner.cli import main as cli
from mner.evaluation.kept_results import NoResultsError
from mner.evaluation.paper_reading import load_paper
from mner.reporting.explanation import explain
from mner.reporting.results import Results

ROOT = Path(__file__).resolve().parents[2]
FABRICATED = vars(fabricated_runs)
SETTINGS = FABRICATED["Settings"](FABRICATED["QUICK"])
PAPER = load_paper(ROOT / "reports" / "paper.yaml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    FABRICATED["make_repository"](root)
    return root


def _command(root: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.chdir(root)
    return cli.main(arguments)


def test_explain_a_cell(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(root, monkeypatch, "explain", "twitter2017/rgcn") == 0
    text = capsys.readouterr().out
    for part in (
        *("R-GCN  87.11 ± 0.36†  NOT-COMPARABLE", "runs/quick/twitter2017/rgcn/2/record.json", "3333333333"),
        *(
            "mner profile quick && dvc repro data features graphs && mner run twitter2017 rgcn",
            "0000000000000000",
            "R-GCN, batches of 64",
            "Residual",
        ),
        *("± is the s.d. over 2 seeds", "(seeds and sample)", "own − another's", "], p (Holm) "),
    ):
        assert part in text, part


def test_explain_a_number(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(root, monkeypatch, "explain", "87.11") == 0
    printed = capsys.readouterr().out
    assert "table1: R-GCN  twitter2017  F1  87.11 ± 0.36†" in printed
    assert "twitter2017 / rgcn" in printed
    ours = Results.read("quick").scores.cells[0].views["test.own"].f1.mean
    assert _command(root, monkeypatch, "explain", f"{ours:.2f}") == 0
    assert "in our results" in capsys.readouterr().out
    for nothing in ("12.3456", "seventy", "twitter2017/nobody"):
        assert _command(root, monkeypatch, "explain", nothing) == 2
        assert nothing in capsys.readouterr().err


def test_explain_a_cell_that_was_not_run(root: Path) -> None:
    results = Results.read("quick", root / "results")
    text = explain("twitter2015/rgcn", results, PAPER, SETTINGS)
    assert "ours: not-run" in text
    with pytest.raises(NoResultsError, match="there are twitter2017/bert-crf"):
        explain("twitter2017/umt", results, PAPER, SETTINGS)


def test_compare(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(root, monkeypatch, "compare", "rgcn", "bert-crf") == 0
    text = capsys.readouterr().out
    assert "rgcn − bert-crf" in text
    assert _command(root, monkeypatch, "compare", "bert-crf", "rgcn") == 0
    turned = capsys.readouterr().out
    assert "bert-crf − rgcn" in turned
    numbers = [
        re.search(r"difference \[95 %\]  +([+−-][\d.]+) \[([+−-][\d.]+), ([+−-][\d.]+)", one)
        for one in (text, turned)
    ]
    first, second = ([float(group.replace("−", "-")) for group in found.groups()] for found in numbers)
    assert first[0] > 0
    assert second == pytest.approx([-first[0], -first[2], -first[1]])
    shares = [float(re.search(r"runs ahead  +([\d.]+)", one).group(1)) for one in (text, turned)]
    assert sum(shares) == pytest.approx(1, abs=0.011)
    assert re.search(r"p \(Holm, all pairs\) +[<\d.]+\n", text)
    assert re.search(r"p \(Holm, primary\) +[<\d.]+\n", text)
    assert "(by p within the primary family)" in text
    assert "rgcn has no finished run" in text.split("Twitter-2015")[1]
    assert _command(root, monkeypatch, "compare", "rgcn", "bert-crf", "--dataset", "twitter2012") == 2
    assert "no data set twitter2012" in capsys.readouterr().err


def test_cases(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(root, monkeypatch, "cases", "rgcn", "bert-crf") == 0
    text = capsys.readouterr().out
    assert "that every run of rgcn reads right and none of bert-crf does" in text
    assert "bert-crf 0 %" in text
    assert "w3" not in text
    assert _command(root, monkeypatch, "cases", "rgcn", "bert-crf", "--words") == 0
    assert "w3" in capsys.readouterr().out
    assert _command(root, monkeypatch, "cases", "rgcn") == 0
    text = capsys.readouterr().out
    assert all(kind in text for kind in ("annotation:", "background knowledge:", "information:"))
    assert _command(root, monkeypatch, "cases", "umt") == 2
    assert "profile quick has no system umt; `mner profile NAME` with one of" in capsys.readouterr().err


def test_compare_says_where_a_row_can_be_had(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(root, monkeypatch, "compare", "rgcn-figure", "rgcn") == 2
    assert "profile quick has no system rgcn-figure; `mner profile NAME` with one of" in capsys.readouterr().err
    for pair in (("rgnc", "bert-crf"), ("bert-crf", "rgnc")):
        assert _command(root, monkeypatch, "compare", *pair) == 2
        assert "did you mean 'rgcn'?" in capsys.readouterr().err
