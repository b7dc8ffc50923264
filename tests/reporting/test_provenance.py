"""Committed runs are told from those that today's code and parameters would make."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support import tiny

from mner.evaluation.kept_results import REFERENCE
from mner.reporting.provenance import Origins, origins
from mner.tracking.record import Record


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    tiny.make_world(root, epochs=1)
    for system in ("bert-crf", "rgcn"):
        tiny.train(root, system)
    shutil.copytree(root / "runs" / "tiny", root / REFERENCE / "tiny" / "runs")
    return root


@pytest.fixture
def world(trained: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(trained, tmp_path / "world")


def found(root: Path) -> Origins | None:
    return origins(tiny.cell_of(root).config, root)


def test_runs_of_these_versions_and_parameters(world: Path) -> None:
    assert found(world) == Origins(2, 0, 0, 2)
    assert found(world).render() == "all 2 committed runs have the versions and parameters that stand here now"
    path = world / "baselines" / "bert_crf.py"
    path.write_text(path.read_text().replace("Tagger", "Renamed"))
    assert found(world) == Origins(2, 0, 0, 2)


def record_of(root: Path, system: str) -> Path:
    return root / REFERENCE / "tiny" / "runs" / "toy" / system / "1" / "record.json"


def make_another_version(root: Path, system: str, part: str) -> None:
    record = Record.read(record_of(root, system))
    replace(record, versions={**record.versions, part: 9}).write(record_of(root, system))


def test_other_versions_and_other_parameters_are_counted_apart(world: Path) -> None:
    make_another_version(world, "bert-crf", "system")
    assert found(world) == Origins(2, 1, 0, 1)
    make_another_version(world, "rgcn", "protocol")
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(clip=0.5))
    assert found(world) == Origins(2, 2, 2, 0)
    assert "(2 have other versions, 2 other parameters)" in found(world).render()


def test_a_run_is_the_same_only_if_versions_and_parameters_both_are(world: Path) -> None:
    make_another_version(world, "bert-crf", "system")
    tiny.change_parameters(world, lambda raw: raw["systems"]["rgcn"]["options"].update(heads=2))
    assert found(world) == Origins(2, 1, 1, 0)


def test_another_encoder_is_another_parameter_and_another_name_is_not(world: Path) -> None:
    def change(raw) -> None:
        raw["encoders"]["other"] = raw["encoders"]["tiny"]
        raw["active"]["recipe"]["rows"] = {"rgcn": {"encoder": "other"}}

    tiny.change_parameters(world, change)
    assert found(world) == Origins(2, 0, 0, 2)
    record = Record.read(record_of(world, "rgcn"))
    replace(record, encoder={**record.encoder, "sha256": "0" * 64}).write(record_of(world, "rgcn"))
    assert found(world) == Origins(2, 0, 1, 1)


def test_runs_that_were_skipped_are_none_that_anything_made(world: Path) -> None:
    path = world / REFERENCE / "tiny" / "runs" / "toy" / "rgcn" / "1" / "record.json"
    nothing = {"dev_f1": (), "best_epoch": None, "predictions": {}, "throughput": None}
    replace(Record.read(path), status="skipped", reason="no captions", **nothing).write(path)
    assert found(world) == Origins(1, 0, 0, 1)


def test_nothing_committed(world: Path) -> None:
    shutil.rmtree(world / REFERENCE)
    assert found(world) is None
