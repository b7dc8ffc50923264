"""Rows of the HTML page: each number in the column of its heading, with its marks, and beside its own proof."""

from __future__ import annotations

import html
import re
from collections import Counter

from support import fabricated_report

from mner.data.corpus import PICTURE_PROBES, TYPES
from mner.reporting.analysis import pages
from mner.reporting.layout import OVERALL, Line
from mner.reporting.page_views import view
from mner.reporting.results import Results

REPORT = vars(fabricated_report)
results = REPORT["results"]
rendered = REPORT["rendered"]
page = REPORT["page"]
DATASET = "twitter2017"


def _row(page: str, name: str) -> list[str]:
    """The cells of a table row, as HTML, without its heading."""
    text = page[page.index(f'<tr id="{name}">') :]
    return re.findall(r"<td[^>]*>(.*?)</td>", text[: text.index("</tr>")], re.S)


def _bold(cell: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r"<b>(.*?)</b>", cell)]


def _numbers(line: Line, metric: str) -> list[str]:
    return [view(cell)["number"] for cell in (line.paper[metric], line.rescored[metric])]


def _text(piece: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", piece))).strip()


def test_a_row_that_was_run_has_each_number_under_its_heading(page: str, results: Results) -> None:
    head = page[page.index('id="table1"') :]
    head = head[head.index("<thead>") : head.index("</thead>")]
    titles = [_text(one) for one in re.findall(r"<th .*?</th>", head, re.S)]
    assert titles[:4] == ["System", "Overall, %", "F1, %", "F1 by seed"]
    assert titles[4:8] == ["Verdict on F1", "F1 by type, %", "Image reliance", "Sent./s train predict"]
    assert titles[8:10] == ["P", "R"]
    assert titles[-7:] == [*TYPES, "text only", "own − none", "own − another's"]
    finished = [line for line in REPORT["lines"](results, "table1", DATASET) if line.finished]
    assert len(finished) >= 3
    for line in finished:
        cells = _row(page, f"table1-{DATASET}-{line.id}")
        assert [_bold(cell) for cell in cells[:3]] == [_numbers(line, metric) for metric in OVERALL]
        assert f">{line.verdict.name.replace('-', '‑')}</span>" in cells[4]
        assert [_bold(cell) for cell in cells[5:9]] == [_numbers(line, kind) for kind in TYPES]
        assert _bold(cells[9]) == [view(row.f1)["number"] for row in line.text_only.rows]
        names = [row.system for row in line.text_only.rows if row.system]
        assert re.findall(r"<small>([^<]+)</small>", cells[9]) == names
        assert [_bold(cell) for cell in cells[10:12]] == [
            [view(line.probes[probe])["number"]] for probe in PICTURE_PROBES
        ]
        assert len(cells) == 13


def test_a_row_that_was_not_run_has_the_printed_numbers_in_order(page: str, results: Results) -> None:
    idle = [line for line in REPORT["lines"](results, "table1", DATASET) if line.ours["F1"].plain() == "not run"]
    assert len(idle) > 3
    for line in idle:
        bold = [_bold(cell) for cell in _row(page, f"table1-{DATASET}-{line.id}")]
        assert bold == [[view(line.paper[metric])["number"]] for metric in (*OVERALL, *TYPES)]


def test_marks_and_spreads_of_printed_numbers_are_shown(page: str, results: Results) -> None:
    line = next(line for line in REPORT["lines"](results, "table1", DATASET) if line.id == "rgcn")
    figure = line.paper["F1"].figure
    assert (figure.mark, figure.spread is not None) == ("†", True)
    shown = f"<b>{figure.value:.2f}</b><i><sup>†</sup> ± {figure.spread:.2f}</i>"
    assert shown in _row(page, f"table1-{DATASET}-rgcn")[2]
    fall = page[page.index(f'id="waterfall-{DATASET}"') :]
    assert (
        f"<b>{figure.value:.2f}</b><sup>†</sup><i> ± {figure.spread:.2f}</i>" in fall[: fall.index("</details>")]
    )


def test_the_proof_of_a_row_names_each_seed_with_its_scores_and_its_record(page: str, results: Results) -> None:
    runs = {run.record: run for run in results.scores.runs}
    for line in REPORT["lines"](results, "table1", DATASET):
        if not line.finished:
            continue
        text = page[page.index(f'<tr id="table1-{DATASET}-{line.id}">') :]
        proof = text[text.index("<h4>Records</h4>") : text.index("</div>", text.index("<h4>Records</h4>"))]
        head, *rows = re.findall(r"<tr>(.*?)</tr>", proof, re.S)
        assert [_text(one) for one in re.findall(r"<th>.*?</th>", head)] == [
            *("seed", "test F1", "dev F1", "best epoch", "record key", "record", "reproduce")
        ]
        for record, f1, row in zip(line.ours["F1"].records, line.ours["F1"].values, rows, strict=True):
            cells = [_text(cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.S)]
            run = runs[record]
            assert cells[:2] == [str(run.seed), f"{f1:.2f}"]
            assert cells[2:4] == ["80.00", "2 of 2"]
            again = "mner profile tiny && dvc repro data features graphs && mner run"
            command = f"{again} {DATASET} {line.system} --seed {run.seed}"
            assert cells[4:] == [run.key, record, command]


def test_conditions_are_theirs_beside_ours_and_those_of_the_verdict(page: str, results: Results) -> None:
    names, lenses = ("encoder", "visual", "scorer", "copy"), set()
    for line in REPORT["lines"](results, "table1", DATASET):
        if line.finished:
            text = page[page.index(f'<tr id="table1-{DATASET}-{line.id}">') :]
            text = text[text.index("<h4>Conditions</h4>") : text.index("<h4>Records</h4>")]
            head, *rows = text.split("<tr>")[1:]
            assert _text(head) == "condition paper ours"
            used = line.row.used[line.dataset]
            theirs = [getattr(used, n) + (" (inferred)" if n in used.inferred else "") for n in names]
            ours = ["minilm", line.cell.visual_input, "conlleval", "umt"]
            lens, copy = line.verdict.rule.split(" on version ")
            assert copy == "umt", "no other copy is at hand"
            ours[2] += "" if lens == "conlleval" else f" for the verdict: {lens}"
            lenses.add(lens)
            titles = ("Encoder", "Visual input", "Scorer", "Dataset version")
            shown = [[_text(one) for one in re.findall(r"<t[hd]>(.*?)</t[hd]>", row)] for row in rows]
            assert shown == [list(row) for row in zip(titles, theirs, ours, strict=True)]
    assert {"umt", "rgcn-64"} <= lenses


def test_groups_of_rows_have_one_heading_each(page: str) -> None:
    table = page[page.index('id="table1"') :]
    table = table[: table.index('<details class="unrun')]
    assert re.findall(r'scope="rowgroup">(.*?)</th>', table) == ["Text", "Text + image"]


def test_headings_and_proofs_span_their_table_and_no_more(page: str) -> None:
    """A cell that spans too much gives the table columns that nothing stands in."""
    spans = 0
    for table in re.findall(
        r"<table(?: class=\"idle\")?>(.*?)</table>\s*</div>\s*(?:<ul|</details|{|<|$)", page, re.S
    ):
        body = table[table.index("<tbody>") :]
        rows = re.findall(r"<tr(?: id=[^>]*)?>\s*<th scope=\"row\".*?</tr>", body, re.S)
        widths = {len(re.findall(r"<t[hd][ >]", row)) for row in rows}
        found = {int(span) for span in re.findall(r'<t[hd] colspan="(\d+)"', body)}
        assert found <= widths, table[:300]
        assert len(widths) == 1
        spans += len(found)
    assert spans >= 3, "of rows that were run, that were not, and of the analysis"


def test_speeds_bear_the_mark_of_their_device(page: str, results: Results) -> None:
    devices = sorted({run.throughput["device"] for run in results.scores.runs if run.throughput})
    foot = page[page.index('<p class="foot devices">') :]
    for mark, device in zip("ab", devices, strict=True):
        assert f"<sup>{mark}</sup> {html.escape(device)}</span>" in foot
    for line in REPORT["lines"](results, "table1", DATASET):
        if line.finished:
            ((device, measured),) = line.cell.throughput.items()
            cell = _row(page, f"table1-{DATASET}-{line.id}")[-1]
            assert re.findall(r"<sup>(.)</sup>", cell) == ["ab"[devices.index(device)]] * 2
            speeds = (measured[f"{what}_sentences_per_second"].mean for what in ("train", "inference"))
            assert _bold(cell) == [f"{speed:.0f}" for speed in speeds]


def test_the_head_counts_each_verdict_once_a_printed_row(page: str, results: Results) -> None:
    verdicts: dict[tuple[str, str], str] = {}
    for part in REPORT["parts"](results):
        for block in part.blocks:
            verdicts |= {(line.id, block.dataset): line.verdict.name for line in block.lines if line.verdict}
    head = page[: page.index("<nav>")]
    counts = {
        name.replace("‑", "-").upper(): int(n) for n, name in re.findall(r"<b>(\d+)</b><span>(.*?)</span>", head)
    }
    assert counts == Counter(verdicts.values())


def test_tables_of_the_analysis_are_those_of_the_other_skins(page: str, results: Results) -> None:
    seen = 0
    for table in (table for one in pages(results, REPORT["PAPER"]) for table in one.tables):
        text = page[page.index(f'<details class="numbers" id="{table.id}"') :]
        text = text[: text.index("</table>")]
        assert f"<summary>{html.escape(table.title)}</summary>".replace("&#x27;", "&#39;") in text
        assert [_text(one) for one in re.findall(r"<th scope=\"col\".*?</th>", text)] == [
            c.title for c in table.columns
        ]
        rows = re.findall(r'<tr><th scope="row".*?</tr>', text, re.S)
        for row, shown in zip(table.rows, rows, strict=True):
            label, *cells = row.cells
            assert _text(shown[: shown.index("</th>")]) == label.plain()
            assert _bold(shown) == [view(cell)["number"] for cell in cells]
            seen += len(cells)
        groups = [html.unescape(one) for one in re.findall(r'scope="rowgroup">(.*?)</th>', text)]
        assert groups == [group for group in dict.fromkeys(row.group for row in table.rows) if group]
    assert seen > 100
