"""An audit trains one run again and compares it tag for tag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import tiny

from mner import config
from mner.base.files import sha256_of
from mner.tracking.evidence import files_beside
from mner.tracking.origin import Origin, origin_of
from mner.tracking.record import Record
from mner.training.rerun_audit import AuditError, audit_cell


def audited(world: Path, folder: Path):
    settings = config.load(world / "params.yaml")
    return audit_cell(settings, world, folder, torch.device("cpu"), lambda line: None)


def test_an_honest_cell_passes_and_its_runs_lose_their_mark_and_a_forged_tag_is_found(world: Path) -> None:
    tiny.train(world, "bert-crf")
    cell = world / "runs" / "tiny" / tiny.DATASET / "bert-crf"
    Origin("a" * 64).write(cell / "1")
    before = {path: path.read_bytes() for path in cell.rglob("*.jsonl")}
    audit = audited(world, cell)
    assert (audit.passed, audit.different, audit.record.seed) == (True, 0, 1)
    assert {path: path.read_bytes() for path in before} == before
    assert origin_of(cell / "1").audited_seed == 1

    Origin("a" * 64).write(cell / "1")
    _forge(cell / "1")
    audit = audited(world, cell / "1")
    assert (audit.passed, audit.different) == (False, 1)
    assert not origin_of(cell / "1").is_audited


def test_what_this_checkout_would_not_make_is_not_audited(world: Path) -> None:
    tiny.train(world, "bert-crf")
    cell = world / "runs" / "tiny" / tiny.DATASET / "bert-crf"
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(epochs=raw["recipe"]["epochs"] + 1))
    with pytest.raises(AuditError):
        audited(world, cell)
    with pytest.raises(AuditError):
        audited(world, cell.parent)


def _forge(folder: Path) -> None:
    """Change one test tag, and the record with it."""
    path = folder / "test.own.jsonl"
    text = path.read_text()
    path.write_text(text.replace('"O"', '"B-PER"', 1) if '"O"' in text else text.replace('"B-', '"I-', 1))
    record = Record.read(folder / "record.json")
    record = replace(record, predictions={**record.predictions, "test.own": sha256_of(path)})
    record.sealed(files_beside(folder)).write(folder / "record.json")
