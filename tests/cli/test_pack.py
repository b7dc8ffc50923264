"""Runs travel whole or not at all, and only runs that this checkout would make are mixed with its own."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support import tiny

from mner import config
from mner.data.archives import ArchiveError
from mner.tracking.run_archive import APART, MANIFEST, PackError, pack, render, unpack
from mner.training.arrival import objections


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A world without runs; everybody gets a copy."""
    root = tmp_path_factory.mktemp("home")
    tiny.make_world(root, epochs=1)
    return root


@pytest.fixture(scope="module")
def away(home, tmp_path_factory) -> Path:
    """The same world on a machine that trains: one run of one system."""
    root = tiny.copy_of(home, tmp_path_factory.mktemp("away") / "world")
    tiny.train(root, "bert-crf")
    return root


@pytest.fixture(scope="module")
def archive(away, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "runs.tar.gz"
    assert pack(away, "tiny", path) == ["runs/tiny/toy/bert-crf/1"]
    return path


@pytest.fixture
def world(home, tmp_path) -> Path:
    return tiny.copy_of(home, tmp_path / "world")


def arrived(archive: Path, root: Path):
    return unpack(archive, root, objections(config.load(root / "params.yaml"), root))


def files_of(root: Path) -> dict[str, bytes]:
    runs = root / "runs"
    return {path.relative_to(runs).as_posix(): path.read_bytes() for path in sorted(runs.rglob("*.*"))}


def test_a_run_arrives_byte_for_byte_and_is_not_trained_again(away, archive, world):
    (arrival,) = arrived(archive, world)
    assert (arrival.state, arrival.run) == ("taken", "toy x bert-crf seed 1")
    assert files_of(world) == files_of(away)
    assert tiny.train(world, "bert-crf") == []
    assert [one.state for one in arrived(archive, world)] == ["known"]
    assert files_of(world) == files_of(away)
    assert not list(world.glob(".unpacking-*"))


def test_the_same_runs_give_the_same_archive_whenever_it_is_written(away, archive, tmp_path, monkeypatch):
    again = tmp_path / "again.tar.gz"
    monkeypatch.setattr("time.time", lambda: 1e9)
    pack(away, "tiny", again)
    assert again.read_bytes() == archive.read_bytes()


def change_data(root: Path) -> None:
    path = root / "data" / "toy" / "corpus" / "dev.jsonl"
    path.write_text(path.read_text() + "\n")


def change_option(root: Path) -> None:
    tiny.change_parameters(root, lambda raw: raw["systems"]["bert-crf"]["options"].update(dropout=0.2))


def change_recipe(root: Path) -> None:
    tiny.change_parameters(root, lambda raw: raw["recipe"].update(clip=0.5))


def lose_data(root: Path) -> None:
    shutil.rmtree(root / "data")


def drop_the_row(root: Path) -> None:
    tiny.change_parameters(root, lambda raw: raw["active"].update(systems=["rgcn"]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_data, "made from another file data/toy/corpus/dev.jsonl"),
        (change_option, "made from another option dropout"),
        (change_recipe, "made from another recipe clip"),
        (lose_data, "data/toy/corpus/train.jsonl is not built here"),
        (drop_the_row, "no profile tiny has toy x bert-crf here"),
    ],
)
def test_a_run_this_checkout_would_not_make_is_kept_apart_with_the_reason(archive, world, away, change, reason):
    change(world)
    (arrival,) = arrived(archive, world)
    assert arrival.state == "apart"
    assert arrival.reason.startswith(reason)
    assert not (world / "runs").exists()
    kept = arrival.place
    assert kept.is_relative_to(world / APART)
    assert (kept / "record.json").read_bytes() == (away / "runs/tiny/toy/bert-crf/1/record.json").read_bytes()
    assert reason in render([arrival])


def test_a_run_of_another_protocol_is_kept_apart(archive, world, monkeypatch):
    monkeypatch.setattr("mner.tracking.identity.PROTOCOL_VERSION", 9)
    (arrival,) = arrived(archive, world)
    assert (arrival.state, arrival.reason) == ("apart", "made from another version protocol")


def test_the_same_run_with_other_predictions_does_not_replace_the_one_here(archive, world, away):
    shutil.copytree(away / "runs", world / "runs")
    folder = world / "runs/tiny/toy/bert-crf/1"
    record = json.loads((folder / "record.json").read_text())
    tags = folder / "dev.own.jsonl"
    tags.write_text(tags.read_text().replace('"O"', '"B-PER"', 1))
    record["predictions"]["dev.own"] = tiny.hashlib.sha256(tags.read_bytes()).hexdigest()
    (folder / "record.json").write_text(json.dumps(record))
    before = files_of(world)
    (arrival,) = arrived(archive, world)
    assert (arrival.state, "other predictions" in arrival.reason) == ("apart", True)
    assert files_of(world) == before


