"""Rows of the table of controls on cells worked by hand: order, numbers, states, and what its notes promise."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from support.empty_results import partial_results

from mner.reporting.control_checks import HOLDS
from mner.reporting.control_tables import NOT_JUDGED, control_table
from mner.reporting.tables import Table

POSITIVE, NEGATIVE = "controls-positive", "controls-negative"


@dataclass(frozen=True)
class Limits:
    margin: float = 0.5
    alpha: float = 0.05
    reference_margin: float = 1.0
    control_gain: float = 5.0


def _summary(name: str, values: list[float]) -> dict[str, Any]:
    records = [f"runs/{name}/{place}/record.json" for place in range(len(values))]
    return {"mean": statistics.fmean(values), "sd": statistics.stdev(values), "values": values, "records": records}


def _cell(dataset: str, system: str, f1: list[float], reliance: float | None = None) -> dict[str, Any]:
    name = f"{dataset}/{system}"
    probes = {} if reliance is None else {view: _summary(name, [reliance] * 3) for view in ("none", "shuffled")}
    return {
        "dataset": dataset,
        "system": system,
        "state": "finished",
        "visual_input": "none" if reliance is None else "captions",
        "views": {"test.own": {"f1": _summary(name, f1)}},
        "reliance": probes,
    }


TEXT = [_cell(dataset, "bert-crf", [69.99, 70.0, 70.01]) for dataset in (POSITIVE, NEGATIVE)]
UMT = [_cell(POSITIVE, "umt", [80.0, 80.1, 80.2], 9.0), _cell(NEGATIVE, "umt", [70.65, 70.7, 70.75], 0.7)]


def _table(*cells: dict[str, Any], systems: tuple[str, ...] = ("bert-crf", "umt")) -> Table | None:
    finished = [cell["views"]["test.own"]["f1"] for cell in cells if cell["state"] == "finished"]
    records = {record for f1 in finished for record in f1["records"]}
    scores = {
        "datasets": [POSITIVE, NEGATIVE],
        "systems": list(systems),
        "cells": list(cells),
        "runs": [{"record": record} for record in records],
    }
    return control_table(partial_results(scores), Limits(), {})


def _row(table: Table, system: str) -> dict[str, Any]:
    row = next(row for row in table.rows if row.id == system)
    return dict(zip((column.key for column in table.columns), row.cells, strict=True))


def test_columns_are_measures_on_the_positive_then_the_negative_control() -> None:
    titles = [column.title for column in _table(*TEXT, *UMT).columns]
    measures = [
        f"{what} ({short}.)" for what in ("gain", "own − none", "own − another's") for short in ("pos", "neg")
    ]
    assert titles == ["System", *measures, "Controls"]


def test_systems_that_read_pictures_stand_first_in_the_profiles_order() -> None:
    others = [{**cell, "system": "another"} for cell in UMT]
    table = _table(*TEXT, *UMT, *others, systems=("bert-crf", "umt", "another"))
    assert [(row.id, row.group) for row in table.rows] == [
        ("umt", "Text + image"),
        ("another", "Text + image"),
        ("bert-crf", "Text"),
    ]


def test_what_is_about_zero_is_what_the_margin_of_references_says() -> None:
    table = _table(*TEXT, *UMT)
    assert _row(table, "umt")["verdict"].text == HOLDS, "0.7 is surely no zero, and below one point"
    assert "all three are 5 points or more on the positive control" in table.notes[0]
    assert "each is smaller than 5, with several seeds together with its 90 % interval" in table.notes[0]
    assert "also smaller than 1 unless that interval holds 0" in table.notes[0]


def test_a_number_that_is_lacking_says_why() -> None:
    text = _row(_table(*TEXT, *UMT), "bert-crf")
    assert {cell.why for key, cell in text.items() if "." in key} == {"reads no picture"}
    alone = _row(_table(*UMT, systems=("umt",)), "umt")
    assert [alone[f"gain.{dataset}"].plain() for dataset in (POSITIVE, NEGATIVE)] == ["not known"] * 2
    idle = _row(_table(*TEXT, *UMT, systems=("bert-crf", "umt", "rgcn")), "rgcn")
    assert {cell.plain() for key, cell in idle.items() if "." in key} == {"not run"}
    assert (idle["verdict"].text, idle["verdict"].why) == (
        NOT_JUDGED,
        "not run on the positive and negative control",
    )


def test_without_a_finished_run_there_is_no_table() -> None:
    assert _table({"dataset": POSITIVE, "system": "umt", "state": "not-run"}) is None
