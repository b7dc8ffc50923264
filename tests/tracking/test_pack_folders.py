"""What of a run folder travels, and what an archive may hold: made-up runs, so that none has to be trained."""

from __future__ import annotations

import json
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.made_record import example
from support.messages import names

from mner.base.files import exclusive, sha256_of
from mner.data.archives import ArchiveError
from mner.tracking import run_archive as archive
from mner.tracking.identity import identity_of_record
from mner.tracking.record import Record
from mner.tracking.run_archive import APART, WEIGHTS, PackError, pack, render, unpack
from mner.tracking.run_places import run_lock_file

RUN = "runs/controls/planted/bert-crf"
NOTHING = {"dev_f1": (), "best_epoch": None, "predictions": {}, "throughput": None}


def made(root: Path, seed: int, *, weights: bool = False, **changes) -> Record:
    """A run folder as training leaves it."""
    folder = root / RUN / str(seed)
    folder.mkdir(parents=True)
    (folder / "curve.csv").write_text("epoch,dev_f1\n0,41.5\n1,60.25\n")
    if weights:
        (folder / WEIGHTS).write_bytes(b"weights")
    if "predictions" not in changes:
        (folder / "dev.own.jsonl").write_text(f'["O"]\n["O"]{" " * seed}\n')
        changes["predictions"] = {"dev.own": sha256_of(folder / "dev.own.jsonl")}
    record = example(seed=seed, **changes)
    record = replace(record, key=identity_of_record(record).key)
    record.write(folder / "record.json")
    return record


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the mark of where a run came from."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "origin.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def taken(packed: Path, root: Path, objection: str | None = None):
    root.mkdir(exist_ok=True)
    return unpack(packed, root, lambda record: objection)


def test_finished_runs_of_the_profile_travel_and_weights_only_when_asked_for(tmp_path: Path) -> None:
    made(tmp_path, 1, weights=True)
    made(tmp_path, 2)
    made(tmp_path, 3, status="skipped", reason="no captions", **NOTHING)
    (tmp_path / RUN / "1" / "failure.json").write_text("{}")
    (tmp_path / "runs" / "other").mkdir()
    files = [f"{RUN}/{seed}/{name}" for seed in (1, 2) for name in ("curve.csv", "dev.own.jsonl", "record.json")]
    for weights, more in ((False, []), (True, [f"{RUN}/1/{WEIGHTS}"])):
        packed = tmp_path / "runs.tar.gz"
        assert pack(tmp_path, "controls", packed, weights=weights) == [f"{RUN}/1", f"{RUN}/2"]
        with tarfile.open(packed) as tar:
            assert tar.getnames() == ["manifest.json", *sorted([*files, *more])]
    one, two = taken(packed, tmp_path / "there")
    assert (one.state, one.place, two.place) == (
        "taken",
        tmp_path / "there" / RUN / "1",
        tmp_path / "there" / RUN / "2",
    )
    expected = {name: (tmp_path / name).read_bytes() for name in [*files, f"{RUN}/1/{WEIGHTS}"]}
    assert {name: text for name, text in contents(tmp_path / "there").items() if name in expected} == expected
    assert render([one, two]) == "2 runs taken, 0 were here already, 0 kept apart\n"


def test_a_finished_run_without_its_curve_is_refused(tmp_path: Path) -> None:
    made(tmp_path, 1)
    (tmp_path / RUN / "1" / "curve.csv").unlink()
    with pytest.raises(PackError, match=names("curve.csv")):
        pack(tmp_path, "controls", tmp_path / "runs.tar.gz")


def test_what_another_run_left_in_its_place_is_gone(tmp_path: Path) -> None:
    made(tmp_path, 1)
    pack(tmp_path, "controls", tmp_path / "runs.tar.gz")
    place = tmp_path / "there" / RUN / "1"
    made(tmp_path / "there", 1, weights=True, options={"dropout": 0.5})
    (place / "test.old.jsonl").write_text("[]\n")
    (arrival,) = taken(tmp_path / "runs.tar.gz", tmp_path / "there")
    assert arrival.state == "taken"
    assert contents(place) == contents(tmp_path / RUN / "1")


