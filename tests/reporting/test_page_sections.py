"""Sections of the HTML page: their order, what stands above and below their tables, devices, and the digest."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support import fabricated_report
from support.filled_results import changed

from mner.base.files import sha256_of_json
from mner.evaluation.result_files import as_json
from mner.reporting.results import Results
from mner.reporting.seed_dots import PAD, WIDTH
from mner.reporting.site import render_site

REPORT = vars(fabricated_report)
results = REPORT["results"]
rendered = REPORT["rendered"]
page = REPORT["page"]


@pytest.fixture
def on_devices(results: Results) -> Callable[..., str]:
    """The page on which every cell was measured on each of these devices, without its analysis."""

    def render(*devices: str) -> str:
        def measure(scores: dict[str, Any]) -> None:
            for cell in scores["cells"]:
                for measured in list(cell.get("throughput", {}).values())[:1]:
                    cell["throughput"] = dict.fromkeys(devices, measured)

        held = replace(results, scores=changed(results.scores, measure))
        return render_site(held, REPORT["parts"](held), (), None, REPORT["ACTIVE"], (), REPORT["TEMPLATES"])

    return render


def _section(page: str, name: str) -> str:
    return page[page.index(f'<section id="{name}"') :].split("</section>")[0]


def test_sections_with_results_come_before_those_without(page: str, results: Results) -> None:
    parts = REPORT["parts"](results)
    wanted = [part.id for holds in (True, False) for part in parts if part.has_results() == holds]
    assert wanted != [part.id for part in parts], "there are some to be moved"
    assert re.findall(rf'<section id="({"|".join(wanted)})"', page) == wanted
    assert re.findall(rf'<a href="#({"|".join(wanted)})">', page[: page.index("</nav>")]) == wanted


def test_a_section_names_its_source_and_explains_its_marks(page: str, results: Results) -> None:
    for part in REPORT["parts"](results):
        section = html.unescape(_section(page, part.id))
        if part.table is None:
            assert f"<h2><span>Further rows</span> {part.title}</h2>" in section
            assert 'class="source"' not in section
        else:
            assert f'<p class="source">{part.table.source}</p>' in section
            marks = re.findall(r"<span><b>(.*?)</b> (.*?)\.</span>", section)
            assert marks == list(part.table.marks.items())


def _tables(page: str) -> list[tuple[str, list[list[str]]]]:
    """Head and rows of the tables of printed rows, a row as the HTML of its cells."""
    sections = page[page.index('<section id="table1"') : page.index('<p class="foot devices">')]
    found = []
    for table in re.findall(r'<div class="scroll"[^>]*><table(?: class="idle")?>(.*?)</tbody>', sections, re.S):
        rows = [row.split("</tr>")[0] for row in re.split(r"<tr id=[^>]*>", table)[1:]]
        found.append((table.split("</thead>")[0], [re.findall(r"<t[hd].*?</t[hd]>", row, re.S) for row in rows]))
    return found


def test_bands_of_a_head_span_the_columns_below_them(page: str) -> None:
    tables = _tables(page)
    assert len(tables) >= 5
    for head, rows in tables:
        bands, below = head.split("</tr>")[:2]
        wide = [int(span) for span in re.findall(r'colspan="(\d+)"', bands)]
        single = len(re.findall(r"<th ", bands)) - len(wide)
        assert {len(row) for row in rows} == {sum(wide) + single}
        assert sum(wide) == len(re.findall(r'<th scope="col"', below))


def test_a_table_has_no_column_in_which_nothing_was_printed_or_run(page: str) -> None:
    for _, rows in _tables(page):
        for column in list(zip(*rows, strict=True))[1:]:
            words = {re.sub(r"<[^>]+>|\s", "", cell) for cell in column}
            assert words - {"–", ""} or 'class="strip"' in column[0]


def test_a_row_tells_where_it_is_printed_and_what_is_known_of_it(page: str, results: Results) -> None:
    lines = [
        line for part in REPORT["parts"](results) for block in part.blocks for line in block.lines if line.row
    ]
    for line in lines:
        shown = f"{line.row.title}. {line.row.source}" if line.finished else line.row.source
        assert html.escape(shown).replace("&#x27;", "&#39;") in page
    notes = [note for line in lines if line.finished for note in line.row.notes]
    assert notes
    for note in notes:
        assert (
            f"<li>{html.escape(note, quote=True)}</li>".replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
            in page
        )


def test_printed_and_own_values_lie_within_the_scale_that_they_share(page: str) -> None:
    main = page[page.index('<section id="table1"') :]
    ticks = [float(x) for x in re.findall(r'class="printed" d="M([\d.-]+) ', main)]
    dots = [float(x) for x in re.findall(r'class="seed" cx="([\d.-]+)"', main)]
    assert len(ticks) >= 3
    assert len(dots) >= 6
    assert all(PAD <= x <= WIDTH - PAD for x in (*ticks, *dots))


def test_the_digest_is_that_of_the_scores(page: str, results: Results) -> None:
    assert f"scores.json <code>{sha256_of_json(as_json(results.scores))}</code>" in page


def test_one_device_is_named_once_and_needs_no_mark(on_devices: Callable[..., str]) -> None:
    page = on_devices("cpu: <only>")
    assert "Speeds: sentences per second on cpu: &lt;only&gt;." in page
    assert "different devices" not in page
    paces = re.findall(r'<span class="pace">(.*?)</span>\s*</td>', page, re.S)
    assert len(paces) >= 3
    assert all("<sup></sup>" in pace for pace in paces)


def test_more_devices_than_letters_are_marked_by_their_names(on_devices: Callable[..., str]) -> None:
    page = on_devices(*(f"device{number:02d}" for number in range(12)))
    foot = page[page.index('<p class="foot devices">') :].split("</p>")[0]
    marks = re.findall(r"<sup>(.*?)</sup>", foot)
    assert marks == [*"abcdefghij", "(device10)", "(device11)"]
