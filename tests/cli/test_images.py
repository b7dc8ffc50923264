"""Scanning a folder of pictures names every defect and never lets an unusable one through."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib

import pytest
from PIL import Image

from mner.data.picture_files import ImageError, scan_images


def picture(shade: int = 0, form: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).point(lambda value: (value + shade) % 256).save(buffer, form)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class TestScan:
    def test_finds_every_suffix_flat_and_one_level_below(self, tmp_path):
        places = {"1": "1.jpg", "17_06_2": "17_06_2.jpeg", "O_3": "nested/O_3.png", "4": "4.JPG"}
        contents = {}
        for shade, (image, place) in enumerate(places.items()):
            path = tmp_path / place
            path.parent.mkdir(exist_ok=True)
            contents[image] = picture(shade, "PNG" if place.endswith("png") else "JPEG")
            path.write_bytes(contents[image])
        deep = tmp_path / "nested" / "deeper"
        deep.mkdir()
        (deep / "5.jpg").write_bytes(picture())
        (tmp_path / "unwanted.jpg").write_bytes(b"never looked at")
        scan = scan_images(tmp_path, [*places, "5", "../6", "1"], {})
        assert scan.pixels == {
            image: {"file": place, "sha256": sha256(contents[image])} for image, place in places.items()
        }
        assert scan.missing == ["5", "../6"]
        assert not scan.unreadable
        assert not scan.changed

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "an empty file"),
            (b"<html>not found</html>", "the content is none of JPEG, PNG"),
            (picture(form="BMP"), "the content is none of JPEG, PNG"),
            (picture(size=(300, 300))[:2000], "image file is truncated"),
            (picture(form="PNG", size=(300, 300))[:400], "image file is truncated"),
            (png_header(10_000, 10_000), "10000 x 10000 pixels, more than 32,000,000"),
            (png_header(60_000, 60_000), "far more than 32,000,000 pixels"),
        ],
    )
    def test_unusable_content_is_named(self, content, reason, tmp_path):
        (tmp_path / "good.jpg").write_bytes(picture())
        (tmp_path / "bad.jpg").write_bytes(content)
        scan = scan_images(tmp_path, ["good", "bad"], {})
        assert list(scan.pixels) == ["good"]
        assert scan.unreadable["bad"].startswith("bad.jpg: ")
        assert reason in scan.unreadable["bad"]

    def test_the_pixel_limit_is_inclusive(self, tmp_path):
        (tmp_path / "a.png").write_bytes(picture(form="PNG", size=(20, 10)))
        assert scan_images(tmp_path, ["a"], {}, pixel_limit=200).pixels
        assert "20 x 10 pixels" in scan_images(tmp_path, ["a"], {}, pixel_limit=199).unreadable["a"]

    def test_links_may_not_leave_the_folder(self, tmp_path):
        outside, folder = tmp_path / "outside", tmp_path / "folder"
        outside.mkdir()
        folder.mkdir()
        (outside / "secret.jpg").write_bytes(picture())
        (folder / "real.jpg").write_bytes(picture())
        (folder / "inside.jpg").symlink_to(folder / "real.jpg")
        (folder / "file.jpg").symlink_to(outside / "secret.jpg")
        (folder / "linked").symlink_to(outside)
        (folder / "dangling.jpg").symlink_to(folder / "nowhere.jpg")
        (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
        scan = scan_images(folder, ["inside", "file", "secret", "dangling", "loop"], {})
        assert list(scan.pixels) == ["inside"]
        assert scan.unreadable["file"] == "file.jpg: a path or link that leaves the folder"
        assert scan.unreadable["secret"] == "linked/secret.jpg: a path or link that leaves the folder"
        assert "no such file" in scan.unreadable["dangling"]
        assert "cannot be read" in scan.unreadable["loop"]

    def test_a_pipe_does_not_block(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert "not a regular file" in scan_images(tmp_path, ["pipe"], {}).unreadable["pipe"]

    def test_a_later_different_file_is_changed_not_accepted(self, tmp_path):
        for name in ("same", "other", "broken"):
            (tmp_path / f"{name}.jpg").write_bytes(picture())
        first = scan_images(tmp_path, ["same", "other", "broken"], {})
        known = {image: record["sha256"] for image, record in first.pixels.items()}
        (tmp_path / "other.jpg").write_bytes(picture(9))
        (tmp_path / "broken.jpg").write_bytes(b"")
        scan = scan_images(tmp_path, ["same", "other", "broken"], known)
        assert list(scan.pixels) == ["same"]
        assert list(scan.unreadable) == ["broken"]
        assert known["other"] in scan.changed["other"]
        assert sha256(picture(9)) in scan.changed["other"]

    def test_two_different_files_for_one_id_are_refused_two_equal_ones_are_not(self, tmp_path):
        (tmp_path / "a").mkdir()
        for place, shade in (("1.jpg", 0), ("a/1.jpg", 0), ("2.jpg", 0), ("a/2.jpg", 1)):
            (tmp_path / place).write_bytes(picture(shade))
        scan = scan_images(tmp_path, ["1", "2"], {})
        assert scan.pixels["1"]["file"] == "1.jpg"
        assert scan.unreadable["2"] == "2.jpg and a/2.jpg differ; keep the right one"

    def test_only_files_named_as_pictures_count_and_of_equal_ones_the_first_by_name(self, tmp_path):
        for folder in ("b", "a", "3.jpg"):
            (tmp_path / folder).mkdir()
        for place in ("1.jpg", "1.jpeg", "b/4.png", "a/4.png", "a/4.jpg"):
            (tmp_path / place).write_bytes(picture())
        for place in ("1.txt", "2.txt", "a/4.json"):
            (tmp_path / place).write_text("about a picture")
        scan = scan_images(tmp_path, ["1", "2", "3", "4"], {})
        assert {image: entry["file"] for image, entry in scan.pixels.items()} == {"1": "1.jpeg", "4": "a/4.jpg"}
        assert (scan.missing, scan.unreadable) == (["2", "3"], {})

    def test_an_absent_folder_is_an_error(self, tmp_path):
        with pytest.raises(ImageError, match="is not a folder; name the folder"):
            scan_images(tmp_path / "none", ["1"], {})

    def test_real_pictures(self, mirror):
        folder = next((mirror / "RiTUAL-UH" / "multimodal_NER").rglob("dev"))
        ids = sorted(path.stem for path in folder.glob("*.jpg"))
        scan = scan_images(folder, ids, {})
        assert list(scan.pixels) == ids
        assert ids
