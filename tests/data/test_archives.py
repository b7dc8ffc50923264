"""No archive writes outside its folder, follows a link, or unpacks more than it may."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.messages import names

from mner.data.archives import ArchiveError, safe_extract


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def zip_link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return path


EVIL_NAMES = ("../evil", "a/../../evil", "/etc/evil", "C:/evil", "a\\..\\evil")
EVIL_MEMBERS = {
    "symbolic": tar_member("link", tarfile.SYMTYPE, "/etc"),
    "hard": tar_member("link", tarfile.LNKTYPE, "good"),
    "device": tar_member("null", tarfile.CHRTYPE),
    "pipe": tar_member("pipe", tarfile.FIFOTYPE),
}


class TestSafeExtract:
    @pytest.mark.parametrize("mode", ["zip", "w:", "w:gz", "w:xz"])
    def test_honest_archives_unpack_whatever_they_are_called(self, mode, tmp_path):
        files = {"a/1.jpg": b"picture" * 5000, "b.txt": b"text", "empty": b""}
        archive = tmp_path / "download.bin"
        if mode == "zip":
            zip_of(archive, files)
        else:
            folder = (tar_member("a", tarfile.DIRTYPE), b"")
            tar_of(archive, [folder, *((tar_member(name), body) for name, body in files.items())], mode)
        out = tmp_path / "out"
        assert safe_extract(archive, out) == [out / name for name in files]
        assert {name: (out / name).read_bytes() for name in files} == files
        assert stat.S_IMODE((out / "b.txt").stat().st_mode) == 0o644

    @pytest.mark.parametrize("name", EVIL_NAMES)
    @pytest.mark.parametrize("kind", ["zip", "tar"])
    def test_names_that_lead_elsewhere(self, kind, name, tmp_path):
        archive = tmp_path / "evil"
        if kind == "zip":
            zip_of(archive, {"good": b"1", name: b"2"})
        else:
            tar_of(archive, [(tar_member("good"), b"1"), (tar_member(name), b"2")])
        self.refused(archive, name, tmp_path)

    @pytest.mark.parametrize("kind", EVIL_MEMBERS)
    def test_tar_links_and_devices(self, kind, tmp_path):
        archive = tar_of(tmp_path / "evil", [(tar_member("good"), b"1"), (EVIL_MEMBERS[kind], b"")])
        self.refused(archive, EVIL_MEMBERS[kind].name, tmp_path)

    def test_zip_links(self, tmp_path):
        self.refused(zip_link(tmp_path / "evil"), "link", tmp_path)

    def test_too_many_bytes(self, tmp_path):
        archive = tmp_path / "bomb"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("zeros", b"\0" * 1_000_000)
        assert archive.stat().st_size < 10_000
        self.refused(archive, None, tmp_path, byte_limit=999_999)
        assert safe_extract(archive, tmp_path / "out", byte_limit=1_000_000)

    def test_a_zip_that_lies_about_its_size(self, tmp_path):
        archive = tmp_path / "liar"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("zeros", b"\0" * 1_000_000)
        content = archive.read_bytes()
        lie = content.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 10))
        assert lie != content
        archive.write_bytes(lie)
        with pytest.raises(ArchiveError, match=names(archive)):
            safe_extract(archive, tmp_path / "out")
        assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]

    def test_too_many_entries(self, tmp_path):
        archive = zip_of(tmp_path / "many", {str(number): b"" for number in range(11)})
        self.refused(archive, None, tmp_path, entry_limit=10)
        assert len(safe_extract(archive, tmp_path / "out", entry_limit=11)) == 11

    def test_folders_of_a_zip_are_no_files(self, tmp_path):
        archive = zip_of(tmp_path / "zip", {"a/": b"", "a/1": b"one"})
        assert safe_extract(archive, tmp_path / "out") == [tmp_path / "out" / "a" / "1"]

    def test_an_encrypted_file(self, tmp_path):
        archive = zip_of(tmp_path / "locked", {"good": b"1", "a": b"2"})
        content = bytearray(archive.read_bytes())
        for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.rindex(header) + flags] |= 1
        archive.write_bytes(content)
        self.refused(archive, "a", tmp_path)

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_name_twice_and_a_file_below_a_file(self, tmp_path):
        twice = [(tar_member("a"), b"1"), (tar_member("./a"), b"2")]
        self.refused(tar_of(tmp_path / "twice", twice), "a", tmp_path)
        below = zip_of(tmp_path / "below", {"a": b"1", "a/b": b"2"})
        self.refused(below, "a/b", tmp_path)

    def test_a_link_that_was_there_before(self, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a").symlink_to(outside)
        with pytest.raises(ArchiveError, match=names(tmp_path / "out")):
            safe_extract(zip_of(tmp_path / "honest", {"a/1": b"1"}), tmp_path / "out")
        assert not any(outside.iterdir())

    @pytest.mark.parametrize("size", [0, 40, 200])
    def test_damaged_or_foreign_files(self, size, tmp_path):
        whole = tar_of(tmp_path / "whole", [(tar_member("a"), os.urandom(5000))])
        cut = tmp_path / "cut"
        cut.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ArchiveError, match=names(cut)):
            safe_extract(cut, tmp_path / "out")

    def test_an_absent_archive(self, tmp_path):
        with pytest.raises(ArchiveError, match=names(tmp_path / "none")):
            safe_extract(tmp_path / "none", tmp_path / "out")

    @staticmethod
    def refused(archive: Path, entry: str | None, tmp_path: Path, **limits: int) -> None:
        limit = [f"{most:,}" for most in limits.values()]
        with pytest.raises(ArchiveError, match=names(archive, *limit)) as raised:
            safe_extract(archive, tmp_path / "deep" / "out", **limits)
        assert raised.value.entry == entry
        assert not (tmp_path / "deep").exists()
