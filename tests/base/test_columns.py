"""Text in columns: tables read the same in their source as in a terminal."""

from __future__ import annotations

from mner.base.terminal import WIDTH, aligned_with_notes, markdown_table


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


def test_a_long_note_goes_on_below_itself_and_loses_no_word() -> None:
    note = "a reason of many words " * 20
    rows = [("short", "1.00", "fits"), ("a longer name", "-1.00", note), ("bare", "0.00", "")]
    lines = aligned_with_notes(rows, "    ")
    assert max(map(len, lines)) <= WIDTH
    column = lines[0].index("fits")
    assert lines[1][:column].split() == ["a", "longer", "name", "-1.00"]
    assert all(not line[:column].strip() for line in lines[2:-1])
    assert " ".join(line[column:].strip() for line in lines[1:-1]) == note.strip()
    assert lines[-1] == "    bare           0.00"
