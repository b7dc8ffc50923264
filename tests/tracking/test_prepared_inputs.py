"""Inputs are compared with what DVC noted when they were made, before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mner.tracking.prepared_inputs import CACHE, LOCK, ChangedInputError, check_inputs, folder_md5

FOLDER = Path("data/toy/corpus")
TRAIN = FOLDER / "train.jsonl"


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    (tmp_path / FOLDER / "more").mkdir(parents=True)
    for name in ("train.jsonl", "dev.jsonl", "more/z.json"):
        (tmp_path / FOLDER / name).write_text(name)
    (tmp_path / "graphs").mkdir()
    outs = [{"path": FOLDER.as_posix(), "hash": "md5", "md5": folder_md5(tmp_path / FOLDER)}]
    (tmp_path / LOCK).write_text(yaml.safe_dump({"schema": "2.0", "stages": {"data@toy": {"outs": outs}}}))
    return tmp_path


def test_what_a_stage_wrote_is_accepted_and_what_none_wrote_is_not_compared(prepared: Path) -> None:
    (prepared / "graphs" / "mine.json").write_text("{}")
    check_inputs(prepared, [TRAIN, FOLDER / "more" / "z.json", Path("graphs/mine.json")])


def test_one_changed_letter_is_refused_by_folder(prepared: Path) -> None:
    (prepared / TRAIN).write_text("Train.jsonl")
    with pytest.raises(ChangedInputError) as raised:
        check_inputs(prepared, [TRAIN])
    assert (raised.value.path, raised.value.found) == (FOLDER, folder_md5(prepared / FOLDER))


def test_where_the_cache_lists_the_files_the_changed_one_is_named(prepared: Path) -> None:
    digest = folder_md5(prepared / FOLDER)
    rows = [{"md5": "0" * 32, "relpath": "train.jsonl"}]
    (prepared / CACHE / digest[:2]).mkdir(parents=True)
    (prepared / CACHE / digest[:2] / digest[2:]).write_text(json.dumps(rows))
    (prepared / FOLDER / "beside.json").write_text("not read by the run")
    check_inputs(prepared, [FOLDER / "dev.jsonl"])
    with pytest.raises(ChangedInputError) as raised:
        check_inputs(prepared, [TRAIN])
    assert (raised.value.path, raised.value.expected) == (TRAIN, "0" * 32)


@pytest.mark.parametrize("text", ["", "[]", "{", "stages: {a: {cmd: b}}"])
def test_without_a_lock_nothing_is_compared(prepared: Path, text: str) -> None:
    (prepared / LOCK).write_text(text)
    (prepared / TRAIN).write_text("other")
    check_inputs(prepared, [TRAIN])
