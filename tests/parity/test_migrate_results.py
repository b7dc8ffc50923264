"""Records of earlier formats become runs identified by version; what cannot be proved is refused, not moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import tiny

from mner.base.files import sha256_of
from mner.config import Config
from mner.models.encoders import location_of
from mner.parity.migrate_results import MigrationError, apply, old_key, planned_moves, prove_equal_behaviour
from mner.tracking.identity import identity_of
from mner.tracking.record import Record

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    tiny.make_world(root, epochs=1)
    tiny.train(root, "bert-crf")
    return root


@pytest.fixture
def world(trained: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(trained, tmp_path / "world")


def settings(root: Path) -> Config:
    return tiny.cell_of(root).config


def made_old(root: Path, number: int = 2, change: Change | None = None) -> Path:
    """The run's record as the format of that number had it, a key that fits included."""
    path = root / "runs" / "tiny" / tiny.DATASET / "bert-crf" / "1" / "record.json"
    row = json.loads(path.read_text())
    del row["versions"], row["sources"]
    row |= {"format": number, "code": {"mner/training/loop.py": "1" * 64}}
    weights = Path(location_of(settings(root).encoders["tiny"])) / "model.safetensors"
    row["encoder"]["sha256"] = sha256_of(weights)
    if number == 1:
        del row["recipe"]["optimiser"]
    if change is not None:
        change(row)
    row["key"] = old_key(row)
    path.write_text(json.dumps(row))
    return path


@pytest.mark.parametrize("number", [1, 2])
def test_a_moved_record_is_the_run_that_this_checkout_makes(world: Path, trained: Path, number: int) -> None:
    path = made_old(world, number)
    (move,) = moves = planned_moves(world / "runs", settings(world), world)
    assert not move.differs
    apply(moves)
    moved = Record.read(path)
    original = Record.read(trained / path.relative_to(world))
    assert moved.key == identity_of(tiny.cell_of(world)).key(1) == original.key
    for name in ("curve", "dev_f1", "finished_at", "environment", "throughput", "git", "predictions", "recipe"):
        assert getattr(moved, name, None) == getattr(original, name, None)
    assert planned_moves(world / "runs", settings(world), world) == []
    assert tiny.train(world, "bert-crf") == []


def test_planning_writes_nothing_and_other_parameters_are_said(world: Path) -> None:
    path = made_old(world, change=lambda row: row["recipe"].update(clip=0.25))
    before = path.read_bytes()
    (move,) = planned_moves(world / "runs", settings(world), world)
    assert move.differs
    assert move.after.recipe["clip"] == 0.25
    assert path.read_bytes() == before


def test_runs_of_older_code_are_nobodys(world: Path) -> None:
    made_old(world)
    (move,) = planned_moves(world / "runs", settings(world), world, older=["tiny"])
    assert dict(move.after.versions) == {"system": 0, "protocol": 0}
    assert move.after.key != identity_of(tiny.cell_of(world)).key(1)


def test_a_record_of_other_weights_or_with_a_false_key_is_refused(world: Path) -> None:
    path = made_old(world, change=lambda row: row["encoder"].update(sha256="0" * 64))
    with pytest.raises(MigrationError):
        planned_moves(world / "runs", settings(world), world)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"key": "0" * 64}))
    with pytest.raises(MigrationError):
        planned_moves(world / "runs", settings(world), world)


def test_scores_of_kept_runs_refer_to_the_moved_records_and_keep_their_numbers(world: Path) -> None:
    kept = world / "reports" / "results" / "tiny"
    path = made_old(world)
    path.parents[3].rename((kept.mkdir(parents=True), kept / "runs")[1])
    path = kept / "runs" / path.relative_to(world / "runs" / "tiny")
    row = json.loads(path.read_text())
    stated = ("profile", "dataset", "system", "seed", "key", "recipe", "encoder")
    run = {name: row[name] for name in stated} | {"record_sha256": sha256_of(path), "views": {"test.own": 81.25}}
    cell = {"encoder": dict(row["encoder"]), "views": {"values": [81.25], "keys": [row["key"]]}}
    scores = {"runs": [run], "cells": [cell, {"reason": "skipped"}]}
    (kept / "scores.json").write_text(json.dumps(scores))
    moves = planned_moves(kept, settings(world), world)
    apply(moves)
    (after,) = (found := json.loads((kept / "scores.json").read_text()))["runs"]
    assert after["views"] == run["views"]
    assert (after["key"], after["record_sha256"]) == (moves[0].after.key, sha256_of(path))
    assert found["cells"][0]["encoder"] == dict(moves[0].after.encoder)
    assert found["cells"][0]["views"] == {"values": [81.25], "keys": [moves[0].after.key]}


def test_nothing_is_proved_without_a_golden_step_of_every_row_that_holds(tmp_path: Path) -> None:
    for name in ("bert", "protocol"):
        (tmp_path / f"{name}.json").write_text("{}")
    prove_equal_behaviour(tmp_path, {"bert"}, lambda path: 0)
    with pytest.raises(MigrationError):
        prove_equal_behaviour(tmp_path, {"bert", "umt"}, lambda path: 0)
    with pytest.raises(MigrationError):
        prove_equal_behaviour(tmp_path, {"bert"}, lambda path: int(path.stem == "protocol"))
