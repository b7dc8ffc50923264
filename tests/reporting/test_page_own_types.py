"""The page of a data set with types of its own: a column for each, and no printed number."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import fabricated_report, fabricated_runs

OWN = ("DRUG", "DISEASE", "GENE", "DOSE")


def test_types_of_a_data_set_are_the_columns_of_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fabricated_runs, "TYPES", OWN)
    active = fabricated_runs.Active("tiny", ("clinic",), ("bert-crf",), (1, 2))
    fabricated_runs.make_runs(tmp_path, active, lambda *place: 0.1 if place[3] == "own" else None)
    results = fabricated_runs.evaluated(tmp_path, active)
    cell = next(cell for cell in results.scores.cells if cell.dataset == "clinic")
    assert set(cell.views["test.own"].types) == set(OWN)
    fabricated_report.write_report(
        results,
        fabricated_report.PAPER,
        fabricated_runs.Settings(active),
        (),
        fabricated_report.TEMPLATES,
        tmp_path / "rendered",
    )
    page = (tmp_path / "rendered" / "index.html").read_text(encoding="utf-8")
    section = page[page.index('id="others"') :]
    assert all(f">{kind}" in section for kind in OWN)
    table = (tmp_path / "rendered" / "others.md").read_text(encoding="utf-8")
    assert [kind for kind in OWN if kind in table] == list(OWN)
    assert " PER " not in table
