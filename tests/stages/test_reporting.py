"""Reports: no number without its record, all skins agree, everything is escaped, nothing needs a network."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
from support import fabricated_report
from support.profile_settings import write_profile

from mner.config import ConfigError, profiles
from mner.evaluation.paper import Figure
from mner.evaluation.result_files import as_json, read
from mner.reporting.analysis import pages
from mner.reporting.cells import NOT_RUN, CitationError, Cited, Printed, State, Words
from mner.reporting.layout import sections
from mner.reporting.page_views import table_view
from mner.reporting.results import Results
from mner.reporting.section_tables import section_tables
from mner.reporting.site import environment, refuse_bare_numbers
from mner.reporting.tables import Column, Row, Table, to_csv, to_entries, to_latex, to_markdown
from stages import report, score

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "reports" / "templates"
REPORT = vars(fabricated_report)
results = REPORT["results"]
rendered = REPORT["rendered"]
PAPER = REPORT["PAPER"]
RECORD = "runs/tiny/twitter2017/umt/1/record.json"


@pytest.fixture(scope="module")
def scored(results: Results) -> dict[str, Any]:
    return as_json(results.scores)


def _table(cell: Any, origin: str = "ours", records: frozenset[str] = frozenset({RECORD})) -> Table:
    columns = (Column("system", "System", "words"), Column("F1.ours", "F1 ours", origin))
    return Table("t", "T", "twitter2017", columns, (Row("umt", (Words("UMT"), cell)),), records)


@pytest.mark.parametrize(
    "cheat",
    [75.0, 75, "75.00", Words("75.00"), Printed(Figure(75.0), "somewhere"), None, {"value": 75.0}],
)
def test_our_column_takes_nothing_but_citations_and_states(cheat: Any) -> None:
    with pytest.raises(CitationError, match=r"row umt, column F1\.ours"):
        _table(cheat)
    assert "75.00" in to_markdown(_table(Cited(75.0, (RECORD,), (75.0,))))


@pytest.mark.parametrize("skin", [to_markdown, to_latex, to_entries, lambda table: to_csv([table]), table_view])
@pytest.mark.parametrize(
    "cheat", [75.0, "75.00", Words("75.00"), Cited(75.0, ("elsewhere/record.json",), (75.0,))]
)
def test_no_skin_renders_a_number_without_its_record(skin: Callable[[Table], Any], cheat: Any) -> None:
    table = _table(Cited(75.0, (RECORD,), (75.0,)))
    assert skin(table)
    object.__setattr__(table.rows[0], "cells", (Words("UMT"), cheat))
    with pytest.raises(CitationError, match=r"row umt, column F1\.ours"):
        skin(table)


def test_citations_cannot_be_faked() -> None:
    for arguments in (
        (75.0, (), ()),
        (75.0, ("",), (75.0,)),
        (75.0, ("my notes",), (75.0,)),
        (75.0, (RECORD,), ()),
        (75.0, (RECORD,), (74.0,)),
        (float("nan"), (RECORD,), (float("nan"),)),
    ):
        with pytest.raises(CitationError):
            Cited(*arguments)
    with pytest.raises(CitationError, match="not among the scored runs"):
        _table(Cited(75.0, (RECORD,), (75.0,)), records=frozenset())
    with pytest.raises(CitationError, match="in the guise of a state"):
        State("75.00")
    with pytest.raises(CitationError):
        _table(Cited(75.0, (RECORD,), (75.0,)), origin="paper")


@pytest.mark.parametrize("value", [75.0, 75, True, ["75"]])
def test_a_template_cannot_print_a_bare_number(value: Any) -> None:
    with pytest.raises(CitationError, match="only through a Cited"):
        environment(TEMPLATES).from_string("<td>{{ value }}</td>").render(value=value)
    assert refuse_bare_numbers("text") == "text"
    with pytest.raises(jinja2.UndefinedError):
        environment(TEMPLATES).from_string("{{ nothing }}").render()


def test_markdown_is_aligned_and_pipes_are_escaped(rendered: Path) -> None:
    assert "a\\|b" in to_markdown(_table(State("a|b")))
    for name in ("table1.md", "table2.md", "ita.md", "others.md"):
        groups = re.findall(r"(?:^\|.*\n)+", (rendered / name).read_text(encoding="utf-8"), re.M)
        assert groups
        for group in groups:
            assert len({len(line) for line in group.splitlines()}) == 1
            assert (
                len({tuple(m.start() for m in re.finditer(r"(?<!\\)\|", line)) for line in group.splitlines()})
                == 1
            )


def test_paper_and_ours_stand_side_by_side(rendered: Path) -> None:
    text = (rendered / "table1.md").read_text(encoding="utf-8")
    overall = text.split("### Twitter-2017: overall F1 (%)")[1]
    umt = next(line for line in overall.splitlines() if line.startswith("| [UMT] "))
    cells = [cell.strip() for cell in umt.strip("|").split("|")]
    assert cells[:2] == ["[UMT]", "85.31"]
    assert cells[-3:] == ["NOT-COMPARABLE", "1 2", "62 ± 1 (a)"]
    assert "one seed has no ±" in overall
    header = next(line for line in overall.splitlines() if "System" in line)
    assert [c.strip() for c in header.strip("|").split("|")][1:5] == [
        *("F1 paper", "F1 ours", "By its rule", "Difference")
    ]
    parted = text.split("### Twitter-2017: precision and recall (%)")[1]
    umt = next(line for line in parted.splitlines() if line.startswith("| [UMT] "))
    cells = [cell.strip() for cell in umt.strip("|").split("|")]
    assert cells == ["[UMT]", "85.28", "100.00 ± 0.00", "85.34", "86.88 ± 1.47"]


def test_not_run_and_skipped_are_words_never_zero(rendered: Path) -> None:
    entries = json.loads((rendered / "tables.json").read_text(encoding="utf-8"))["cells"]
    absent = [entry for entry in entries if entry["origin"] == "ours" and entry["value"] is None]
    words = {"not run", "skipped", "–", "not measured", "not known", "same", "does not apply"}
    assert words >= {entry["text"] for entry in absent}
    assert all(entry["records"] == [] for entry in absent)
    assert any(entry["row"] == "iaik" and entry["text"] == "not run" for entry in absent)
    assert any(entry["row"] == "ocsga" and entry["text"] == "skipped" for entry in absent)
    assert NOT_RUN.plain() == "not run"


def test_every_number_of_ours_resolves_to_records(rendered: Path, scored: dict[str, Any]) -> None:
    known = {run["record"] for run in scored["runs"] if run["status"] == "finished"}
    entries = json.loads((rendered / "tables.json").read_text(encoding="utf-8"))["cells"]
    ours = [entry for entry in entries if entry["origin"] == "ours" and entry["value"] is not None]
    assert len(ours) > 20
    assert all(entry["records"] and set(entry["records"]) <= known for entry in ours)
    assert all(len(entry["records"]) == entry["runs"] for entry in ours)


def test_all_skins_agree(rendered: Path, results: Results) -> None:
    parts = sections(results, PAPER, 0.5, 0.05)
    tables = [table for part in parts for table in section_tables(part, results.records)]
    tables += [table for page in pages(results, PAPER) for table in page.tables]
    entries = [entry for table in tables for entry in to_entries(table)]
    rows = list(csv.DictReader(io.StringIO((rendered / "tables.csv").read_text(encoding="utf-8"))))
    assert [(row["table"], row["row"], row["column"], row["text"]) for row in rows] == [
        (entry["table"], entry["row"], entry["column"], entry["text"]) for entry in entries
    ]
    page = (rendered / "index.html").read_text(encoding="utf-8")
    for entry in entries:
        if entry["value"] is not None and entry["origin"] == "ours":
            assert f"<b>{html.escape(entry['text'].split(' ')[0])}</b>" in page


def test_latex_names_the_records_and_escapes(rendered: Path) -> None:
    text = (rendered / "tables.tex").read_text(encoding="utf-8")
    assert f"% umt: {RECORD}" in text
    assert r"\toprule" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") > 4
    assert "±" not in text
    tricky = Table(
        "t", "50% & a_b", "d", (Column("s", "S", "words"),), (Row("r", (Words("x_y # {z}"),)),), frozenset()
    )
    assert r"\caption{50\% \& a\_b}" in to_latex(tricky)
    grouped = replace(tricky, rows=(replace(tricky.rows[0], group="on a_b"), *tricky.rows[1:]))
    assert rf"\multicolumn{{{len(tricky.columns)}}}{{l}}{{\emph{{on a\_b}}}} \\" in to_latex(grouped)
    assert r"x\_y \# \{z\}" in to_latex(tricky)


def test_two_rows_of_one_name_lead_to_two_cards() -> None:
    rows = tuple(Row(name, (Words("UMT", link=f"cards.md#{name}"),)) for name in ("a", "b", "a"))
    text = to_markdown(Table("t", "T", "d", (Column("system", "System", "words"),), rows, frozenset()))
    assert [line.strip("| ") for line in text.splitlines() if "UMT" in line] == [
        *("[UMT]", "[UMT](cards.md#b)", "[UMT]", "[UMT]: cards.md#a")
    ]


def test_reports_are_a_pure_function_of_their_inputs(results: Results, rendered: Path, tmp_path: Path) -> None:
    held = (results.scores, results.rescored, results.statistics, results.errors, results.audit)
    again = Results(*(read(type(one), json.loads(json.dumps(as_json(one))), "again") for one in held))
    files = REPORT["render"](again, tmp_path)
    assert {file.name for file in files} == {file.name for file in rendered.iterdir()}
    for file in files:
        assert file.read_bytes() == (rendered / file.name).read_bytes(), file.name


@pytest.mark.parametrize("profile", profiles.names())
def test_stages_write_scores_and_report_under_every_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    write_profile(tmp_path, profile)
    shutil.copytree(TEMPLATES, tmp_path / "reports" / "templates")
    shutil.copy(ROOT / "reports" / "paper.yaml", tmp_path / "reports")
    monkeypatch.chdir(tmp_path)
    score.main([profile])
    scores = json.loads((tmp_path / "results" / profile / "scores.json").read_text(encoding="utf-8"))
    assert {cell["state"] for cell in scores["cells"]} == {"not-run"}
    report.main([profile])
    shown = {file.name for file in (tmp_path / "results" / profile).iterdir()}
    assert shown >= {"metrics.json", "learning_curves.json", "costs.json"}
    written = {file.name for file in (tmp_path / "reports" / "rendered" / profile).iterdir()}
    assert written >= {"tables.tex", "tables.csv", "tables.json", "index.html"}
    assert written >= {"scorers.md", "statistics.md", "errors.md", "suspects.json"}
    for stage in (score, report):
        with pytest.raises(ConfigError):
            stage.main(["another"])
