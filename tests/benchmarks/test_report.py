"""Scoring and rendering of a fabricated profile, whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import fabricated_runs

from mner.evaluation.paper_reading import load_paper
from mner.reporting.rendered_files import write_report

ROOT = Path(__file__).resolve().parents[2]
FABRICATED = vars(fabricated_runs)
ACTIVE = FABRICATED["Active"]("tiny", ("twitter2017",), ("bert-crf", "umt", "rgcn"), (1, 2))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    FABRICATED["make_runs"](root, ACTIVE, lambda dataset, system, seed, view: 0.1 + 0.02 * seed)
    return root


def test_scoring(benchmark, root: Path) -> None:
    results = benchmark(FABRICATED["evaluated"], root, ACTIVE)
    assert len(results.scores["runs"]) == 6


def test_rendering(benchmark, root: Path, tmp_path: Path) -> None:
    results, paper = FABRICATED["evaluated"](root, ACTIVE), load_paper(ROOT / "reports" / "paper.yaml")
    settings = FABRICATED["Settings"](ACTIVE)

    def render() -> int:
        write_report(results, paper, settings, {}, ROOT / "reports" / "templates", tmp_path / "rendered")
        return (tmp_path / "rendered" / "index.html").stat().st_size

    assert benchmark(render) > 10_000