@pytest.mark.parametrize("lost", ["dev.own.jsonl", "curve.csv", "the record's end"])
def test_what_is_left_of_the_same_run_gives_way_to_the_whole_one(tmp_path: Path, lost: str) -> None:
    for root in (tmp_path, tmp_path / "there"):
        made(root, 1)
    pack(tmp_path, "controls", tmp_path / "runs.tar.gz")
    place = tmp_path / "there" / RUN / "1"
    if lost == "the record's end":
        (place / "record.json").write_text('{"format": 2, "key"')
    else:
        (place / lost).unlink()
    (arrival,) = taken(tmp_path / "runs.tar.gz", tmp_path / "there")
    assert (arrival.state, contents(place)) == ("taken", contents(tmp_path / RUN / "1"))
    assert [one.state for one in taken(tmp_path / "runs.tar.gz", tmp_path / "there")] == ["known"]


def test_nothing_is_packed_that_would_not_be_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, 1, weights=True)
    packed = tmp_path / "runs.tar.gz"
    pack(tmp_path, "controls", packed)
    with tarfile.open(packed) as tar:
        size = sum(member.size for member in tar)
    monkeypatch.setattr(archive, "BYTE_LIMIT", size)
    pack(tmp_path, "controls", packed)
    assert [one.state for one in taken(packed, tmp_path / "there")] == ["taken"]
    packed.unlink()
    with pytest.raises(PackError, match=names("`mner unpack`", f"{size:,}")):
        pack(tmp_path, "controls", packed, weights=True)
    assert not packed.exists()
    pack(tmp_path, "controls", packed)
    monkeypatch.setattr(archive, "BYTE_LIMIT", size - 1)
    with pytest.raises(ArchiveError, match=names(f"{size - 1:,}")):
        taken(packed, tmp_path / "elsewhere")


def test_a_run_kept_apart_lies_in_one_place_however_often_it_comes(tmp_path: Path) -> None:
    made(tmp_path, 1)
    pack(tmp_path, "controls", tmp_path / "runs.tar.gz")
    (first,) = taken(tmp_path / "runs.tar.gz", tmp_path / "there", "other code")
    (again,) = taken(tmp_path / "runs.tar.gz", tmp_path / "there", "other code")
    assert (first, first.state, first.reason) == (again, "apart", "other code")
    assert first.place.parent == tmp_path / "there" / APART / "controls" / "planted" / "bert-crf"
    assert contents(first.place) == contents(tmp_path / RUN / "1")
    assert render([first]).startswith("kept apart: planted x bert-crf seed 1: other code\n")
    assert render([first]).endswith("0 runs taken, 0 were here already, 1 kept apart\n")


def test_a_file_that_no_record_speaks_of_is_refused(tmp_path: Path) -> None:
    record = made(tmp_path, 1)
    (tmp_path / RUN / "1" / "test.own.jsonl").write_text('["O"]\n')
    packed = rewritten(tmp_path, record, lambda folder: None)
    with pytest.raises(PackError, match=r"runs\.tar\.gz: .*test\.own\.jsonl"):
        taken(packed, tmp_path / "there")
    assert not (tmp_path / "there" / "runs").exists()


def test_a_run_without_a_record_is_refused_by_the_archives_name(tmp_path: Path) -> None:
    record = made(tmp_path, 1)
    packed = rewritten(tmp_path, record, lambda folder: (folder / "record.json").unlink())
    with pytest.raises(PackError, match=names("runs.tar.gz", f"{RUN}/1/record.json")):
        taken(packed, tmp_path / "there")


@pytest.mark.parametrize(
    "manifest",
    [
        '{"format": 1}',
        '{"format": 1, "files": []}',
        '{"format": 1, "files": {"a": {"size": 1}}}',
        '{"format": 1, "files": {"a": 1}}',
        '{"files": {}}',
        "[]",
    ],
)
def test_a_manifest_that_says_something_else_is_none(tmp_path: Path, manifest: str) -> None:
    archive._write(tmp_path / "runs.tar.gz", manifest.encode(), {})
    with pytest.raises(PackError, match=names("runs.tar.gz", "manifest.json")):
        taken(tmp_path / "runs.tar.gz", tmp_path / "there")


