"""What a user names is read only if it is a regular file of a bearable size: nothing waits or fills memory."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from mner.base.files import REGULAR, RefusedFileError, regular_file

pytestmark = pytest.mark.fault("detected")

MOST = 1 << 20


def test_a_small_file_and_a_link_to_it_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    (tmp_path / "link").symlink_to("a")
    assert regular_file(tmp_path / "a", 10) == tmp_path / "a"
    assert regular_file(tmp_path / "link", 10) == tmp_path / "link"


def test_a_file_that_is_not_there_is_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        regular_file(tmp_path / "nowhere", MOST)
    assert Path(raised.value.filename) == tmp_path / "nowhere"


def test_one_byte_too_many_and_a_sparse_terabyte_are_refused_by_size(tmp_path: Path) -> None:
    for name, size in (("large", MOST + 1), ("sparse", 1 << 40)):
        with (tmp_path / name).open("wb") as handle:
            handle.truncate(size)
        with pytest.raises(RefusedFileError) as raised:
            regular_file(tmp_path / name, MOST)
        assert (raised.value.path, raised.value.kind) == (tmp_path / name, REGULAR)
        assert (raised.value.size, raised.value.at_most) == (size, MOST)


def test_what_never_ends_is_refused_by_kind_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    found = {"fifo": "FIFO", "folder": "folder", "socket": "socket"}
    places = {tmp_path / name: kind for name, kind in found.items()} | {Path("/dev/zero"): "character device"}
    for path, kind in places.items():
        with pytest.raises(RefusedFileError) as raised:
            regular_file(path, MOST)
        assert (raised.value.kind, raised.value.at_most) == (kind, MOST)
