"""Files are whole or absent, and locks die with their process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.messages import names

from mner.base import files

HOLD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from mner.base.files import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60 if len(sys.argv) < 4 else float(sys.argv[3]))
"""
ROOT = Path(__file__).resolve().parents[2]


def hold(lock: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-c", HOLD, str(lock), str(ROOT), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("old", [None, b"old bytes"])
def test_a_writer_that_raises_leaves_the_old_bytes_and_nothing_else(tmp_path, old):
    path = tmp_path / "new folder" / "file.bin"
    if old is not None:
        files.write_bytes_atomically(path, old)

    def fails_half_way(part: Path) -> None:
        part.write_bytes(b"half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        files.write_atomically(path, fails_half_way)
    assert [p.read_bytes() for p in path.parent.iterdir()] == ([] if old is None else [old])


def test_readers_see_the_old_bytes_until_all_new_ones_are_there(tmp_path):
    path = tmp_path / "file"
    files.write_bytes_atomically(path, b"old")
    seen = []

    def write(part: Path) -> None:
        part.write_bytes(b"new")
        seen.append(path.read_bytes())

    files.write_atomically(path, write)
    assert (seen, path.read_bytes()) == ([b"old"], b"new")
    assert path.stat().st_mode & 0o777 == 0o644


def test_partial_files_of_a_killed_writer_are_removed_and_others_kept(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".state.pt.k3j2.part").write_bytes(b"half")
    (tmp_path / "deep" / "state.pt").write_bytes(b"whole")
    (tmp_path / "my.part").write_bytes(b"not ours")
    files.remove_partial_files(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["my.part", "state.pt"]
    files.remove_partial_files(tmp_path / "not there")


def test_json_has_one_form_whatever_the_order_of_keys(tmp_path):
    one, two = {"b": [1, 2], "a": "ü"}, {"a": "ü", "b": [1, 2]}
    for name, value in (("one", one), ("two", two)):
        files.write_json_atomically(tmp_path / name, value)
    text = (tmp_path / "one").read_text(encoding="utf-8")
    assert text == (tmp_path / "two").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "ü" in text
    assert json.loads(text) == one
    assert files.sha256_of_json(one) == files.sha256_of_json(two) != files.sha256_of_json({"a": "u", "b": [1, 2]})


def test_json_is_written_one_space_deep_or_on_one_line(tmp_path):
    value = {"b": [1, 2], "a": "ü"}
    files.write_json_atomically(tmp_path / "deep", value)
    assert (tmp_path / "deep").read_text(encoding="utf-8") == '{\n "a": "ü",\n "b": [\n  1,\n  2\n ]\n}\n'
    files.write_json_atomically(tmp_path / "flat", value, indent=None)
    assert (tmp_path / "flat").read_text(encoding="utf-8") == '{"a":"ü","b":[1,2]}\n'


def test_the_hash_of_a_value_is_that_of_its_utf8_text_without_spaces(tmp_path):
    """Keys of runs that are committed are made so."""
    (tmp_path / "text").write_bytes('{"a":"ü","b":[1,2]}'.encode())
    assert files.sha256_of_json({"b": [1, 2], "a": "ü"}) == files.sha256_of(tmp_path / "text")


def test_new_bytes_are_on_the_disk_before_they_take_the_place_of_the_old(tmp_path, monkeypatch):
    path, flushed = tmp_path / "file", []
    files.write_bytes_atomically(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append((os.pread(handle, 9, 0), path.read_bytes())))
    files.write_bytes_atomically(path, b"new")
    assert flushed == [(b"new", b"old")]


def test_damaged_json_is_named_with_what_to_do(tmp_path):
    (tmp_path / "cut.json").write_text('{"a": ')
    with pytest.raises(files.BrokenFileError, match=names("cut.json", "`dvc repro`")):
        files.read_json(tmp_path / "cut.json")
    with pytest.raises(files.BrokenFileError, match="; ask the author"):
        files.read_json(tmp_path / "cut.json", "ask the author")


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert files.sha256_of(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_second_process_waits_says_for_whom_and_goes_on_when_the_first_is_killed(tmp_path):
    lock = tmp_path / "deep" / "cell.lock"
    first = hold(lock)
    assert first.stdout.readline() == "held\n"
    second = hold(lock, "0")
    try:
        message = second.stderr.readline()
        assert message == f"waiting: process {first.pid} holds {lock}\n"
        assert second.poll() is None
        os.kill(first.pid, signal.SIGKILL)
        out, _ = second.communicate(timeout=20)
        assert out == "held\n"
        assert second.returncode == 0
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


def test_a_lock_is_free_again_after_its_block_even_when_the_block_raises(tmp_path, capsys):
    lock = tmp_path / "l"
    with pytest.raises(KeyError), files.exclusive(lock):
        raise KeyError
    with files.exclusive(lock, wait=False):
        pass
    assert capsys.readouterr().err == ""
