"""Records: strict reading, and truthful about machine and git."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.made_record import example
from support.messages import names

from mner.tracking import record as record_module
from mner.tracking.record import OutdatedRecordError, Record, RecordError


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
    ("damage", "named"),
    [
        (remove("seed"), names("'seed'")),
        (remove("format"), names("'format'")),
        (lambda row: row.update(speed=1), names("'speed'")),
        (lambda row: row.update(format=4), names(4, f"format {record_module.FORMAT}")),
        (lambda row: row.update(format=0), names("0")),
        (lambda row: row.update(format="3"), names("'3'")),
        (lambda row: row["versions"].update(system=True), names("'versions'")),
        (lambda row: row["versions"].pop("protocol"), names("'versions.protocol'")),
        (lambda row: row.update(command=3), names("'command'", "str", "3")),
        (lambda row: row.update(seed=None), names("'seed'", "int", "None")),
        (lambda row: row.update(duration_seconds=True), names("'duration_seconds'", "float", "True")),
        (lambda row: row["throughput"].pop("joules"), names("'throughput.joules'")),
        (lambda row: row["git"].update(branch="x"), names("'git.branch'")),
        (lambda row: row.update(seed="3"), names("'seed'", "int", "'3'")),
        (lambda row: row.update(seed=True), names("'seed'", "int", "True")),
        (lambda row: row.update(dev_f1=[0.5, "x"]), names("'dev_f1'")),
        (lambda row: row.update(dev_f1=41.5), names("'dev_f1'", "41.5")),
        (lambda row: row.update(inputs={"a": 1}), names("'inputs'")),
        (lambda row: row["throughput"].update(speed=1.0), names("'throughput.speed'")),
    ],
)
def test_a_damaged_record_is_refused_by_file_and_field(
    tmp_path: Path, damage: Callable[[dict], None], named: str
) -> None:
    path = tmp_path / "record.json"
    example().write(path)
    row = json.loads(path.read_text())
    damage(row)
    path.write_text(json.dumps(row))
    with pytest.raises(RecordError, match=named) as caught:
        Record.read(path)
    assert str(path) in str(caught.value)


def test_a_record_of_other_bytes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecordError, match=names("record.json", "UTF-8")):
        Record.read(path)


@pytest.mark.parametrize("text", ["[]", '["format"]', '"format"', "3"])
def test_json_that_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(RecordError, match=names("record.json", "'format'")):
        Record.read(tmp_path / "record.json")


def test_a_cut_off_record_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text('{"format": 3,\n "key": "a')
    with pytest.raises(RecordError, match=names("record.json:2")):
        Record.read(path)


@pytest.mark.parametrize(
    ("changes", "field", "named"),
    [
        ({"status": "done"}, "status", names("'done'", "finished, skipped")),
        ({"status": "skipped"}, "reason", names("None")),
        ({"reason": "because"}, "reason", names("'because'")),
        ({"best_epoch": 2}, "best_epoch", names(2)),
        ({"best_epoch": -1}, "best_epoch", names(-1, 2)),
        ({"dev_f1": (0.4, 120.0)}, "dev_f1", names("120.0")),
        ({"dev_f1": (-0.4, 12.0)}, "dev_f1", names("-0.4")),
        ({"predictions": {}}, "predictions", names("'predictions'")),
        ({"finished_at": "yesterday"}, "finished_at", names("'yesterday'")),
        ({"finished_at": "2024-05-06T07:08:09+02:00"}, "finished_at", names("UTC", "+02:00")),
        ({"finished_at": "2024-05-06T07:08:09"}, "finished_at", names("UTC")),
        ({"duration_seconds": float("nan")}, "duration_seconds", names("float", "nan")),
        ({"options": {"path": Path("x")}}, "options", names("JSON")),
        ({"options": {"weight": float("inf")}}, "options", names("JSON")),
    ],
)
def test_a_contradictory_record_cannot_be_made(changes: dict[str, Any], field: str, named: str) -> None:
    with pytest.raises(RecordError, match=named) as caught:
        example(**changes)
    assert caught.value.field == field
