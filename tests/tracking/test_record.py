"""Records: strict reading, and truthful about machine and git."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from support.profile_settings import write_profile

from mner.tracking import record as record_module
from mner.tracking.record import OutdatedRecordError, Record, RecordError, describe_environment, describe_git, now


def example(**changes: Any) -> Record:
    values: dict[str, Any] = {
        "key": "ab" * 32,
        "profile": "controls",
        "dataset": "planted",
        "system": "bert-crf",
        "seed": 3,
        "status": "finished",
        "reason": None,
        "inputs": {"data/planted/corpus/train.jsonl": "cd" * 32},
        "versions": {"system": 1, "protocol": 1},
        "sources": {"baselines/bert_crf.py": "ef" * 32},
        "recipe": {"epochs": 2, "views": ("own", "none"), "encoder_learning_rate": 3e-5},
        "options": {},
        "encoder": {"name": "tiny", "source": "embedded", "sha256": None},
        "data_copy": "planted",
        "visual_input": "none",
        "dev_f1": (41.5, 60.25),
        "best_epoch": 1,
        "predictions": {"dev.own": "01" * 32},
        "throughput": {
            "train_sentences_per_second": 20.5,
            "inference_sentences_per_second": 80.0,
            "peak_memory_gib": 0.5,
            "device": "cpu: some processor, 2 threads",
            "joules": None,
            "utilisation": None,
        },
        "duration_seconds": 12.5,
        "environment": {"python": "3.11.2"},
        "git": {"commit": None, "dirty": None},
        "finished_at": "2024-05-06T07:08:09.123+00:00",
        "command": "mner run",
    }
    return Record(**{**values, **changes})


def test_a_record_equals_what_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "record.json"
    for record in (
        example(),
        example(throughput=None),
        example(status="skipped", reason="no captions", dev_f1=(), best_epoch=None, predictions={}),
    ):
        record.write(path)
        assert Record.read(path) == record
    assert json.loads(path.read_text())["format"] == 3


def test_what_was_counted_only_later_may_be_in_a_record_or_not(tmp_path: Path) -> None:
    told = {**example().throughput, "train_flops_per_sentence": 1e9, "matrix_flops_per_second": None, "mfu": 0.4}
    example(throughput=told).write(tmp_path / "record.json")
    assert Record.read(tmp_path / "record.json").throughput == told


def test_writing_is_canonical(tmp_path: Path) -> None:
    example(inputs={"b": "1", "a": "2"}).write(tmp_path / "one")
    example(inputs={"a": "2", "b": "1"}).write(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("number", [1, 2])
def test_a_record_of_an_earlier_format_names_the_command_that_moves_it(tmp_path: Path, number: int) -> None:
    path = tmp_path / "record.json"
    example().write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": number}))
    with pytest.raises(OutdatedRecordError) as raised:
        Record.read(path)
    told = str(raised.value)
    assert told.startswith(f"{path}: ")
    assert record_module.MOVED_BY in told
    assert "\n" not in told


def test_best_dev_f1_and_start_follow_from_the_fields() -> None:
    assert example().best_dev_f1 == 60.25
    assert example(best_epoch=None).best_dev_f1 is None
    assert (example().finished - example().started).total_seconds() == 12.5


def remove(name: str) -> Callable[[dict], None]:
    return lambda row: row.pop(name)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("seed"), "missing field 'seed'"),
        (remove("format"), "field 'format' is missing"),
        (lambda row: row.update(speed=1), "unknown field 'speed'"),
        (
            lambda row: row.update(format=4),
            "format 4 is not known.*reads format 3: use the version that wrote it",
        ),
        (lambda row: row.update(format=0), "format 0 is not known"),
        (lambda row: row.update(format="3"), "format '3' is not known"),
        (lambda row: row["versions"].update(system=True), "field 'versions' should be"),
        (lambda row: row["versions"].pop("protocol"), r"missing field 'versions\.protocol'"),
        (lambda row: row.update(command=3), "field 'command' should be str, but is 3"),
        (lambda row: row.update(seed=None), "field 'seed' should be int, but is None"),
        (lambda row: row.update(duration_seconds=True), "field 'duration_seconds' should be float, but is True"),
        (lambda row: row["throughput"].pop("joules"), r"missing field 'throughput\.joules'"),
        (lambda row: row["git"].update(branch="x"), r"unknown field 'git\.branch'"),
        (lambda row: row.update(seed="3"), "field 'seed' should be int, but is '3'"),
        (lambda row: row.update(seed=True), "field 'seed' should be int"),
        (lambda row: row.update(dev_f1=[0.5, "x"]), "field 'dev_f1' should be"),
        (lambda row: row.update(dev_f1=41.5), r"field 'dev_f1' should be tuple\[float, ...\], but is 41\.5"),
        (lambda row: row.update(inputs={"a": 1}), "field 'inputs' should be"),
        (lambda row: row["throughput"].update(speed=1.0), r"unknown field 'throughput\.speed'"),
    ],
)
def test_a_damaged_record_is_refused_by_file_and_field(
    tmp_path: Path, damage: Callable[[dict], None], message: str
) -> None:
    path = tmp_path / "record.json"
    example().write(path)
    row = json.loads(path.read_text())
    damage(row)
    path.write_text(json.dumps(row))
    with pytest.raises(RecordError, match=message) as caught:
        Record.read(path)
    assert str(path) in str(caught.value)


def test_a_record_of_other_bytes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecordError, match=r"record\.json: not UTF-8 .* delete it and run again"):
        Record.read(path)


@pytest.mark.parametrize("text", ["[]", '["format"]', '"format"', "3"])
def test_json_that_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(RecordError, match=r"record\.json: no record: the field 'format' is missing"):
        Record.read(tmp_path / "record.json")


def test_a_cut_off_record_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text('{"format": 3,\n "key": "a')
    with pytest.raises(RecordError, match=r"record\.json:2: not JSON"):
        Record.read(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "done"}, "field 'status' is 'done', expected one of finished, skipped"),
        ({"status": "skipped"}, "a skipped run states one"),
        ({"reason": "because"}, "field 'reason' is 'because'"),
        ({"best_epoch": 2}, "there are 2 epochs"),
        ({"best_epoch": -1}, "there are 2 epochs"),
        ({"dev_f1": (0.4, 120.0)}, "percent"),
        ({"dev_f1": (-0.4, 12.0)}, "percent"),
        ({"predictions": {}}, "'predictions' is empty"),
        ({"finished_at": "yesterday"}, "not an ISO 8601 time"),
        ({"finished_at": "2024-05-06T07:08:09+02:00"}, "not in UTC"),
        ({"finished_at": "2024-05-06T07:08:09"}, "not in UTC"),
        ({"duration_seconds": float("nan")}, "'duration_seconds' should be float"),
        ({"options": {"path": Path("x")}}, "'options' does not fit into JSON"),
        ({"options": {"weight": float("inf")}}, "'options' does not fit into JSON"),
    ],
)
def test_a_contradictory_record_cannot_be_made(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        example(**changes)


def test_now_is_utc_and_fits_a_record() -> None:
    assert abs((datetime.now(UTC) - example(finished_at=now()).finished).total_seconds()) < 5
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}\+00:00", now())


def test_the_environment_states_versions_and_hardware() -> None:
    environment = describe_environment()
    assert environment["torch"] == torch.__version__
    assert environment["threads"] == torch.get_num_threads()
    assert re.search("[A-Za-z]", environment["cpu"])
    assert environment["numpy"] == metadata.version("numpy")
    assert 1 <= environment["cores"] <= os.cpu_count()
    assert environment["memory_gib"] == pytest.approx(psutil.virtual_memory().total / 2**30, abs=0.1)
    assert (environment["gpu"] is None) == (not torch.cuda.is_available())
    assert replace(example(), environment=environment).environment == environment


def test_a_package_that_is_not_there_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(record_module.metadata, "version", version)
    assert describe_environment()["transformers"] is None


def git(folder: Path, *arguments: str) -> None:
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *name, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("1\n")
    (tmp_path / "dvc.lock").write_text("1\n")
    write_profile(tmp_path, "quick")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_git_tells_commit_and_changes(repository: Path) -> None:
    clean = describe_git(repository)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (repository / "dvc.lock").write_text("2\n")
    assert describe_git(repository) == clean, "dvc writes its lock file during a sweep"
    (repository / "a.py").write_text("2\n")
    assert describe_git(repository) == {**clean, "dirty": True}


def test_another_active_profile_is_no_change_but_another_parameter_is(repository: Path) -> None:
    write_profile(repository, "full")
    assert describe_git(repository)["dirty"] is False
    write_profile(repository, "full", lambda raw: raw["recipe"].update(epochs=3))
    assert describe_git(repository)["dirty"] is True
    write_profile(repository, "full", lambda raw: raw["systems"].update(mine={"like": "rgcn"}))
    assert describe_git(repository)["dirty"] is True


def test_a_new_file_makes_a_tree_dirty(repository: Path) -> None:
    (repository / "new_system.py").write_text("1\n")
    assert describe_git(repository)["dirty"] is True


def test_no_commit_is_claimed_where_there_is_none(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {"commit": None, "dirty": None}
    inside = repository / "unpacked"
    inside.mkdir()
    assert describe_git(inside) == unknown, "somebody else's repository"
    assert describe_git(tmp_path / "absent") == unknown
    monkeypatch.setattr(record_module, "GIT_TIMEOUT_SECONDS", 0.0)
    assert describe_git(repository) == unknown, "too slow"
    monkeypatch.setenv("PATH", str(inside))
    assert describe_git(repository) == unknown, "no git"


def test_a_commit_is_claimed_however_its_folder_is_called(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(repository)
    monkeypatch.chdir(repository)
    assert describe_git(link) == describe_git(Path()) == describe_git(repository)
    assert describe_git(link)["commit"] is not None


def test_looking_at_a_repository_writes_nothing_into_it(repository: Path) -> None:
    index = repository / ".git" / "index"
    os.utime(repository / "a.py", (1e9, 1e9))  # git would note the new time
    before = index.read_bytes()
    assert describe_git(repository)["dirty"] is False
    assert index.read_bytes() == before


def test_changes_that_git_does_not_tell_are_unknown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, ask = describe_git(repository)["commit"], record_module._git
    monkeypatch.setattr(record_module, "_git", lambda root, *told: None if "status" in told else ask(root, *told))
    assert describe_git(repository) == {"commit": commit, "dirty": None}


def test_a_repository_without_commits_is_unknown(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert describe_git(tmp_path) == {"commit": None, "dirty": None}
