"""Cells, tables and figures as the template gets them: text alone, with what pointing at them says."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from mner.evaluation.paper import Figure as PrintedFigure
from mner.reporting.cells import Cell, Cited, Measured, Printed, State, Words
from mner.reporting.page import Figure, Page, Part
from mner.reporting.page_views import page_view, table_view, view
from mner.reporting.tables import Column, Row, Table

RECORDS = ("runs/a/1/record.json", "runs/a/2/record.json")
NAMED = ", ".join(RECORDS)


def _shown(kind: str, number: str, spread: str, mark: str, about: str) -> dict[str, str]:
    return {"kind": kind, "number": number, "spread": spread, "mark": mark, "about": about}


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (
            Cited(2.0, RECORDS, (1.0, 3.0), 1.41),
            _shown("ours", "2.00", "1.41", "", f"mean ± s.d. over 2 seeds: {NAMED}"),
        ),
        (
            Cited(2.0, RECORDS[:1], (2.0,), digits=0, unit="minutes", mark="a"),
            _shown("ours", "2", "", "a", f"one seed, minutes: {RECORDS[0]}"),
        ),
        (
            Printed(PrintedFigure(85.28, 0.5, "†"), "Table 1, row 3"),
            _shown("paper", "85.28", "0.50", "†", "as printed: Table 1, row 3"),
        ),
        (
            Measured(1.0, RECORDS, "paired", 0.5, 1.5, signed=True),
            _shown("measured", "+1.00", "[+0.50, +1.50]", "", f"paired: {NAMED}"),
        ),
        (
            Measured(3.0, RECORDS, "counted", unit="pairs"),
            _shown("measured", "3.00", "", "", f"counted (pairs): {NAMED}"),
        ),
        (State("skipped", "no pictures"), _shown("state", "skipped", "", "", "no pictures")),
        (Words("UMT", "its card"), _shown("words", "UMT", "", "", "its card")),
    ],
)
def test_a_cell_is_its_number_spread_mark_and_where_they_come_from(cell: Cell, shown: dict[str, str]) -> None:
    assert view(cell) == shown


def test_a_group_of_rows_has_one_heading_and_comes_back_with_another() -> None:
    columns = (Column("system", "System", "words"), Column("why", "Why", "words"))
    rows = tuple(
        Row(str(place), (Words(f"row {place}"), State("–", "so")), group) for place, group in enumerate("aabba")
    )
    shown = table_view(Table("t", "T", "d", columns, rows, frozenset(), ("a note",)))
    assert [line["heading"] for line in shown["lines"]] == ["a", "", "b", "", "a"]
    assert [line["label"] for line in shown["lines"]] == [f"row {place}" for place in range(5)]
    assert [line["cells"] for line in shown["lines"]] == [[_shown("state", "–", "", "", "so")]] * 5
    assert (shown["span"], shown["notes"]) == ("2", ("a note",))
    assert shown["columns"] == [{"title": "System", "origin": "words"}, {"title": "Why", "origin": "words"}]


def _page(*parts: Part) -> Page:
    return Page("p", "P", "Title", "lead", "empty", parts, side_by_side=True)


def test_figures_of_a_kind_stand_side_by_side_though_a_data_set_has_fewer() -> None:
    one, two, three = (Figure(name, "", Markup("<svg/>")) for name in ("one", "two", "three"))
    shown = page_view(_page(Part("twitter2017", (one, two), ()), Part("toy", (three,), ())))
    assert shown["figures"] == [("Twitter-2017", one), ("toy", three), ("Twitter-2017", two)]
    assert [part["title"] for part in shown["parts"]] == ["Twitter-2017", "toy"]
    assert page_view(_page())["figures"] == []
