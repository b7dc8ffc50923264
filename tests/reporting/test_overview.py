"""The overview over committed results: numbers add up, and the committed copy is what the command renders."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mner.cli import main as cli
from mner.evaluation.paper import Paper
from mner.evaluation.paper_reading import load_paper
from mner.reporting.cells import Cited, Measured, Printed
from mner.reporting.kept_cells import KeptCells
from mner.reporting.overview import Overview, overview_files
from mner.reporting.references import load_references

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "page"
LARGEST = 1_000_000  # bytes of the committed copy


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper(ROOT / "reports" / "paper.yaml")


@pytest.fixture(scope="module")
def overview(paper: Paper) -> Overview:
    kept = KeptCells.read(ROOT / "reports" / "results")
    return Overview.of(kept, paper, load_references(ROOT / "reports" / "references.yaml"))


@pytest.fixture(scope="module")
def files(overview: Overview) -> dict[str, str]:
    return overview_files(overview, ROOT / "reports" / "templates")


def test_the_committed_copy_is_what_the_command_renders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert cli.main(["page", "--from-reference", "--target", str(tmp_path)]) == 0
    rendered = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    committed = {file.name: file.read_bytes() for file in PAGE.iterdir()}
    assert rendered == committed, "docs/page is out of date: mner page --from-reference --target docs/page"
    assert sum(map(len, committed.values())) < LARGEST


def test_every_headline_has_an_answer_whose_parts_add_up(overview: Overview) -> None:
    assert {(one.system, one.dataset) for one in overview.answers} == {
        (system, dataset) for system in ("rgcn", "ita-all-cva") for dataset in ("twitter2015", "twitter2017")
    }
    for answer in overview.answers:
        gap = answer.gap
        measured = [part.cell for part in gap.parts if isinstance(part.cell, Measured)]
        assert math.isclose(gap.printed + sum(cell.value for cell in measured), gap.start, abs_tol=1e-9)
        shown = answer.printed.figure.value + sum(cell.shown or 0.0 for cell in measured)
        assert f"{shown:.2f}" == answer.start.number
        assert math.isclose(gap.best, answer.ours.value, abs_tol=1e-9)


def test_both_sides_of_every_subtraction_stand_under_one_scorer(overview: Overview) -> None:
    compared = 0
    for row in (row for table in overview.tables for row in table.rows):
        printed, ours, difference = row.paper["F1"], row.ours["F1"], row.difference
        if isinstance(printed, Printed) and isinstance(ours, Cited):
            assert isinstance(difference, Measured)
            assert f"{round(ours.value, 2) - printed.figure.value:+.2f}".replace("-", "−") == difference.number
            compared += 1
    assert compared > 30


def test_every_reference_is_of_a_printed_row(overview: Overview, paper: Paper) -> None:
    rows = [row for table in paper.tables for row in table.rows]
    assert {row.system.partition("-")[0] for row in rows} >= {
        name.partition("-")[0] for name in overview.references.systems
    }
    assert all(overview.references.of(row) for row in rows)


class _Structure(HTMLParser):
    """Identifiers, fragments that links lead to, and what each table and text of the page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fragments: list[str] = []
        self.opened: list[str] = []
        self.titles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.opened.append(tag)
        self.titles += "title" in found
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if str(found.get("href", "")).startswith("#"):
            self.fragments.append(str(found["href"])[1:])


def test_the_page_is_whole_and_reachable_without_pointing(files: dict[str, str]) -> None:
    page = _Structure()
    page.feed(files["index.html"])
    assert len(page.ids) == len(set(page.ids))
    assert set(page.fragments) <= set(page.ids)
    assert page.opened.count("caption") == page.opened.count("table")
    assert page.titles == 0
    assert not {"link", "img", "iframe"} & set(page.opened)


def test_the_only_script_is_the_one_that_the_policy_allows(files: dict[str, str]) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", files["index.html"], re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in files["index.html"]


def test_data_files_hold_every_number_of_the_tables(files: dict[str, str], overview: Overview) -> None:
    for table in overview.data_tables:
        assert f"{table.id}," in files["tables.csv"]
        assert f'"{table.id}"' in files["tables.json"]
    assert files["references.bib"].count("@misc{") == len(
        {one.doi for one in overview.references.systems.values()}
    )
