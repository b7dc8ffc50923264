"""What a user names is read only if it is a regular file of a bearable size: nothing waits or fills memory."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mner.base.files import REGULAR, RefusedFileError, regular_file
from mner.data.json_forms import read_user_file
from mner.data.own_corpus import read_captions as read_own_captions
from mner.data.user_file import LARGEST, UnreadableFileError
from mner.evaluation.author_logs import read_log
from mner.reporting.contact_sheet import read_captions

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


@pytest.mark.parametrize("read", [read_user_file, read_own_captions, read_log, read_captions])
def test_every_reader_of_a_users_file_refuses_by_kind_and_size(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "sparse").open("wb") as handle:
        handle.truncate(LARGEST + 1)
    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path / "sparse"):
        with pytest.raises((RefusedFileError, UnreadableFileError)) as raised:
            read(path)
        assert raised.value.path == path
