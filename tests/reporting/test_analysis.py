"""Analysis pages: every number has its records, tweets stay unprinted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_runs

from mner.evaluation.paper_reading import load_paper
from mner.evaluation.waterfall import waterfalls
from mner.reporting.analysis import pages
from mner.reporting.cells import CitationError, Cited, Measured, State, Words
from mner.reporting.charts import ForestRow, forest, reach_of
from mner.reporting.rendered_files import write_report
from mner.reporting.results import Results
from mner.reporting.tables import Column, Row, Table, to_entries, to_latex, to_markdown

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "reports" / "templates"
FABRICATED = vars(fabricated_runs)
PAPER = load_paper(ROOT / "reports" / "paper.yaml")
SETTINGS = FABRICATED["Settings"](FABRICATED["QUICK"])
RECORD = "runs/quick/twitter2017/rgcn/1/record.json"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    FABRICATED["make_repository"](root)
    return root


@pytest.fixture(scope="module")
def results(root: Path) -> Results:
    return Results.read("quick", root / "results")


@pytest.fixture(scope="module")
def rendered(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("rendered")
    write_report(results, PAPER, SETTINGS, (), TEMPLATES, target)
    return target


@pytest.mark.parametrize(
    "arguments",
    [
        {"records": ()},
        {"records": ("my notes",)},
        {"method": ""},
        {"value": float("inf")},
        {"low": 1.0},
        {"low": 1.0, "high": float("nan")},
    ],
)
def test_a_measured_number_needs_record_method_and_a_whole_interval(arguments: dict[str, Any]) -> None:
    good = {"value": 1.0, "records": (RECORD,), "method": "bootstrap"}
    assert Measured(**good).plain() == "1.00"
    with pytest.raises(CitationError):
        Measured(**good | arguments)


def test_a_tiny_p_value_is_not_printed_as_zero() -> None:
    tiny = Measured(4e-9, (RECORD,), "t-test", digits=3, least=0.001)
    assert tiny.plain() == "<0.001"
    assert Measured(0.0312, (RECORD,), "t-test", digits=3, least=0.001).plain() == "0.031"
    columns = (Column("a", "A", "words"), Column("p", "p", "ours"))
    table = Table("t", "T", "d", columns, (Row("r", (Words("r"), tiny)),), frozenset({RECORD}))
    assert "$<$0.001" in to_latex(table)
    assert to_entries(table)[1]["value"] == 4e-9


def test_a_shown_number_may_differ_by_rounding_only() -> None:
    assert Cited(70.004, (RECORD,), (70.004,), shown=70.01).plain() == "70.01"
    with pytest.raises(CitationError, match="more than rounding"):
        Cited(70.0, (RECORD,), (70.0,), shown=75.0)


@pytest.mark.parametrize("cheat", [75.0, "75.00", Words("75.00"), {"value": 75.0}])
def test_an_analysis_table_takes_no_bare_number(cheat: Any, results: Results) -> None:
    columns = (Column("a", "A", "words"), Column("b", "B", "ours"))
    with pytest.raises(CitationError):
        Table("t", "T", "d", columns, (Row("r", (Words("r"), cheat)),), results.records)
    stranger = Measured(75.0, ("runs/quick/elsewhere/record.json",), "made up")
    with pytest.raises(CitationError, match="not among the scored runs"):
        Table("t", "T", "d", columns, (Row("r", (Words("r"), stranger)),), results.records)


def test_every_number_of_every_page_resolves_to_records(results: Results) -> None:
    known = {run.record for run in results.scores.runs if run.is_finished}
    made = pages(results, PAPER)
    assert [page.id for page in made] == ["waterfall", "scorers", "arithmetic", "statistics", "errors", "cost"]
    for page in made:
        entries = [entry for table in page.tables for entry in to_entries(table)]
        ours = [entry for entry in entries if entry["origin"] == "ours" and entry["value"] is not None]
        assert len(ours) >= 10, page.id
        for entry in ours:
            assert entry["records"]
            assert set(entry["records"]) <= known
            system = entry["row"].split("/")[0]
            if page.id == "waterfall" and system in FABRICATED["QUICK"].systems:
                assert all(f"/{system}/" in record for record in entry["records"])
        for table in page.tables:
            assert to_markdown(table).count("|") > 10
            cited = any(entry["records"] for entry in to_entries(table))
            assert (f"% {table.rows[0].id}: runs/" in to_latex(table)) == cited


def test_pages_are_written_in_every_skin(rendered: Path, results: Results) -> None:
    page = (rendered / "index.html").read_text(encoding="utf-8")
    assert page.count('class="chart waterfall"') == len(waterfalls(results.scores, results.rescored, PAPER)) == 7
    for name in ("heat", "forest", "stacked"):
        assert f'class="chart {name}"' in page
    cells = json.loads((rendered / "tables.json").read_text(encoding="utf-8"))["cells"]
    assert {"waterfall-twitter2017", "scorers-twitter2015", "pairs-twitter2017"} <= {c["table"] for c in cells}
    text = (rendered / "waterfall.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| R-GCN (rgcn)"))
    numbers = [cell.strip() for cell in row.strip("|").split("|")]
    paper, *steps, ours, _ = numbers[1:]
    values = [
        float(step.split(" ±")[0].replace("−", "-"))
        for step in steps
        if step not in ("same", "does not apply", "not measured")
    ]
    assert round(float(paper.split(" ")[0]) + sum(values), 2) == float(ours)


def test_every_multimodal_row_stands_beside_text_only_and_its_reliance_has_an_interval(
    rendered: Path, results: Results
) -> None:
    reliance = results.statistics.datasets["twitter2017"].image_sensitivity
    held = {entry.system: entry.views for entry in reliance}
    entries = json.loads((rendered / "tables.json").read_text(encoding="utf-8"))["cells"]
    rows = [entry for entry in entries if entry["table"] == "image-reliance-twitter2017"]
    said = {(entry["row"], entry["column"]): entry for entry in rows}
    for row in ("rgcn", "ita-all-cva"):
        assert said[row, "text.system"]["text"] == "bert-crf"
        assert "bert-crf" in said[row, "text"]["records"][0]
        for view in ("none", "shuffled"):
            found = said[row, view]
            assert found["low"] <= found["value"] <= found["high"], found
            assert said[row, f"{view}.holm"]["value"] == held[row][view].holm
        assert said[row, "gain"]["value"] == pytest.approx(said[row, "F1"]["value"] - said[row, "text"]["value"])
    assert not any(entry["row"] == "bert-crf" for entry in rows)


def test_printed_arithmetic_is_audited_and_rgcn_falls_short(rendered: Path) -> None:
    text = (rendered / "arithmetic.md").read_text(encoding="utf-8")
    for block in text.split("### ")[1:]:
        if "of the printed rows" in block:
            assert "R-GCN's rows, all data sets: 10 of 10 fall short, 0 exceed" in block
            umgf = next(line for line in block.splitlines() if line.startswith("| UMGF "))
            assert "within rounding" in umgf
    assert "gap that batch averaging leaves on our predictions" in text


def test_what_must_not_be_done_is_labelled_so(rendered: Path) -> None:
    text = (rendered / "waterfall.md").read_text(encoding="utf-8")
    block = text.split("what must not be done (F1, %)")[1]
    assert "none of these numbers is a result" in block


def test_no_word_of_a_tweet_leaves_the_evaluation(rendered: Path, root: Path) -> None:
    tweets = json.loads((root / "data/twitter2017/gold/test.jsonl").read_text(encoding="utf-8").splitlines()[0])
    suspects = json.loads((rendered / "suspects.json").read_text(encoding="utf-8"))["datasets"]["twitter2017"]
    entry = {"sentence", "kind", "remove", "add", "share", "systems", "image"}
    assert suspects["changes"]
    assert all(set(found) == entry for found in suspects["changes"])
    for file in (root / "results/quick/errors.json", rendered / "suspects.json", rendered / "errors.md"):
        text = file.read_text(encoding="utf-8")
        assert not any(f'"{word}"' in text or f" {word} " in text for word in tweets["words"])


def test_the_axis_of_a_forest_holds_every_interval_and_a_missing_one_is_words() -> None:
    wide = Measured(0.5, (RECORD,), "t", -40.0, 41.0, signed=True)
    narrow = Measured(-0.5, (RECORD,), "t", -1.0, 1.0, signed=True)
    rows = [ForestRow("x", (wide, State("not predicted"))), ForestRow("<y>", (State("not predicted"),) * 2)]
    drawing = forest("t", ["a", "b"], rows, reach_of(rows))
    right = max(
        float(at)
        for at in re.findall(r'class="zero"|x2="([\d.]+)" y1="[\d.]+" y2="[\d.]+" class="interval', drawing)
        if at
    )
    numbers = min(float(at) for at in re.findall(r'<text x="([\d.]+)"[^>]*class="(?:value|state)', drawing))
    assert right < numbers, "the interval ends before the numbers begin"
    assert drawing.count("not predicted") == 1, "a row without any estimate says so, once"
    assert "&lt;y&gt;" in drawing
    together = reach_of([*rows, ForestRow("z", (narrow,))])
    assert together == reach_of(rows) >= 41.0
    assert reach_of(rows[1:]) > 0


def test_a_profile_without_any_run_still_renders(tmp_path: Path) -> None:
    active = FABRICATED["Active"]("empty", ("controls-positive",), ("bert-crf",), (1,))
    write_report(
        FABRICATED["evaluated"](tmp_path, active),
        PAPER,
        FABRICATED["Settings"](active),
        (),
        TEMPLATES,
        tmp_path,
    )
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Nothing has been run" in text
    assert "No audit found" in text
