"""The HTML pages: well-formed files without network or script, everything escaped, every proof in its place."""

from __future__ import annotations

import html
import html.parser
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support import fabricated_report

from mner.cli.verbs.show import with_results, without_links, without_preamble
from mner.reporting import page
from mner.reporting.page_views import example_citation
from mner.reporting.results import Results

REPORT = vars(fabricated_report)
results = REPORT["results"]
rendered = REPORT["rendered"]


class _Page(html.parser.HTMLParser):
    """Collects tags, links and ids, and checks that what opens closes."""

    VOID = ("meta", "br", "line", "rect", "path", "circle", "text")

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.stack: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def test_page_is_one_well_formed_file_without_network_or_script(rendered: Path) -> None:
    text = (rendered / "index.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.stack == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(name not in ("src", "srcset", "onclick") for name, _ in page.attributes)
    links = [value or "" for name, value in page.attributes if name == "href"]
    assert all(link.startswith(("#", "cards.html#")) for link in links)
    assert "url(" not in text
    assert "@import" not in text
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_page_escapes_what_it_is_given(rendered: Path) -> None:
    text = (rendered / "index.html").read_text(encoding="utf-8")
    for raw, escaped in (
        ("<b>bold</b> & notes", "&lt;b&gt;bold&lt;/b&gt; &amp; notes"),
        ("a <script> & co", "a &lt;script&gt; &amp; co"),
        ("NVIDIA <H200>", "NVIDIA &lt;H200&gt;"),
        ("no <object> labels", "no &lt;object&gt; labels"),
    ):
        assert raw not in text
        assert escaped in text


def test_page_shows_proof_and_marks_devices(rendered: Path, results: Results) -> None:
    text = (rendered / "index.html").read_text(encoding="utf-8")
    for run in results.scores.runs:
        if run.is_finished:
            assert run.record in text
            assert run.key in text
            assert f"mner run {run.dataset} {run.system} --seed {run.seed}<" in text
    assert "numbers with different marks are not comparable" in text
    speeds = re.findall(r'<span class="pace">(.*?)</span>\s*</td>', text, re.S)
    assert speeds
    assert all(re.search(r"<sup>[ab]</sup>", speed) for speed in speeds)
    assert "s.d. (n − 1) over seeds" in text


def test_the_terminal_gets_the_same_columns_without_links(rendered: Path) -> None:
    linked = (rendered / "table1.md").read_text(encoding="utf-8")
    shown = without_links(linked)
    rows, shown_rows = ([line for line in text.splitlines() if line[:1] == "|"] for text in (linked, shown))
    assert any(row.startswith("| [") for row in rows)
    assert not any(row.startswith("| [") for row in shown_rows)
    assert [len(row) for row in shown_rows] == [len(row) for row in rows]
    assert [row.split("|")[2:] for row in shown_rows] == [row.split("|")[2:] for row in rows]
    assert "cards.md" not in shown


def test_rows_lead_to_their_cards(rendered: Path) -> None:
    texts = {
        name: (rendered / name).read_text(encoding="utf-8") for name in ("table1.md", "cards.md", "index.html")
    }
    assert "\n[UMT]: cards.md#umt\n" in texts["table1.md"]
    assert "[BERT-CRF]: cards.md#bert-crf" in texts["table1.md"]
    assert "cards.md#iaik" not in texts["table1.md"]
    assert {"## umt", "## bert-crf"} <= set(texts["cards.md"].splitlines())
    cards = _Page()
    cards.feed((rendered / "cards.html").read_text(encoding="utf-8"))
    assert cards.stack == []
    ids = {value for name, value in cards.attributes if name == "id"}
    targets = set(re.findall(r'href="cards\.html#([^"]+)"', texts["index.html"]))
    assert targets == ids == {"umt", "bert-crf"}
    assert "The &lt;umt&gt; card" in (rendered / "cards.html").read_text(encoding="utf-8")


def test_the_terminal_shows_the_sections_that_hold_results() -> None:
    def entry(table: str, origin: str, value: float | None) -> dict:
        return {"table": table, "origin": origin, "value": value}

    printed = [
        entry("table1-twitter2017-overall", "paper", 80.0),
        entry("table2-twitter2017-overall", "ours", None),
    ]
    assert with_results(printed) == []
    ours = [entry("others-controls-positive-overall", "ours", 95.0), entry("ita-twitter2017-types", "ours", 1.0)]
    assert with_results([*printed, *ours, entry("cost-twitter2017", "ours", 3.0)]) == ["ita", "others"]
    text = "## Title\n\nProfile `x`.\n\n- Epochs: 2.\n\n### A table\n\n| a |\n"
    assert without_preamble(text) == "## Title\n\n### A table\n\n| a |\n"


def test_rows_that_were_not_run_are_folded_away_and_skipped_ones_are_not(rendered: Path, results: Results) -> None:
    text = (rendered / "index.html").read_text(encoding="utf-8")
    folded = re.findall(r'<details class="unrun.*?</table></div>\s*</details>', text, re.S)
    inside = {name for part in folded for name in re.findall(r'<tr id="table1-twitter2017-([^"]+)"', part)}
    everything = set(re.findall(r'<tr id="table1-twitter2017-([^"]+)"', text))
    f1 = {line.id: line.ours["F1"].plain() for line in REPORT["lines"](results, "table1", "twitter2017")}
    assert inside == {name for name, text in f1.items() if text == "not run"}
    assert everything == set(f1)
    assert "skipped" in {f1[name] for name in everything - inside}
    assert f"<summary>{len(inside)} printed rows that were not run</summary>" in text


def test_numbers_of_the_page_have_minus_signs_and_heads_no_hardware(rendered: Path) -> None:
    text = (rendered / "index.html").read_text(encoding="utf-8")
    shown = re.sub(r"<style>.*?</style>|<code[^>]*>.*?</code>|<[^>]+>", " ", text, flags=re.S)
    assert re.search(r"ours − paper\s+[+−]\d", shown)
    assert re.findall(r"[\s\[(]-\d[\d.]*", shown) == []
    for head in re.findall(r"<thead>.*?</thead>", text, re.S):
        assert "Intel" not in head
        assert "H200" not in head


def test_the_sentence_to_copy_says_what_was_run(results: Results, rendered: Path) -> None:
    line = next(line for line in REPORT["lines"](results, "table1", "twitter2017") if line.finished)
    said = html.unescape(
        re.search(r"<blockquote>(.*?)</blockquote>", (rendered / "index.html").read_text()).group(1)
    )
    runs = [run for run in results.scores.runs if run.record in line.ours["F1"].records]
    assert said.startswith(f"Row {line.system} (encoder minilm, no layer frozen, 6 epochs) reaches ")
    assert f"over {len(runs)} seeds" in said
    assert f"commit {runs[0].git['commit'][:10]};" in said
    assert "uncommitted" not in said
    assert line.verdict.name == "NOT-COMPARABLE"
    assert said.endswith(f"Not comparable with the printed {line.label}: {'; '.join(line.verdict.why)}.")
    changed = tuple(replace(run, git={**run.git, "dirty": True}) for run in results.scores.runs)
    parts = REPORT["parts"](results)
    assert "with uncommitted changes" in example_citation(parts, replace(results.scores, runs=changed))


def test_a_difference_under_another_rule_than_the_columns_says_so(rendered: Path, results: Results) -> None:
    text, seen = (rendered / "index.html").read_text(encoding="utf-8"), []
    for line in REPORT["lines"](results, "table1", "twitter2017"):
        if line.finished and line.verdict and line.verdict.difference is not None:
            row = text[text.index(f'id="table1-twitter2017-{line.id}"') :]
            row = row[: row.index("</tr>")]
            assert f"ours − paper <b>{line.difference.number}</b>" in row
            said = f"conlleval <b>{line.ours['F1'].number}</b>"
            assert (said in row) == (line.scored.number != line.ours["F1"].number), line.id
            seen.append(said in row)
    assert set(seen) == {True, False}


def test_a_page_of_many_figures_folds_them_and_opens_their_table(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_FIGURES", 0)
    REPORT["render"](results, tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    reader = _Page()
    reader.feed(text)
    assert reader.stack == []
    assert re.search(r'<summary>[^<]+: \d+ figures, one a printed row</summary>\s*<div class="figures">', text)
    assert re.search(r'<details class="numbers" id="waterfall-[^"]+" open>', text)
