"""Text in columns: tables read the same in their source as in a terminal."""

from __future__ import annotations

from mner.columns import markdown_table


def test_a_markdown_table_is_aligned_by_what_a_terminal_shows() -> None:
    lines = markdown_table(["system", "F1"], [["é", "80.84"], ["字", "7"]], numbers={1})
    assert lines == [
        "| system |    F1 |",
        "| ------ | ----: |",
        "| é      | 80.84 |",
        "| 字     |     7 |",
    ]


def test_a_markdown_table_needs_no_rows_and_rules_are_never_too_short() -> None:
    assert markdown_table(["a", "b"], [], numbers={1}) == ["| a   |   b |", "| --- | --: |"]
