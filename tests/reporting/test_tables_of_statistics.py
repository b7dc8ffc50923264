"""Tables of statistics, lenses and cost: every number of the scored files under its own name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.empty_results import partial_results
from support.filled_results import changed

from mner.evaluation.run_selection import OWN
from mner.reporting.cost_tables import MEASURES, cost_points, cost_table
from mner.reporting.results import Results
from mner.reporting.scorer_tables import tables_by_scorer
from mner.reporting.statistics_tables import says, statistics_tables
from mner.reporting.tables import Table

DATASET = "twitter2015"
UMT = ("runs/umt/1/record.json", "runs/umt/2/record.json")
TEXT = ("runs/bert-crf/1/record.json",)


def _texts(table: Table) -> dict[str, dict[str, str]]:
    keys = [column.key for column in table.columns]
    return {row.id: dict(zip(keys, (cell.plain() for cell in row.cells), strict=True)) for row in table.rows}


def _cell(table: Table, row: str, column: str) -> Any:
    place = [one.key for one in table.columns].index(column)
    return next(one.cells[place] for one in table.rows if one.id == row)


def _spread(source: str, estimate: float, deviation: float, low: float, high: float) -> dict[str, Any]:
    return {
        **{"source": source, "estimate": estimate, "standard_deviation": deviation, "low": low, "high": high},
        "resampled": f"by {source}",
    }


def _entry(difference: float, source: str = "seeds and sample", **changes: Any) -> dict[str, Any]:
    entry = {
        **{"difference": difference, "low": difference - 1, "high": difference + 1.5, "source": source},
        **{"p_value": 0.0123, "holm": 0.0456, "records": [*UMT, *TEXT]},
    }
    return entry | changes


PAIR = _entry(
    2.5,
    a="umt",
    b="bert-crf",
    run_superiority={"estimate": 0.75, "low": 0.5, "high": 0.9},
    seeds_needed={"runs": 7, "deviation": 1.0},
    detectable={"points": 3.25, "runs": 2},
)
CELLS = [
    {
        "system": "umt",
        "records": list(UMT),
        "seeds": _spread("seeds", 71.0, 1.5, 70.0, 72.0),
        "sample": _spread("sample", 71.0, 0.75, 69.5, 72.5),
        "both": _spread("seeds and sample", 71.0, 2.0, 68.0, 74.0),
    },
    {
        "system": "bert-crf",
        "records": list(TEXT),
        "seeds": {"state": "one run"},
        "sample": _spread("sample", 68.5, 0.5, 67.5, 69.5),
        "both": {"state": "one run"},
    },
]
RELIANCE = [{"system": "umt", "views": {"none": _entry(4.0, holm=0.0002), "neighbours": _entry(0.5, "sample")}}]


def _scored(system: str, f1: tuple[float, ...], records: tuple[str, ...], visual: str) -> dict[str, Any]:
    sd = 1.0 if len(f1) > 1 else None
    whole = {"mean": sum(f1) / len(f1), "sd": sd, "values": list(f1), "records": list(records)}
    cell = {"dataset": DATASET, "system": system, "state": "finished", "visual_input": visual}
    return cell | {"encoder": {"name": "minilm"}, "views": {"test.own": {"f1": whole}}, "throughput": {}}


def _results(pairs: list[dict[str, Any]] | None = None, **lenses: Any) -> Results:
    held = {"cells": CELLS, "comparisons": [PAIR] if pairs is None else pairs, "reliance": RELIANCE}
    cells = [
        _scored("umt", (70.0, 72.0), UMT, "captions"),
        _scored("bert-crf", (68.5,), TEXT, "none"),
        {**_scored("umt", (1.0,), TEXT, "none"), "dataset": "twitter2017"},
    ]
    runs = [{"record": record} for record in (*UMT, *TEXT)]
    scores = {"systems": ["umt", "bert-crf"], "cells": cells, "runs": runs}
    return partial_results(scores, lenses, {"datasets": {DATASET: held}})


def test_every_uncertainty_stands_under_its_source_and_one_seed_falls_back_on_the_sample() -> None:
    table = statistics_tables(_results(), DATASET)[1]
    assert (table.id, table.title) == ("uncertainty-twitter2015", "Twitter-2015: how sure each F1 is (%)")
    texts = _texts(table)
    assert texts["umt"] == {
        **{"system": "umt", "F1": "71.00", "seeds": "1.50", "sample": "0.75", "interval": "71.00 [68.00, 74.00]"},
        "sources": "seeds and sample",
    }
    assert texts["bert-crf"] == {
        **{"system": "bert-crf", "F1": "68.50", "seeds": "one seed", "sample": "0.50"},
        **{"interval": "68.50 [67.50, 69.50]", "sources": "sample"},
    }
    assert [column.title for column in table.columns] == [
        *("System", "F1", "± seeds", "± sample", "95 % interval", "Interval from")
    ]
    assert _cell(table, "umt", "seeds").method == "s.d., seeds: by seeds"
    assert _cell(table, "umt", "sample").records == UMT


def test_a_pair_says_difference_p_and_power_each_in_its_column() -> None:
    primary, _, table, _ = statistics_tables(_results(), DATASET)
    assert (table.id, table.title) == ("pairs-twitter2015", "Twitter-2015: all systems compared (F1 points)")
    assert primary.title == "Twitter-2015: rows with a picture against text alone (F1 points)"
    assert _texts(primary)["umt-bert-crf"]["holm"] == "0.012", "one test in the family"
    assert _texts(table) == {
        "umt-bert-crf": {
            **{"pair": "umt − bert-crf", "difference": "+2.50 [+1.50, +4.00]", "p": "0.012", "holm": "0.046"},
            **{"ahead": "0.75", "needed": "7", "detectable": "3.25", "says": "umt above bert-crf"},
        }
    }
    assert [column.title for column in table.columns] == [
        *("A − B", "Difference [95 %]", "p", "p (Holm)", "Runs ahead", "Seeds needed", "Detectable", "Says")
    ]
    assert _cell(table, "umt-bert-crf", "holm").method.startswith("Holm")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "umt above bert-crf"),
        ({"difference": -2.5}, "bert-crf above umt"),
        ({"holm": 0.05}, "umt above bert-crf"),
        ({"difference": 0.5}, "umt above bert-crf"),
        ({"holm": 0.0501}, "no difference shown"),
        ({"source": "sample"}, "umt above bert-crf (these two runs)"),
        ({"state": "one run"}, "not tested"),
    ],
)
def test_the_words_of_a_pair_follow_the_adjusted_p_and_the_sign(changes: dict[str, Any], text: str) -> None:
    pair = {"a": "umt", "b": "bert-crf", "records": [], **changes} if "state" in changes else PAIR | changes
    (typed,) = _results([pair]).statistics.datasets[DATASET].comparisons
    assert says(typed) == text


def test_a_pair_that_was_not_tested_says_why_in_every_column() -> None:
    untested = {"a": "umt", "b": "bert-crf", "records": [], "state": "no sentence in common", "holm": None}
    for table in statistics_tables(_results([untested]), DATASET)[::2]:
        (row,) = table.rows
        assert [cell.plain() for cell in row.cells] == ["umt − bert-crf", *["not known"] * 6, "not tested"]
        assert {cell.why for cell in row.cells[1:]} == {"no sentence in common"}
        assert not any("Interval and p" in note for note in table.notes)


def test_methods_are_called_by_what_they_rest_on_and_a_tiny_p_is_no_zero() -> None:
    tiny = PAIR | {"p_value": 2e-5, "holm": 4e-5, "source": "sample", "detectable": {"state": "one run on a side"}}
    sure, table = statistics_tables(_results([PAIR, tiny | {"a": "rgcn"}]), DATASET)[1:3]
    assert _cell(sure, "umt", "interval").method.startswith("t interval")
    assert _cell(sure, "bert-crf", "interval").method.startswith("percentiles of the bootstrap")
    assert "t-test on seeds and sample" in _cell(table, "umt-bert-crf", "p").method
    assert "normal test on the sample" in _cell(table, "rgcn-bert-crf", "p").method
    texts = _texts(table)["rgcn-bert-crf"]
    assert (texts["p"], texts["holm"], texts["ahead"]) == ("<0.001", "<0.001", "one pair")
    assert texts["detectable"] == "–"
    assert _cell(table, "rgcn-bert-crf", "detectable").why == "one run on a side"
    assert "with 80 % power" in table.notes[-1]


def test_notes_name_the_sources_that_occur_and_no_other() -> None:
    def said(*sources: str) -> list[bool]:
        notes = " ".join(
            statistics_tables(_results([PAIR | {"source": one} for one in sources]), DATASET)[2].notes
        )
        return ["from seeds and sample together" in notes, "One seed a side" in notes]

    assert said("seeds and sample") == [True, False]
    assert said("sample") == [False, True]
    assert said("sample", "seeds and sample") == [True, True]


def test_reliance_stands_beside_the_text_only_system_and_each_probe_beside_its_own_p() -> None:
    table = statistics_tables(_results(), DATASET)[3]
    assert (table.id, table.title) == ("image-reliance-twitter2015", "Twitter-2015: image reliance (F1 points)")
    assert _texts(table) == {
        "umt": {
            **{"system": "umt", "F1": "71.00 ± 1.00", "text": "68.50", "text.system": "bert-crf"},
            **{"gain": "+2.50 [+1.50, +4.00]", "none": "+4.00 [+3.00, +5.50]", "none.holm": "<0.001"},
            **{"shuffled": "–", "shuffled.holm": "–", "neighbours": "+0.50 [−0.50, +2.00]"},
            "neighbours.holm": "0.046",
        }
    }
    assert [column.title for column in table.columns] == [
        *("System", "F1", "Text only", "which is", "F1 − text only [95 %]", "own − none [95 %]", "p (Holm)"),
        *("own − another's [95 %]", "p (Holm)", "own − another's neighbours [95 %]", "p (Holm)"),
    ]
    assert "sample" in _cell(table, "umt", "neighbours").method
    assert _cell(table, "umt", "none.holm").value == 0.0002


def test_tables_without_rows_are_not_made() -> None:
    held = {"datasets": {DATASET: {"cells": [], "comparisons": [], "reliance": []}}}
    assert statistics_tables(partial_results({}, {}, held), DATASET) == []


SCORERS = [
    {"name": "conlleval", "title": "conlleval (standard)", "origin": "the task's own"},
    {"name": "strict", "title": "Strict", "origin": "seqeval"},
]


def _run(system: str, record: str, standard: float, strict: float | None) -> dict[str, Any]:
    entries = {
        "conlleval": {"f1": standard},
        "strict": {"state": "no subwords"} if strict is None else {"f1": strict},
    }
    place = {"record": record, "dataset": DATASET, "system": system, "data_copy": "umt"}
    return place | {"copies": {"umt": {OWN: entries}}}


def test_f1_and_rank_stand_under_their_lens_and_a_lens_that_does_not_apply_says_so() -> None:
    runs = [_run("umt", UMT[0], 70.0, 60.0), _run("umt", UMT[1], 72.0, 64.0), _run("bert-crf", *TEXT, 80.0, 50.0)]
    f1, rank = tables_by_scorer(_results(lenses=SCORERS, runs=runs), DATASET)
    assert [(column.key, column.title) for column in f1.columns[1:]] == [
        ("conlleval", "conlleval (standard)"),
        ("strict", "Strict"),
    ]
    assert _texts(f1) == {
        "umt": {"system": "umt", "conlleval": "71.00 ± 1.41", "strict": "62.00 ± 2.83"},
        "bert-crf": {"system": "bert-crf", "conlleval": "80.00", "strict": "50.00"},
    }
    assert _texts(rank) == {
        "umt": {"system": "umt", "conlleval": "2", "strict": "1"},
        "bert-crf": {"system": "bert-crf", "conlleval": "1", "strict": "2"},
    }
    assert _cell(rank, "umt", "strict").records == (*UMT, *TEXT)
    assert "conlleval (standard): the task's own; Strict: seqeval." in f1.notes[0]
    assert (f1.id, rank.id) == ("scorers-twitter2015", "ranks-twitter2015")
    assert (f1.title, rank.title) == ("Twitter-2015: F1 by scorer (%)", "Twitter-2015: rank by scorer")


def test_a_lens_that_one_run_lacks_applies_to_none_of_its_cell_and_equal_systems_share_a_rank() -> None:
    runs = [_run("umt", UMT[0], 70.0, 60.0), _run("umt", UMT[1], 72.0, None), _run("bert-crf", *TEXT, 71.0, 50.0)]
    f1, rank = tables_by_scorer(_results(lenses=SCORERS, runs=runs), DATASET)
    assert _texts(f1)["umt"]["strict"] == _texts(rank)["umt"]["strict"] == "does not apply"
    assert f1.notes[1:] == ("does not apply: no subwords",)
    assert {texts["conlleval"] for texts in _texts(rank).values()} == {"1"}
    assert tables_by_scorer(_results(lenses=SCORERS, runs=[]), DATASET) == []


DEVICES = ("gpu b", "cpu <a>")


def _costly() -> Results:
    """Each system on one device; every measure has numbers of its own."""
    results = _results()
    return replace(results, scores=changed(results.scores, _with_costs))


def _with_costs(scores: dict[str, Any]) -> None:
    runs, cells = [], scores["cells"]
    for cell, device in zip(cells, DEVICES, strict=False):
        whole = cell["views"]["test.own"]["f1"]
        for place, measure in enumerate(MEASURES, 1):
            values = [place + seed / 4 for seed in range(len(whole["values"]))]
            mean = sum(values) / len(values)
            entry = whole | {"values": values, "mean": mean, "sd": 0.5 if len(values) > 1 else None}
            cell["throughput"].setdefault(device, {})[measure[0]] = entry
        for seed, record in enumerate(whole["records"], 1):
            speed = {"throughput": {"device": device}, "duration_seconds": 90.0 * seed, "record": record}
            runs.append({"dataset": DATASET, "system": cell["system"]} | speed)
    elsewhere = runs[0] | {"dataset": "twitter2017", "duration_seconds": 1.0}
    unmeasured = runs[0] | {"throughput": None, "duration_seconds": 1.0}
    cells[2]["throughput"] = {"another": cells[0]["throughput"][DEVICES[0]]}
    whole = scores["runs"][0]
    scores["runs"] = [whole | run for run in (*runs, elsewhere, unmeasured)]


def test_every_measure_of_cost_stands_in_the_column_that_names_its_unit() -> None:
    table = cost_table(_costly(), DATASET)
    assert (table.id, table.title) == ("cost-twitter2015", "Twitter-2015: what a run costs")
    assert [row.group for row in table.rows] == sorted(DEVICES)
    texts = _texts(table)
    assert texts["umt@gpu b"] == {
        **{"system": "umt", "minutes": "2.2 ± 1.1"},
        "train_sentences_per_second": "1.1 ± 0.5",
        "inference_sentences_per_second": "2 ± 0",
        **{"peak_memory_gib": "3.12 ± 0.50", "joules": "0.0 ± 0.0", "utilisation": "5 ± 0"},
        "mfu": "612.5 ± 17.7",
    }
    assert texts["bert-crf@cpu <a>"]["minutes"] == "1.5"
    assert [column.title for column in table.columns] == ["System", "Minutes a run", *(one[1] for one in MEASURES)]


def test_a_point_of_the_cost_chart_has_minutes_and_f1_of_the_same_runs() -> None:
    by_device = cost_points(_costly(), DATASET)
    (text,), (umt,) = by_device.values()
    assert list(by_device) == sorted(DEVICES)
    assert (umt.label, umt.minutes.values, umt.f1.values, umt.f1.records) == ("umt", (1.5, 3.0), (70.0, 72.0), UMT)
    assert (text.label, text.f1.plain()) == ("bert-crf", "68.50")
    said = "umt: F1 71.00 ± 1.41 in 2.2 ± 1.1 minutes"
    assert umt.hover() == f"{said} · {', '.join(UMT)}"


def test_a_measure_that_no_run_has_makes_no_column_and_one_that_some_lack_is_words() -> None:
    def forget(scores: dict[str, Any]) -> None:
        for cell in scores["cells"][:2]:
            for measured in cell["throughput"].values():
                del measured["mfu"]
        next(iter(scores["cells"][1]["throughput"].values()))["joules"] = None

    results = _costly()
    results = replace(results, scores=changed(results.scores, forget))
    table = cost_table(results, DATASET)
    assert "mfu" not in [column.key for column in table.columns]
    assert _texts(table)["bert-crf@cpu <a>"]["joules"] == "not measured"
