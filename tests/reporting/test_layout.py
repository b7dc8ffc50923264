"""Published tables with ours beside them: every number under its metric, and notes on what stands there alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_report

from mner.data.corpus import TYPES
from mner.evaluation.paper import UNKNOWN, PaperRow
from mner.evaluation.reasons import Reason, ReasonKind
from mner.evaluation.score_results import ScoredCell, Summary
from mner.evaluation.verdicts import NOT_COMPARABLE, REPRODUCED
from mner.reporting import layout
from mner.reporting.layout import Section, sections
from mner.reporting.results import Results
from mner.reporting.section_tables import PAPER_NOTE, SPREAD_NOTE, VERDICT_NOTE, section_tables
from mner.reporting.tables import Table, to_latex, to_markdown
from mner.reporting.text_only import PROBES

REPORT = vars(fabricated_report)
results = REPORT["results"]
PAPER = REPORT["PAPER"]
DATASET = "twitter2017"


@pytest.fixture(scope="module")
def parts(results: Results) -> tuple[Section, ...]:
    return REPORT["parts"](results)


def _part(parts: tuple[Section, ...], name: str) -> Section:
    return next(part for part in parts if part.id == name)


def _tables(part: Section, results: Results) -> dict[str, Table]:
    return {table.id: table for table in section_tables(part, results.records)}


def _column(table: Table, key: str) -> dict[str, str]:
    place = [column.key for column in table.columns].index(key)
    return {row.id: row.cells[place].plain() for row in table.rows}


def _mean(summary: dict[str, Any]) -> str:
    return f"{summary.mean:.2f} ± {summary.sd:.2f}"


def test_every_number_stands_under_its_own_metric(results: Results, parts: tuple[Section, ...]) -> None:
    tables = _tables(_part(parts, "table1"), results)
    overall, parted, types = (tables[f"table1-{DATASET}-{part}"] for part in ("overall", "parts", "types"))
    assert [table.title for table in (overall, parted, types)] == [
        "Twitter-2017: overall F1 (%)",
        "Twitter-2017: precision and recall (%)",
        "Twitter-2017: F1 by type (%)",
    ]
    cells = {c.system: c for c in results.scores.cells if c.state == "finished"}
    rows = _printed_rows(_part(parts, "table1"))
    own = {row.id: row for row in _part(parts, "table1").table.rows}
    finished = {name: cells[row.system].views["test.own"] for name, row in own.items() if row.system in cells}
    assert len(finished) >= 3
    for table, metric, key in ((parted, "P", "precision"), (parted, "R", "recall"), (overall, "F1", "f1")):
        ours = _column(table, f"{metric}.ours")
        assert {name: ours[name] for name in finished} == {
            name: _mean(getattr(view, key)) for name, view in finished.items()
        }
    for kind in TYPES:
        ours, printed = (_column(types, f"{kind}.{whose}") for whose in ("ours", "paper"))
        assert {name: ours[name] for name in finished} == {
            name: _mean(view.types[kind]) for name, view in finished.items()
        }
        for name, text in printed.items():
            figure = rows[name].figure(DATASET, kind)
            assert text.split(" ")[0] == (
                "–" if figure is None else f"{figure.value:.2f}{'' if figure.spread else figure.mark}"
            )


def _printed_rows(part: Section) -> dict[str, PaperRow]:
    """By the id of the line: a row that two systems of ours are held against has two lines."""
    return {line.id: line.row for block in part.blocks for line in block.lines if line.row}


def test_printed_numbers_are_those_of_the_data_set_of_their_table(
    results: Results, parts: tuple[Section, ...]
) -> None:
    part = _part(parts, "table1")
    tables, rows = _tables(part, results), _printed_rows(part)
    shown = {}
    for dataset in ("twitter2015", "twitter2017"):
        shown[dataset] = _column(tables[f"table1-{dataset}-overall"], "F1.paper")
        for name, text in shown[dataset].items():
            figure = rows[name].figure(dataset, "F1")
            assert text[:5] == ("–" if figure is None else f"{figure.value:.2f}"), name
    assert shown["twitter2015"] != shown["twitter2017"]


def test_headings_name_metric_and_whose_number_it_is(results: Results, parts: tuple[Section, ...]) -> None:
    tables = _tables(_part(parts, "table1"), results) | _tables(_part(parts, "others"), results)
    titles = {name: [column.title for column in table.columns] for name, table in tables.items()}
    pairs = {part: [f"{m} {whose}" for m in part for whose in ("paper", "ours")] for part in (("P", "R"), TYPES)}
    judged = ("By its rule", "Difference", "Verdict on F1")
    assert titles[f"table1-{DATASET}-overall"] == [
        *("System", "F1 paper", "F1 ours", *judged, "Seeds", "Sentences/s")
    ]
    assert titles[f"table1-{DATASET}-parts"] == ["System", *pairs["P", "R"]]
    assert titles[f"table1-{DATASET}-types"] == ["System", *pairs[TYPES]]
    assert titles[f"others-{DATASET}-overall"] == ["System", "F1 ours", "Seeds", "Sentences/s"]
    assert titles[f"others-{DATASET}-parts"] == ["System", "P ours", "R ours"]
    assert titles[f"table1-{DATASET}-reliance"] == [
        *("System", "F1", "Text only", "which is", "own − none [95 %]", "own − another's [95 %]"),
        "own − another's neighbours [95 %]",
    ]
    keys = [column.key for column in tables[f"table1-{DATASET}-reliance"].columns]
    assert keys == ["system", "F1", "text", "text.system", *PROBES]
    for table in tables.values():
        assert [column.key for column in table.columns if column.title.endswith(" paper")] == [
            column.key for column in table.columns if column.origin == "paper"
        ]


def test_rows_that_read_pictures_have_each_probe_in_its_column(
    results: Results, parts: tuple[Section, ...]
) -> None:
    tables = _tables(_part(parts, "table1"), results)
    assert "table1-twitter2015-reliance" not in tables, "nothing was predicted with another picture there"
    table = tables[f"table1-{DATASET}-reliance"]
    assert table.title == "Twitter-2017: image reliance (F1 points)"
    held = {row.system: row.views for row in results.statistics.datasets[DATASET].image_sensitivity}
    systems = {row.id: row.system for row in _part(parts, "table1").table.rows}
    assert {systems[row.id] for row in table.rows} == {"umt", "rgcn"}
    assert len(table.rows) == 2, "a system that two printed rows name stands there once"
    for row in table.rows:
        f1, text, name, *probes = row.cells[1:]
        assert f1.value == pytest.approx(_cell(results, systems[row.id]).mean)
        assert (name.plain(), text.value) == ("bert-crf", _cell(results, "bert-crf").mean)
        for view, probe in zip(PROBES, probes, strict=True):
            found = held[systems[row.id]].get(view)
            assert probe.plain() == "–" if found is None else probe.value == found.difference, view


def _cell(results: Results, system: str) -> Summary:
    return next(c for c in results.scores.cells if c.system == system).views["test.own"].f1


def test_verdicts_are_given_with_the_margins_and_the_runs_of_the_cell(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def judge(cell, row, paper, margin, alpha, runs) -> None:
        asked.append((cell.dataset, cell.system, row.systems, margin, alpha, len(runs)))

    monkeypatch.setattr(layout, "judge", judge)
    sections(results, PAPER, 0.5, 0.05)
    assert {one[3:5] for one in asked} == {(0.5, 0.05)}
    assert all(system in systems for _, system, systems, *_ in asked)
    assert {system for _, system, *_ in asked} >= {"rgcn", "rgcn-released"}
    runs = {(dataset, system): count for dataset, system, *_, count in asked}
    assert (runs[DATASET, "umt"], runs[DATASET, "iaik"], runs["twitter2015", "umt"]) == (2, 0, 0)


def test_data_sets_stand_in_the_profiles_order_and_those_it_lacks_come_last(results: Results) -> None:
    def order(*datasets: str) -> set[tuple[str, ...]]:
        scores = replace(results.scores, datasets=datasets, systems=())
        made = sections(replace(results, scores=scores), PAPER, 0.5, 0.05)
        return {tuple(block.dataset for block in part.blocks) for part in made if part.table is not None}

    assert order(DATASET) == order(DATASET, "twitter2015") == {(DATASET, "twitter2015")}
    assert order("twitter2015", DATASET) == {("twitter2015", DATASET)}


def test_rows_without_a_printed_counterpart_have_a_section_of_their_own(parts: tuple[Section, ...]) -> None:
    others = _part(parts, "others")
    printed = {row.system for part in parts if part.table is not None for row in part.table.rows}
    (block,) = others.blocks
    assert [line.system for line in block.lines] == [one for one in REPORT["SYSTEMS"] if one not in printed]
    assert others.title == "Rows without a published counterpart"
    assert all((line.id, line.label, line.group) == (line.system, line.system, "") for line in block.lines)
    groups = {line.row.modality: line.group for block in _part(parts, "table1").blocks for line in block.lines}
    assert groups == {"text": "Text", "text+image": "Text + image"}
    for part in parts:
        assert part.has_results() == any(line.finished for block in part.blocks for line in block.lines)


def test_the_note_of_verdicts_says_what_they_assume() -> None:
    for assumed in (
        "90 % where alpha is 5 %",
        "one draw",
        "Nothing is corrected for the number of rows",
    ):
        assert assumed in VERDICT_NOTE


def test_a_system_printed_for_one_data_set_has_a_row_of_its_own_on_another(results: Results) -> None:
    idle = [ScoredCell("toy", one, "not-run") for one in REPORT["SYSTEMS"]]
    cells = (*results.scores.cells, *idle)
    scores = replace(results.scores, datasets=(DATASET, "toy"), cells=cells)
    others = _part(sections(replace(results, scores=scores), PAPER, 0.5, 0.05), "others")
    (here, there) = others.blocks
    assert (here.dataset, there.dataset) == (DATASET, "toy")
    assert [line.system for line in here.lines] == ["rgcn-shuffled"]
    assert [line.system for line in there.lines] == list(REPORT["SYSTEMS"])


def test_a_printed_row_keeps_its_mark_and_one_that_was_not_run_has_no_seeds(
    results: Results, parts: tuple[Section, ...]
) -> None:
    lines = [line for part in parts for block in part.blocks for line in block.lines if line.row]
    first = [line for line in lines if line.system == line.row.system]
    assert [line.label for line in first] == [line.row.label + line.row.mark for line in first]
    assert {line.label for line in lines if line not in first} == {"R-GCN (rgcn-released)"}
    assert any(line.row.mark for line in lines)
    seeds = _column(_tables(_part(parts, "table1"), results)[f"table1-{DATASET}-overall"], "seeds")
    finished = {line.id for line in lines if line.finished and line.dataset == DATASET}
    assert {name for name, text in seeds.items() if text == "1 2"} == finished & seeds.keys()
    assert {text for name, text in seeds.items() if name not in finished} == {"–"}


def test_notes_explain_what_stands_in_the_table_and_nothing_else(
    results: Results, parts: tuple[Section, ...]
) -> None:
    part = _part(parts, "table1")
    notes = {name: " ".join(table.notes) for name, table in _tables(part, results).items()}
    content, idle = notes[f"table1-{DATASET}-overall"], notes["table1-twitter2015-overall"]
    assert SPREAD_NOTE in content
    assert VERDICT_NOTE in content
    assert SPREAD_NOTE not in idle
    assert VERDICT_NOTE not in idle
    assert notes[f"table1-{DATASET}-types"] == ""
    assert "OCSGA: skipped: no <object> labels" in content
    others = " ".join(_tables(_part(parts, "others"), results)[f"others-{DATASET}-overall"].notes)
    assert SPREAD_NOTE in others
    assert VERDICT_NOTE not in others
    assert PAPER_NOTE in content
    assert PAPER_NOTE not in others, "no paper has such a row"
    for mark, meaning in part.table.marks.items():
        assert f"{mark}: {meaning}" in content
    bare = replace(part.blocks[0], lines=tuple(line for line in part.blocks[0].lines if line.id == "bilstm-crf"))
    (table, *_) = section_tables(replace(part, blocks=(bare,)), results.records)
    assert table.notes == (), "marks that no row of the table bears are not explained"


def test_caveats_are_told_of_what_can_be_compared_and_reasons_alone_of_what_cannot(
    results: Results, parts: tuple[Section, ...]
) -> None:
    part = _part(parts, "table1")
    block = next(block for block in part.blocks if block.dataset == DATASET)
    line = next(line for line in block.lines if line.finished)

    def note(name: str) -> str:
        caveat = Reason(ReasonKind.SCORER, theirs=UNKNOWN)
        changed = {"reasons": (), "findings": ("gap -0.20",), "caveats": (caveat,)}
        verdict = replace(line.verdict, name=name, **changed)
        one = replace(part, blocks=(replace(block, lines=(replace(line, verdict=verdict),)),))
        return section_tables(one, results.records)[0].notes[-1]

    rule, caveat_text = line.verdict.rule, str(Reason(ReasonKind.SCORER, theirs=UNKNOWN))
    assert note(REPRODUCED) == f"{line.label}: REPRODUCED (by {rule}): gap −0.20; {caveat_text}"
    assert note(NOT_COMPARABLE) == f"{line.label}: NOT-COMPARABLE (by {rule}): gap −0.20"


def test_the_number_that_a_verdict_rests_on_stands_beside_it_and_adds_up_as_printed(
    results: Results, parts: tuple[Section, ...]
) -> None:
    table = _tables(_part(parts, "table1"), results)[f"table1-{DATASET}-overall"]
    scored, apart, printed = (_column(table, f"F1.{one}") for one in ("scored", "difference", "paper"))
    lines = [line for line in REPORT["lines"](results, "table1", DATASET) if line.finished]
    rgcn = next(line for line in lines if line.id == "rgcn")
    assert rgcn.verdict.rule.startswith("rgcn-64 on version ")
    assert scored["rgcn"] != rgcn.ours["F1"].plain(), "its program counts otherwise"
    for line in lines:
        assert line.scored.values == line.verdict.ours.values
        assert line.scored.records == line.ours["F1"].records
        ours, paper = (float(text[line.id].split()[0].rstrip("†♣")) for text in (scored, printed))
        assert float(apart[line.id].replace("−", "-")) == pytest.approx(ours - paper, abs=1e-9)
    assert (scored["bilstm-crf"], apart["bilstm-crf"], scored["ocsga"]) == ("not run", "–", "skipped")


def test_speeds_of_training_stand_in_the_table_with_their_devices(
    results: Results, parts: tuple[Section, ...]
) -> None:
    table = _tables(_part(parts, "table1"), results)[f"table1-{DATASET}-overall"]
    speeds = _column(table, "speed")
    assert (speeds["bert-crf"], speeds["umt"], speeds["bilstm-crf"]) == ("62 ± 1 (b)", "62 ± 1 (a)", "–")
    (note,) = [note for note in table.notes if note.startswith("Sentences/s: ")]
    assert "(a) NVIDIA <H200>, (b) cpu: Intel Xeon, 2 threads" in note
    assert "not comparable" in note


def test_readers_are_told_in_one_line_what_was_not_run_and_data_files_hold_it(
    results: Results, parts: tuple[Section, ...]
) -> None:
    tables = _tables(_part(parts, "table1"), results)
    overall, types = (tables[f"table1-{DATASET}-{part}"] for part in ("overall", "types"))
    f1 = _column(overall, "F1.ours")
    idle = [row.cells[0].plain() for row in overall.rows if f1[row.id] == "not run"]
    assert "HBiLSTM-CRF" in idle
    assert overall.notes[0] == f"Not run: {', '.join(idle)}."
    for text in (to_markdown(overall), to_latex(overall)):
        assert text.count("HBiLSTM-CRF") == 1, "in the note"
        assert text.count("OCSGA") > 1, "what was skipped has its row"
    assert "HBiLSTM-CRF" not in to_markdown(types), "the first table of the data set says it"
    everything = tables["table1-twitter2015-overall"]
    assert to_markdown(everything).count("| HBiLSTM-CRF") == 1, "where nothing was run, paper is shown"


def test_numbers_that_no_paper_prints_stand_once_a_system(tmp_path: Path) -> None:
    active = REPORT["FABRICATED"]["Active"]("tiny", (DATASET,), ("ita-text", "ita-all-cva"), (1, 2))
    REPORT["FABRICATED"]["make_runs"](tmp_path, active, lambda *_: 0.2)
    results = REPORT["FABRICATED"]["evaluated"](tmp_path, active)
    tables = _tables(_part(sections(results, PAPER, 0.5, 0.05), "ita"), results)
    assert len(tables[f"ita-{DATASET}-overall"].rows) > 6, "two printed rows each"
    types = tables[f"ita-{DATASET}-types"]
    content = [row.cells[0].plain() for row in types.rows if not row.idle]
    assert content == ["ita-text", "ita-all-cva"]
    assert [column.title for column in types.columns] == ["System", *(f"{kind} ours" for kind in TYPES)]
