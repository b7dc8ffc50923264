"""Records: strict reading, and truthful about machine and git."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.made_record import example

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
