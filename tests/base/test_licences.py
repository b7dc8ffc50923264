"""The licence table: every pinned distribution has a row, and a licence that a reader can act on."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import cast

import pytest

from mner.base.licences import NOTES, LockError, licences, locked, render, stated

ROOT = Path(__file__).resolve().parents[2]


def _described(*fields: tuple[str, str]) -> PackageMetadata:
    message = Message()
    for name, value in fields:
        message[name] = value
    return cast(PackageMetadata, message)


def test_the_committed_table_lists_what_is_pinned() -> None:
    rows = [
        line.split(" | ") for line in (ROOT / "docs/licences.md").read_text().splitlines() if line.startswith("| ")
    ]
    table = {row[0].removeprefix("| "): row for row in rows[1:]}
    versions = locked(ROOT / "constraints.lock")
    assert {name: row[1] for name, row in table.items()} == versions
    assert NOTES.keys() <= versions.keys()
    unclear = {name for name, row in table.items() if row[2] == "none stated"}
    assert unclear <= NOTES.keys()


def test_the_shortest_exact_statement_counts() -> None:
    classifier = ("Classifier", "License :: OSI Approved :: BSD License")
    assert stated(_described(("License-Expression", "MIT"), ("License", "long"), classifier)) == "MIT"
    assert stated(_described(("License", "GPLv2 | EPLv1"), classifier)) == "GPLv2 | EPLv1"
    assert stated(_described(("License", "a\nwhole\ntext"), classifier)) == "BSD License"
    assert stated(_described(("License", "UNKNOWN"))) == "none stated"


def test_a_licence_with_a_bar_stays_in_its_column() -> None:
    (row,) = licences({"grandalf": "0.8"})
    line = render([row]).splitlines()[-1]
    assert line.count("|") == 5


def test_a_file_without_pins_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.lock").write_text("# nothing\n")
    with pytest.raises(LockError) as refused:
        locked(tmp_path / "empty.lock")
    assert refused.value.path == tmp_path / "empty.lock"
