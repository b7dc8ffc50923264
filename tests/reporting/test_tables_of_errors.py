"""Tables of errors, agreement and suspected labels: every number in its row and column, with its records."""

from __future__ import annotations

from typing import Any

import pytest
from support.empty_results import partial_results

from mner.evaluation.error_results import AuditResults, ErrorResults
from mner.evaluation.errors import OUTCOMES
from mner.evaluation.result_files import read
from mner.reporting.cells import Measured, State
from mner.reporting.error_tables import error_tables, suspects_file
from mner.reporting.results import Results
from mner.reporting.tables import Table

DATASET = "twitter2017"
RECORDS = ("runs/a/1/record.json", "runs/a/2/record.json")
OF_B = ("runs/b/1/record.json",)


def _counts(*by_run: tuple[int, ...]) -> dict[str, list[int]]:
    """Counts of each outcome by run, from one tuple a run in the order of ``OUTCOMES``."""
    return {outcome: list(counts) for outcome, counts in zip(OUTCOMES, zip(*by_run, strict=True), strict=True)}


FOUND = _counts((9, 1, 0, 0, 0, 0), (8, 2, 0, 0, 0, 0))
CELL = {
    "system": "umt",
    "records": list(RECORDS),
    "rows": [
        {"cut": "all", "group": "all", "counts": _counts((50, 10, 7, 5, 8, 3), (58, 6, 4, 3, 9, 6))},
        {"cut": "training", "group": "seen", "counts": FOUND},
        {"cut": "length", "group": "one", "counts": FOUND},
        {"cut": "opening", "group": "I", "counts": _counts((0, 0, 0, 0, 0, 2), (0, 0, 0, 0, 1, 0))},
        {"cut": "type", "group": "PER", "counts": _counts((30, 2, 1, 1, 6, 1), (20, 12, 1, 1, 6, 1))},
    ],
}
AGREEMENT = [
    {
        "group": "umt",
        "records": list(RECORDS),
        "numbers": {"pairwise": 71.25, "all_right": 41, "none_right": 23, "sentences": 99},
    },
    {"group": "rgcn", "records": list(OF_B), "state": "one run: agreement needs two"},
    {"group": "iaik", "records": [], "state": "no run"},
]


def _suspect(kind: str, entity: str) -> dict[str, Any]:
    place = {"kind": entity, "first": 1, "last": 2}
    gold = [{"kind": "MISC", "first": 1, "last": 1}] if kind == "other label" else []
    return {
        **{"sentence": 4, "image": "i4", "kind": kind, "share": 0.9, "systems": 2},
        **{"entity": place, "gold": gold},
    }


SUSPECTS = {
    "records": [*RECORDS, *OF_B],
    "systems": 2,
    "entries": [
        *[_suspect("missing label", "PER")] * 3,
        _suspect("missing label", "LOC"),
        *[_suspect("other label", "LOC")] * 2,
    ],
}


def _results(suspects: dict[str, Any] = SUSPECTS) -> Results:
    held = {"cells": [CELL], "agreement": AGREEMENT, "suspects": suspects}
    scores = {"profile": "p", "runs": [{"record": record} for record in (*RECORDS, *OF_B)]}
    errors = {"profile": "p", "outcomes": list(OUTCOMES), "datasets": {DATASET: held}}
    return partial_results(scores, errors=read(ErrorResults, errors, "errors"), audit=AuditResults("p", {}, ()))


def _texts(table: Table) -> dict[str, dict[str, str]]:
    keys = [column.key for column in table.columns]
    return {row.id: dict(zip(keys, (cell.plain() for cell in row.cells), strict=True)) for row in table.rows}


