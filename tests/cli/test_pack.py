"""Runs travel whole or not at all, and only runs that this checkout would make are mixed with its own."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support import tiny
from support.messages import names

from mner import config
from mner.base.files import sha256_of, sha256_of_json
from mner.data.archives import ArchiveError
from mner.tracking.evidence import EvidenceError, files_beside
from mner.tracking.origin import FILE, Origin, origin_of
from mner.tracking.record import CONTENT, Record, RecordError
from mner.tracking.run_archive import APART, MANIFEST, PackError, pack, render, unpack
from mner.training.arrival import objections

RUN = "runs/tiny/toy/bert-crf/1"


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
    """All files of runs but the mark of where a run came from."""
    runs = root / "runs"
    files = (path for path in sorted(runs.rglob("*.*")) if path.name != FILE)
    return {path.relative_to(runs).as_posix(): path.read_bytes() for path in files}


def test_a_run_arrives_byte_for_byte_and_is_not_trained_again(away, archive, world):
    (arrival,) = arrived(archive, world)
    assert (arrival.state, arrival.run) == ("taken", "toy x bert-crf seed 1")
    assert files_of(world) == files_of(away)
    assert origin_of(world / RUN) == Origin(sha256_of(archive))
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
    folder = world / RUN
    record = Record.read(folder / "record.json")
    tags = folder / "dev.own.jsonl"
    tags.write_text(tags.read_text().replace('"O"', '"B-PER"', 1))
    changed = replace(record, predictions={**record.predictions, "dev.own": sha256_of(tags)})
    changed.sealed(files_beside(folder)).write(folder / "record.json")
    before = files_of(world)
    (arrival,) = arrived(archive, world)
    assert arrival.state == "apart"
    assert arrival.place.is_relative_to(world / APART)
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


def edit_record(change: Callable[[dict], object], *, seal: bool = False) -> Callable[[Contents], None]:
    """Change the record as a text editor would, or, with a new seal, as a forger would."""

    def edit(contents: Contents) -> None:
        record = json.loads(contents[f"{RUN}/record.json"])
        change(record)
        if seal:
            fields = {name: value for name, value in record.items() if name not in ("format", "evidence")}
            record["evidence"][CONTENT] = sha256_of_json(fields)
        contents[f"{RUN}/record.json"] = json.dumps(record).encode()

    return edit


DISHONEST = {
    "other tags": (
        lambda c: c.update({f"{RUN}/dev.own.jsonl": b'["O"]\n'}),
        names("dev.own.jsonl"),
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


FORGED: dict[str, tuple[Callable[[Contents], object], type[Exception] | None]] = {
    "tags": (lambda c: c.update({f"{RUN}/dev.own.jsonl": b'["O"]\n'}), EvidenceError),
    "an edited key": (edit_record(lambda record: record.update(key="0" * 64)), EvidenceError),
    "edited options": (edit_record(lambda record: record["options"].update(dropout=0.9)), EvidenceError),
    "an edited seed": (edit_record(lambda record: record.update(seed=2)), EvidenceError),
    "a sealed key": (edit_record(lambda record: record.update(key="0" * 64), seal=True), EvidenceError),
    "sealed options": (
        edit_record(lambda record: record["options"].update(dropout=0.9), seal=True),
        EvidenceError,
    ),
    "a sealed seed": (edit_record(lambda record: record.update(seed=2), seal=True), EvidenceError),
    "record": (lambda c: c.update({f"{RUN}/record.json": b"{"}), RecordError),
    "a script": (lambda c: c.update({f"{RUN}/run.py": b"x"}), None),
    "elsewhere": (lambda c: c.update({"mner/cli.json": b"x"}), None),
}
"""What is forged, and the type of the error in the run that caused the refusal; None: its name alone did."""


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_archive_with_a_fitting_manifest_is_refused_whole(archive, world, tmp_path, what):
    change, cause = FORGED[what]
    forged = rewritten(archive, tmp_path / "forged.tar.gz", change, honest=True)
    with pytest.raises(PackError) as refused:
        arrived(forged, world)
    assert type(refused.value.__cause__) is (cause or type(None))
    assert_refused_whole(refused.value, forged, world)


@pytest.mark.parametrize(
    ("what", "name", "field"),
    [
        ("tags", "dev.own.jsonl", "predictions"),
        ("an edited key", "record.json", "evidence"),
        ("edited options", "record.json", "evidence"),
        ("an edited seed", "record.json", "evidence"),
    ],
)
def test_evidence_against_a_forged_run_names_file_and_field(archive, world, tmp_path, what, name, field):
    forged = rewritten(archive, tmp_path / "forged.tar.gz", FORGED[what][0], honest=True)
    with pytest.raises(PackError) as refused:
        arrived(forged, world)
    found = refused.value.__cause__
    assert isinstance(found, EvidenceError)
    assert (found.path.name, found.field) == (name, field)


@pytest.mark.parametrize("name", ["runs/../../x.json", "/tmp/x.json"])
def test_a_name_that_leaves_the_folder_is_refused(archive, world, tmp_path, name):
    def change(contents: Contents) -> None:
        contents[name] = b"x"

    forged = rewritten(archive, tmp_path / "forged.tar.gz", change, honest=True)
    with pytest.raises(ArchiveError) as refused:
        arrived(forged, world)
    assert_refused_whole(refused.value, forged, world)


def assert_refused_whole(error: Exception, archive: Path, world: Path) -> None:
    """The message names the archive instead of a folder that is gone, and no run was taken."""
    assert str(error).startswith(f"{archive}: ")
    assert ".unpacking" not in str(error)
    assert not (world / "runs").exists()
    assert not (world / APART).exists()


def test_packing_refuses_what_it_could_not_vouch_for(away, world, tmp_path):
    with pytest.raises(PackError):
        pack(world, "tiny", tmp_path / "none.tar.gz")
    with pytest.raises(PackError):
        pack(away, "tiny", tmp_path / "runs.zip")
    shutil.copytree(away / "runs", world / "runs")
    (world / RUN / "test.own.jsonl").write_text("[]\n")
    with pytest.raises(EvidenceError) as refused:
        pack(world, "tiny", tmp_path / "bad.tar.gz")
    assert (refused.value.path, refused.value.field) == (world / RUN / "test.own.jsonl", "predictions")
    assert not list(tmp_path.glob("*.tar.gz"))
