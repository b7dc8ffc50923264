"""A report on fabricated runs that holds what is hard to print: markup in names, skipped rows, two devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mner.evaluation.paper_reading import load_paper
from mner.reporting.card_text import CardText
from mner.reporting.layout import Line, Section, sections
from mner.reporting.rendered_files import write_report
from mner.reporting.results import Results
from support import fabricated_runs

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "reports" / "templates"
FABRICATED = vars(fabricated_runs)
PAPER = load_paper(ROOT / "reports" / "paper.yaml")
CARDS = tuple(
    CardText(name, f"The <{name}> card", {"cite": "A & B"}, {"Recipe": {"epochs": "3"}}, ("a doubt",))
    for name in ("umt", "bert-crf")
)
SYSTEMS = ("bert-crf", "umt", "rgcn", "ocsga", "rgcn-shuffled", "iaik")
ACTIVE = FABRICATED["Active"]("tiny", ("twitter2017",), SYSTEMS, (1, 2), "<b>bold</b> & notes")


def _wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
    if system == "iaik" or (system == "bert-crf" and view != "own"):
        return None
    return {"own": 0.1, "none": 0.2, "shuffled": 0.3}[view] + 0.02 * seed


def _throughput(dataset: str, system: str, seed: int) -> dict[str, Any]:
    speeds = FABRICATED["record_fields"]("tiny", dataset, system, seed, {})["throughput"]
    return speeds | ({"device": "NVIDIA <H200>"} if system == "umt" else {})


def make_results(root: Path) -> Results:
    """Runs below ``root``, evaluated: one system skipped, one not run, one on another device."""
    FABRICATED["make_runs"](root, ACTIVE, _wrong, throughput=_throughput)
    for seed in ACTIVE.seeds:
        folder = root / f"runs/tiny/twitter2017/ocsga/{seed}"
        for file in folder.iterdir():
            file.unlink()
        skipped = {"status": "skipped", "reason": "no <object> labels", "throughput": None, "dev_f1": ()}
        fields = FABRICATED["record_fields"]("tiny", "twitter2017", "ocsga", seed, {}) | skipped
        FABRICATED["Record"](**fields | {"best_epoch": None}).write(folder / "record.json")
    held = FABRICATED["evaluated"](root, ACTIVE)
    found = {"id": "x", "severity": "defect", "what": "a <script> & co", "expected": None, "seen": {"a": 1}}
    return replace(held, audit=replace(held.audit, findings={"twitter2017": [found | {"images": []}]}))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """For a test file to take over under this name, like the next two."""
    return make_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def rendered(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the whole report."""
    target = tmp_path_factory.mktemp("rendered")
    render(results, target)
    return target


@pytest.fixture(scope="module")
def page(rendered: Path) -> str:
    """Its page."""
    return (rendered / "index.html").read_text(encoding="utf-8")


def render(results: Results, target: Path) -> tuple[Path, ...]:
    """The whole report."""
    return write_report(results, PAPER, FABRICATED["Settings"](ACTIVE), CARDS, TEMPLATES, target)


def parts(results: Results) -> tuple[Section, ...]:
    """The sections of the report."""
    verify = FABRICATED["Settings"](ACTIVE).verify
    return sections(results, PAPER, verify.margin, verify.alpha)


def lines(results: Results, section: str, dataset: str) -> tuple[Line, ...]:
    """The lines of one section on one data set."""
    found = next(part for part in parts(results) if part.id == section)
    return next(block.lines for block in found.blocks if block.dataset == dataset)