def test_outcomes_are_means_over_runs_in_their_columns_and_gold_leaves_out_the_spurious() -> None:
    table = error_tables(_results(), DATASET)[0]
    assert (table.id, table.dataset) == ("errors-twitter2017-umt", DATASET)
    assert table.title == "Twitter-2017, umt: what became of entities"
    assert _texts(table)["all/all"] == {
        **{"group": "all", "gold": "80", "correct": "54.0 ± 5.7", "type": "8.0 ± 2.8", "boundary": "5.5 ± 2.1"},
        **{"type-and-boundary": "4.0 ± 1.4", "missed": "8.5 ± 0.7", "spurious": "4.5 ± 2.1"},
        "recall": "67.5 ± 7.1",
    }
    assert [column.title for column in table.columns] == [
        *("Group", "Gold", "Correct", "Type", "Boundary", "Type and boundary", "Missed", "Spurious", "Recall, %")
    ]


def test_cuts_stand_in_one_order_under_their_headings_and_a_group_without_gold_has_no_recall() -> None:
    table = error_tables(_results(), DATASET)[0]
    assert [(row.id, row.group) for row in table.rows] == [
        ("all/all", "All entities"),
        ("type/PER", "By type"),
        ("length/one", "By length"),
        ("training/seen", "By surface form in training"),
        ("opening/I", "By first tag"),
    ]
    texts = _texts(table)
    assert texts["type/PER"]["recall"] == "62.5 ± 17.7"
    assert (texts["opening/I"]["recall"], texts["opening/I"]["spurious"]) == ("n/a", "1.0 ± 1.4")


def test_agreement_is_told_where_there_are_two_runs_and_of_all_records_of_the_group() -> None:
    table = error_tables(_results(), DATASET)[1]
    assert (table.id, table.title) == ("agreement-twitter2017", "Twitter-2017: agreement between runs")
    said = {"group": "umt", "runs": "2", "alike": "71.2", "all": "41", "none": "23", "sentences": "99"}
    assert _texts(table)["umt"] == said
    assert [column.title for column in table.columns] == [
        *("Runs of", "Runs", "Read alike, %", "All right", "None right", "Sentences")
    ]
    counted = table.rows[0].cells[1:]
    assert all(isinstance(cell, Measured) and cell.records == RECORDS for cell in counted)
    alone, absent = (row.cells[1:] for row in table.rows[1:])
    assert set(alone) == {State("one run", "one run: agreement needs two")}
    assert {cell.plain() for cell in absent} == {"not run"}


def test_suspects_are_counted_by_what_is_suspected_and_type() -> None:
    table = error_tables(_results(), DATASET)[2]
    assert (table.id, table.dataset) == ("suspects-twitter2017", DATASET)
    assert [column.key for column in table.columns] == ["kind", "LOC", "PER", "all"]
    assert [column.title for column in table.columns] == ["Suspected", "LOC", "PER", "All"]
    assert [tuple(cell.plain() for cell in row.cells) for row in table.rows] == [
        ("spurious label", "0", "0", "0"),
        ("missing label", "1", "3", "4"),
        ("other label", "2", "0", "2"),
    ]
    assert table.rows[0].cells[1].records == (*RECORDS, *OF_B)


def test_what_too_few_systems_cannot_tell_makes_no_table_and_no_data_set_makes_none() -> None:
    state: dict[str, Any] = {"records": [], "state": "fewer than two systems"}
    assert [table.id for table in error_tables(_results(state), DATASET)][2:] == []
    assert error_tables(_results(), "twitter2015") == []
    assert suspects_file(_results(state))["datasets"] == {DATASET: {**state, "records": (), "changes": []}}


def test_the_file_of_suspects_is_a_patch_of_this_profiles_test_split() -> None:
    held = suspects_file(_results())
    assert (held["format"], held["profile"], held["split"]) == (1, "p", "test")
    found = held["datasets"][DATASET]
    assert found.keys() == {"records", "systems", "changes"}
    assert [len(one["add"]) for one in found["changes"]] == [1] * 6
    assert found["changes"][-1]["remove"] == [{"kind": "MISC", "first": 1, "last": 1}]
    with pytest.raises(KeyError):
        found["entries"]