def test_a_file_of_another_content_and_the_same_size_is_refused(tmp_path: Path) -> None:
    made(tmp_path, 1)
    pack(tmp_path, "controls", tmp_path / "runs.tar.gz")
    with tarfile.open(tmp_path / "runs.tar.gz") as tar:
        manifest = tar.extractfile(archive.MANIFEST).read()
    curve = tmp_path / RUN / "1" / "curve.csv"
    curve.write_text(curve.read_text().replace("41", "42"))
    files = {f"{RUN}/1/{path.name}": path for path in (tmp_path / RUN / "1").iterdir()}
    archive._write(tmp_path / "runs.tar.gz", manifest, files)
    with pytest.raises(PackError, match=names("curve.csv")):
        taken(tmp_path / "runs.tar.gz", tmp_path / "there")


@pytest.mark.parametrize(
    "name",
    [
        "data/controls/planted/bert-crf/1/more.json",
        f"{RUN}/1/deep/more.json",
        f"{RUN}/more.json",
        f"{RUN}/1/more.bin",
    ],
)
def test_what_lies_where_no_file_of_a_run_lies_is_refused(tmp_path: Path, name: str) -> None:
    made(tmp_path, 1)
    (tmp_path / "more").write_text("{}")
    listed = {name: {"size": 2, "sha256": sha256_of(tmp_path / "more")}}
    manifest = json.dumps({"format": archive.FORMAT, "files": listed}).encode()
    archive._write(tmp_path / "runs.tar.gz", manifest, {name: tmp_path / "more"})
    with pytest.raises(PackError, match=names(name)):
        taken(tmp_path / "runs.tar.gz", tmp_path / "there")


def test_a_run_in_the_folder_of_another_profile_is_not_packed(tmp_path: Path) -> None:
    made(tmp_path, 1)
    (tmp_path / "runs" / "controls").rename(tmp_path / "runs" / "quick")
    with pytest.raises(PackError, match=names("planted x bert-crf", 1, "controls")):
        pack(tmp_path, "quick", tmp_path / "runs.tar.gz")


def test_two_runs_of_one_seed_are_kept_apart_from_each_other(tmp_path: Path) -> None:
    places = set()
    for number, dropout in enumerate((0.1, 0.2)):
        made(tmp_path / f"away{number}", 1, options={"dropout": dropout})
        packed = tmp_path / f"{number}.tar.gz"
        pack(tmp_path / f"away{number}", "controls", packed)
        (arrival,) = taken(packed, tmp_path / "there", "other options")
        places.add(arrival.place)
    assert len(places) == 2
    assert {Record.read(place / "record.json").options["dropout"] for place in places} == {0.1, 0.2}


def test_what_stands_in_a_place_stays_until_the_new_run_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, 1)
    pack(tmp_path, "controls", tmp_path / "runs.tar.gz")
    made(tmp_path / "there", 1, options={"dropout": 0.5})
    before = contents(tmp_path / "there" / RUN)

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(archive.shutil, "move", full)
    with pytest.raises(OSError, match="No space"):
        taken(tmp_path / "runs.tar.gz", tmp_path / "there")
    assert contents(tmp_path / "there" / RUN) == before


def test_a_run_that_is_being_trained_here_is_waited_for(tmp_path: Path) -> None:
    made(tmp_path, 1)
    pack(tmp_path, "controls", tmp_path / "runs.tar.gz")
    there, arrived = tmp_path / "there", threading.Event()

    def arrive() -> None:
        taken(tmp_path / "runs.tar.gz", there)
        arrived.set()

    with exclusive(run_lock_file(there, "controls", "planted", "bert-crf", 1)):
        unpacking = threading.Thread(target=arrive)
        unpacking.start()
        assert not arrived.wait(0.3)
        assert not (there / RUN / "1").exists()
    unpacking.join(timeout=10)
    assert (there / RUN / "1" / "record.json").is_file()


def rewritten(root: Path, record: Record, change) -> Path:
    """An archive, honest in its manifest, of everything in the run's folder after a change."""
    folder = root / RUN / str(record.seed)
    change(folder)
    files = {f"{RUN}/{record.seed}/{path.name}": path for path in sorted(folder.iterdir())}
    listed = {name: {"size": path.stat().st_size, "sha256": sha256_of(path)} for name, path in files.items()}
    manifest = json.dumps({"format": archive.FORMAT, "files": listed}).encode()
    archive._write(root / "runs.tar.gz", manifest, files)
    return root / "runs.tar.gz"
