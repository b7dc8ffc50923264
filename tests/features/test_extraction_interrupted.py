"""However often it is killed, damaged or out of room, an extraction ends in the bytes of an undisturbed one."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import tiny_extractor as tiny

from mner.features.found import Regions
from mner.features.shards import ExtractionError
from mner.features.store import FeatureError, read_store

COUNT = 30


@pytest.fixture
def pictures(tmp_path) -> Path:
    tiny.draw(tmp_path / "pictures", COUNT)
    return tmp_path / "pictures"


def shards_in(work: Path) -> int:
    return len(list(work.glob("0*.json")))


def killed(pictures: Path, out: Path, work: Path, after_shards: int) -> None:
    """Extract in another process and kill it, as nothing can be caught, once some shards are there."""
    command = [
        sys.executable,
        str(Path(__file__).resolve().parents[1] / "support" / "tiny_extractor.py"),
        str(pictures),
        str(out),
        str(work),
        "0.15",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while shards_in(work) < after_shards:
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()


def test_killed_and_continued_equals_undisturbed(pictures, tmp_path):
    (pictures / "p010.jpg").write_bytes(b"")
    tiny.run(pictures, tmp_path / "undisturbed", tmp_path / "other")
    out, work = tmp_path / "out", tmp_path / "work"
    killed(pictures, out, work, after_shards=2)
    done_before = shards_in(work)
    assert 2 <= done_before < 4
    assert not (out / "grid.safetensors").exists()
    extractor = tiny.TinyGrid()
    done = tiny.run(pictures, out, work, extractor)
    assert done.computed == COUNT - 8 * done_before
    assert extractor.seen < COUNT - 8
    assert tiny.everything(out) == tiny.everything(tmp_path / "undisturbed")
    assert list(tmp_path.rglob("*.part")) == []


@pytest.fixture
def interrupted(pictures, tmp_path) -> Path:
    """A work folder whose extraction stopped after two of four shards."""

    class Stops(tiny.TinyGrid):
        def extract(self, prepared):
            if self.seen >= 16:
                raise KeyboardInterrupt
            return super().extract(prepared)

    tiny.run(pictures, tmp_path / "undisturbed", tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        tiny.run(pictures, tmp_path / "out", tmp_path / "work", Stops())
    assert shards_in(tmp_path / "work") == 2
    return tmp_path / "work"


@pytest.mark.parametrize(
    "damage", ["bit in the vectors", "vectors cut", "vectors gone", "bit in the index", "no JSON"]
)
def test_a_damaged_shard_is_computed_again(damage, interrupted, pictures, tmp_path, capsys):
    index, vectors = interrupted / "000001.json", interrupted / "000001.safetensors"
    if damage == "bit in the vectors":
        content = bytearray(vectors.read_bytes())
        content[-5] ^= 4
        vectors.write_bytes(content)
    elif damage == "vectors cut":
        vectors.write_bytes(vectors.read_bytes()[:100])
    elif damage == "vectors gone":
        vectors.unlink()
    else:
        text = index.read_text()
        index.write_text(text.replace("p009", "p00Q") if damage == "bit in the index" else text[:50])
    done = tiny.run(pictures, tmp_path / "out", interrupted)
    assert done.computed == COUNT - 8
    assert "000001.json" in capsys.readouterr().err
    assert tiny.everything(tmp_path / "out") == tiny.everything(tmp_path / "undisturbed")


def test_shards_of_another_extraction_are_refused_with_what_differs(interrupted, pictures, tmp_path, capsys):
    done = tiny.run(pictures, tmp_path / "out", interrupted, tiny.TinyGrid(seed=5))
    assert done.computed == COUNT
    said = capsys.readouterr().err
    assert "extractor: seed: 0, now 5" in said
    assert "refused" in said
    assert read_store(done.path).provenance["extractor"]["seed"] == 5


def test_shards_of_other_pictures_are_refused(interrupted, pictures, tmp_path, capsys):
    shutil.copy(pictures / "p005.png", pictures / "p001.png")
    assert tiny.run(pictures, tmp_path / "out", interrupted).computed == COUNT
    assert "pictures_sha256" in capsys.readouterr().err


def test_a_folder_without_identity_is_refused(interrupted, pictures, tmp_path, capsys):
    (interrupted / "identity.json").write_text("{")
    assert tiny.run(pictures, tmp_path / "out", interrupted).computed == COUNT
    assert "identity.json" in capsys.readouterr().err


def test_a_kill_between_index_and_vectors_leaves_no_mixed_store(pictures, tmp_path, monkeypatch):
    """The old index goes before the new vectors come, so nothing reads new vectors by old ids."""
    out, work = tmp_path / "out", tmp_path / "work"
    tiny.run(pictures, out, work)
    (pictures / "p000.jpg").rename(pictures / "z000.jpg")
    replace, moved = Path.replace, []

    def killed_after_the_vectors(self, target):
        replace(self, target)
        moved.append(Path(target).name)
        if moved[-1] == "grid.safetensors":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed_after_the_vectors)
        with pytest.raises(KeyboardInterrupt):
            tiny.run(pictures, out, work)
    with pytest.raises(FeatureError):
        read_store(out / "grid.safetensors")
    extractor = tiny.TinyGrid()
    assert "z000" in read_store(tiny.run(pictures, out, work, extractor).path).rows
    assert extractor.seen == 0


# ---- a full disk


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 300 KiB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", 0, b"size=300k") != 0:
        pytest.skip(f"cannot mount a small tmpfs here ({os.strerror(ctypes.get_errno())})")
    try:
        yield place
    finally:
        libc.umount2(str(place).encode(), 0)


class Wide(tiny.TinyGrid):
    """Regions of 1024 bytes: 16 KiB a picture in the store."""

    def __init__(self) -> None:
        super().__init__()
        self.provenance = {**self.provenance, "repeated": 64}

    def extract(self, prepared):
        return [Regions(np.tile(one.values, (1, 64))) for one in super().extract(prepared)]


def test_on_a_full_disk_finished_shards_stay_and_the_next_run_continues(small_disk, pictures, tmp_path):
    out, work = small_disk / "out", small_disk / "work"
    tiny.run(pictures, tmp_path / "undisturbed", tmp_path / "other", Wide())
    with pytest.raises(ExtractionError):
        tiny.run(pictures, out, work, Wide())
    kept = shards_in(work)
    assert 0 < kept < 4
    assert list(small_disk.rglob("*.part")) == []
    assert not (out / "grid.safetensors").exists()
    moved = tmp_path / "roomy"
    shutil.copytree(small_disk, moved)
    assert tiny.run(pictures, moved / "out", moved / "work", Wide()).computed == COUNT - 8 * kept
    assert tiny.everything(moved / "out") == tiny.everything(tmp_path / "undisturbed")


def test_a_disk_too_full_for_the_merge_keeps_the_old_store_and_the_shards(small_disk, pictures, tmp_path):
    out, work = small_disk / "out", tmp_path / "work"
    tiny.run(pictures, out, tmp_path / "first")
    before = tiny.everything(out)
    with pytest.raises(ExtractionError):
        tiny.run(pictures, out, work, Wide())
    after = tiny.everything(out)
    assert after["grid.safetensors"] == before["grid.safetensors"]
    assert after["grid.json"] == before["grid.json"]
    assert len(read_store(out / "grid.safetensors").rows) == COUNT
    extractor = Wide()
    tiny.run(pictures, tmp_path / "roomy", work, extractor)
    assert extractor.seen == 0


def test_a_limit_on_the_size_of_files_reads_like_a_full_disk(pictures, tmp_path):
    places = pictures, tmp_path / "out", tmp_path / "work"
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
    try:
        with pytest.raises(ExtractionError):
            tiny.run(*places)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    tiny.run(*places)
    tiny.run(pictures, tmp_path / "undisturbed", tmp_path / "other")
    assert tiny.everything(tmp_path / "out") == tiny.everything(tmp_path / "undisturbed")