Contents = dict[str, bytes]


def rewritten(archive: Path, target: Path, change: Callable[[Contents], None], honest: bool = False) -> Path:
    """The archive with other contents; ``honest``: the manifest is made to agree with them."""
    with tarfile.open(archive) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}
    change(contents)
    if honest:
        listed = {
            name: {"size": len(text), "sha256": tiny.hashlib.sha256(text).hexdigest()}
            for name, text in contents.items()
            if name != MANIFEST
        }
        contents[MANIFEST] = json.dumps({"format": 1, "files": listed}).encode()
    with tarfile.open(target, "w:gz") as tar:
        for name, text in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return target


RUN = "runs/tiny/toy/bert-crf/1"


def edit_record(change: Callable[[dict], object]) -> Callable[[Contents], None]:
    def edit(contents: Contents) -> None:
        record = json.loads(contents[f"{RUN}/record.json"])
        change(record)
        contents[f"{RUN}/record.json"] = json.dumps(record).encode()

    return edit


DISHONEST = {
    "other tags": (
        lambda c: c.update({f"{RUN}/dev.own.jsonl": b'["O"]\n'}),
        "not the file its manifest describes",
    ),
    "a file too many": (lambda c: c.update({f"{RUN}/more.jsonl": b"x"}), "more.jsonl is in the archive only"),
    "a file too few": (lambda c: c.pop(f"{RUN}/curve.csv"), "curve.csv is in the manifest only"),
    "no manifest": (lambda c: c.pop(MANIFEST), "no archive of runs"),
    "another format": (lambda c: c.update({MANIFEST: b'{"format": 9, "files": {}}'}), "reads format 1"),
}


@pytest.mark.parametrize("what", DISHONEST)
def test_an_archive_that_is_not_what_its_manifest_says_is_refused_whole(archive, world, tmp_path, what):
    change, message = DISHONEST[what]
    with pytest.raises(PackError, match=message):
        arrived(rewritten(archive, tmp_path / "bad.tar.gz", change), world)
    assert not (world / "runs").exists()
    assert not (world / APART).exists()


FORGED = {
    "tags": (
        lambda c: c.update({f"{RUN}/dev.own.jsonl": b'["O"]\n'}),
        PackError,
        "not the predictions its record",
    ),
    "key": (edit_record(lambda record: record.update(key="0" * 64)), PackError, "not the hash of what it says"),
    "options": (edit_record(lambda record: record["options"].update(dropout=0.9)), PackError, "not the hash of"),
    "seed": (
        edit_record(lambda record: record.update(seed=2)),
        PackError,
        "its record is of toy x bert-crf",
    ),
    "record": (lambda c: c.update({f"{RUN}/record.json": b"{"}), PackError, "not JSON"),
    "a script": (lambda c: c.update({"runs/tiny/toy/bert-crf/1/run.py": b"x"}), PackError, "is no file of a run"),
    "elsewhere": (lambda c: c.update({"mner/cli.json": b"x"}), PackError, "mner/cli.json is no file of a run"),
    "climbing": (lambda c: c.update({"runs/../../x.json": b"x"}), ArchiveError, "climbs out of its folder"),
    "absolute": (lambda c: c.update({"/tmp/x.json": b"x"}), ArchiveError, "not a plain relative name"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_archive_with_a_fitting_manifest_is_refused_whole(archive, world, tmp_path, what):
    change, error, message = FORGED[what]
    forged = rewritten(archive, tmp_path / "forged.tar.gz", change, honest=True)
    with pytest.raises(error, match=message) as refused:
        arrived(forged, world)
    assert str(refused.value).startswith(f"{forged}: ")
    assert ".unpacking" not in str(refused.value)
    assert not (world / "runs").exists()
    assert not (world / APART).exists()


def test_packing_refuses_what_it_could_not_vouch_for(away, world, tmp_path):
    with pytest.raises(PackError, match="no finished run to pack"):
        pack(world, "tiny", tmp_path / "none.tar.gz")
    with pytest.raises(PackError, match=r"ends in \.tar\.gz"):
        pack(away, "tiny", tmp_path / "runs.zip")
    shutil.copytree(away / "runs", world / "runs")
    (world / RUN / "test.own.jsonl").write_text("[]\n")
    with pytest.raises(PackError, match=r"test\.own\.jsonl: missing, or not the predictions its record states"):
        pack(world, "tiny", tmp_path / "bad.tar.gz")
    assert not list(tmp_path.glob("*.tar.gz"))
