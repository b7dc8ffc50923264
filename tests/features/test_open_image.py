"""A picture comes out upright and in RGB, or with the reason why it is not usable; never as something else."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mner.data.picture_files import Refusal
from mner.features.pixels import open_image


def encoded(picture: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def corners(mode: str = "RGB") -> Image.Image:
    """Red left, blue right, 8 x 4."""
    picture = Image.new("RGB", (8, 4), (255, 0, 0))
    picture.paste((0, 0, 255), (4, 0, 8, 4))
    return picture.convert(mode)


def png_chunks(
    width: int, height: int, colour: int, depth: int, rows: bytes, *extra: tuple[bytes, bytes]
) -> bytes:
    """A PNG written by hand: Pillow itself cannot write every mode that it reads."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    more = b"".join(chunk(*one) for one in extra)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + more + data + chunk(b"IEND", b"")


@pytest.fixture
def opened(tmp_path):
    """Opens bytes as a file of a folder; Pillow's warnings are errors."""

    def do(content: bytes, name: str = "x.jpg", **options):
        (tmp_path / name).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return open_image(tmp_path / name, tmp_path, **options)

    return do


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_the_allowed_formats_open_whatever_the_suffix(opened, form):
    picture = opened(encoded(corners(), form), "x.bin")
    assert isinstance(picture, Image.Image)
    assert (picture.mode, picture.size) == ("RGB", (8, 4))
    left, right = (np.asarray(picture, dtype=int)[2, column] for column in (0, 7))
    assert np.abs(left - [255, 0, 0]).max() < 40
    assert np.abs(right - [0, 0, 255]).max() < 40


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(opened, form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=50)
    assert np.abs(np.asarray(opened(content), dtype=int)[4, 4] - [255, 0, 0]).max() < 10


@pytest.mark.parametrize(
    ("orientation", "red_at"), [(1, "left"), (2, "right"), (3, "right"), (4, "left"), (6, "top"), (8, "bottom")]
)
def test_the_orientation_is_applied(opened, orientation, red_at):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.asarray(opened(encoded(corners(), "JPEG", exif=exif, quality=95)), dtype=int)
    assert pixels.shape[:2] == ((8, 4) if red_at in ("top", "bottom") else (4, 8))
    side = {"left": np.s_[:, 0], "right": np.s_[:, -1], "top": np.s_[0, :], "bottom": np.s_[-1, :]}[red_at]
    assert (pixels[side][:, 0] > pixels[side][:, 2] + 100).all()


def test_the_orientation_of_sixteen_bits_is_applied(opened):
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.arange(6, dtype=np.uint16).reshape(2, 3)
    pixels = np.asarray(opened(encoded(Image.fromarray(values * 256), exif=exif)))
    assert pixels[:, :, 0].tolist() == np.rot90(values, -1).tolist()


def test_an_unreadable_orientation_counts_as_upright(opened):
    content = encoded(corners(), "JPEG", exif=b"Exif\0\0not a directory at all")
    pixels = np.asarray(opened(content), dtype=int)
    assert pixels.shape == (4, 8, 3)
    assert pixels[2, 0, 0] > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_white(opened, mode):
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    picture.putpixel((1, 0), (0, 0, 0, 255))
    picture = picture.quantize() if mode == "P" else picture.convert(mode)
    assert np.asarray(opened(encoded(picture))).tolist() == [[[255] * 3, [0] * 3]]


def test_half_transparency_mixes_with_white(opened):
    assert np.asarray(opened(encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 51))))).tolist() == [[[204, 204, 204]]]


def test_a_transparent_colour_of_rgb_and_of_grey_is_white(opened):
    rgb = encoded(corners(), "PNG", transparency=(255, 0, 0))
    assert np.asarray(opened(rgb))[0, [0, 7]].tolist() == [[255, 255, 255], [0, 0, 255]]
    grey = encoded(Image.fromarray(np.array([[7, 9]], dtype=np.uint8)), "PNG", transparency=7)
    assert np.asarray(opened(grey))[0, :, 0].tolist() == [255, 9]


def test_palettes_grey_bits_and_cmyk_become_rgb(opened):
    palette = corners().quantize(4)
    assert np.asarray(opened(encoded(palette))).tolist() == np.asarray(corners()).tolist()
    assert np.asarray(opened(encoded(Image.new("1", (1, 1), 1)))).tolist() == [[[255] * 3]]
    assert np.asarray(opened(encoded(Image.new("L", (1, 1), 77)))).tolist() == [[[77] * 3]]
    cmyk = np.asarray(opened(encoded(corners("CMYK"), "JPEG", quality=95)), dtype=int)
    assert np.abs(cmyk[2, 0] - [255, 0, 0]).max() < 12


def test_sixteen_bits_keep_their_upper_eight_instead_of_being_cut_off(opened):
    values = np.array([[0, 255, 256, 0x1234, 0x8000, 0xFFFF]], dtype=np.uint16)
    grey = np.asarray(opened(encoded(Image.fromarray(values))))
    assert grey[0, :, 0].tolist() == [0, 0, 1, 0x12, 0x80, 0xFF]
    assert (grey == grey[:, :, :1]).all()
    rows = b"\0" + struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0xFFFF, 0, 0x00FF)
    assert np.asarray(opened(png_chunks(2, 1, 2, 16, rows)))[0].tolist() == [[0x12, 0x56, 0x9A], [0xFF, 0, 0]]
    rows = b"\0" + struct.pack(">2H", 500, 40_000)
    transparent = png_chunks(2, 1, 0, 16, rows, (b"tRNS", struct.pack(">H", 500)))
    assert np.asarray(opened(transparent))[0, :, 0].tolist() == [255, 40_000 >> 8]


def test_the_same_bytes_give_the_same_pixels(opened):
    content = encoded(Image.effect_noise((33, 21), 80).convert("CMYK"), "JPEG")
    assert opened(content).tobytes() == opened(content).tobytes()


BIG = encoded(Image.effect_noise((300, 300), 90), "JPEG")


@pytest.mark.parametrize(
    ("content", "kind", "named"),
    [
        (b"", "empty", "x.jpg"),
        (b"<html>not found</html>", "wrong format", "JPEG, PNG, WEBP, GIF"),
        (encoded(corners(), "BMP"), "wrong format", "JPEG, PNG, WEBP, GIF"),
        (encoded(corners(), "TIFF"), "wrong format", "JPEG, PNG, WEBP, GIF"),
        (BIG[:2000], "damaged", "x.jpg"),
        (BIG[: len(BIG) // 2], "damaged", "x.jpg"),
        (encoded(Image.effect_noise((300, 300), 90))[:5000], "damaged", "x.jpg"),
        (png_chunks(60, 60, 2, 8, b"\0" * 9), "damaged", "x.jpg"),
        (png_chunks(10_000, 10_000, 2, 8, b"\0"), "too many pixels", "10000 x 10000"),
        (png_chunks(60_000, 60_000, 2, 8, b"\0"), "too many pixels", "32,000,000"),
    ],
)
def test_unusable_content_is_refused_with_its_reason(opened, content, kind, named):
    refusal = opened(content)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == kind
    assert named in refusal.sentence


def test_a_flipped_byte_never_raises(opened):
    """Whatever a damaged file does to the decoder, it ends as a picture of the size or as a refusal."""
    generator = np.random.default_rng(0)
    contents = [
        encoded(Image.effect_noise((24, 24), 90).convert("RGB"), form) for form in ("JPEG", "PNG", "GIF", "WEBP")
    ]
    outcomes = set()
    for trial in range(400):
        content = bytearray(contents[trial % len(contents)])
        for place in generator.integers(0, len(content), 3):
            content[place] = generator.integers(0, 256)
        one = opened(bytes(content))
        outcomes.add(one.kind if isinstance(one, Refusal) else one.mode)
    assert "RGB" in outcomes
    assert "damaged" in outcomes
    assert outcomes <= {"RGB", "damaged", "wrong format", "too many pixels"}


def test_a_text_bomb_in_a_png_is_refused(opened):
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "x" * 80_000_000, zip=True)
    refusal = opened(encoded(corners(), "PNG", pnginfo=info))
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "damaged"


def test_limits_and_formats_are_arguments(opened):
    assert opened(encoded(corners()), pixel_limit=32).size == (8, 4)
    assert opened(encoded(corners()), pixel_limit=31).kind == "too many pixels"
    assert opened(encoded(corners()), formats=["JPEG"]).kind == "wrong format"


def test_bytes_other_than_the_recorded_ones_are_refused(opened):
    content = encoded(corners())
    assert opened(content, sha256=hashlib.sha256(content).hexdigest()).size == (8, 4)
    refusal = opened(content, sha256="0" * 64)
    assert refusal.kind == "changed"
    assert "recorded was 0000" in refusal.sentence


class TestPlaces:
    def test_links_inside_the_folder_are_followed_and_links_out_of_it_refused(self, tmp_path):
        folder = tmp_path / "pictures"
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "a.png").write_bytes(encoded(corners()))
        (tmp_path / "secret.png").write_bytes(encoded(corners()))
        (folder / "in.png").symlink_to("deep/a.png")
        (folder / "out.png").symlink_to("../secret.png")
        (folder / "out").symlink_to(tmp_path)
        (folder / "round.png").symlink_to("round.png")
        assert open_image(folder / "in.png", folder).size == (8, 4)
        for place in ("out.png", "out/secret.png", "../secret.png"):
            refusal = open_image(folder / place, folder)
            assert (refusal.kind, str(tmp_path) in refusal.sentence) == ("outside", False), place
        assert open_image(folder / "round.png", folder).kind == "unreadable"

    def test_missing_files_folders_and_pipes_are_refused_without_waiting(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "folder.png").mkdir()
        assert open_image(tmp_path / "gone.png", tmp_path) == Refusal("missing", "gone.png: no such file")
        assert open_image(tmp_path / "pipe.png", tmp_path).kind == "not a file"
        assert open_image(tmp_path / "folder.png", tmp_path).kind in ("not a file", "unreadable")
        assert open_image(tmp_path / "x\0y.png", tmp_path).kind == "unreadable"
        assert open_image(tmp_path / ("n" * 300), tmp_path).kind == "unreadable"

    def test_a_file_without_permission_is_refused(self, tmp_path):
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        (tmp_path / "a.png").write_bytes(encoded(corners()))
        (tmp_path / "a.png").chmod(0)
        assert open_image(tmp_path / "a.png", tmp_path).kind == "unreadable"

    def test_too_many_bytes_are_refused(self, tmp_path):
        with (tmp_path / "a.jpg").open("wb") as file:
            file.truncate(2**26 + 1)
        refusal = open_image(tmp_path / "a.jpg", tmp_path)
        assert refusal.kind == "too many bytes"
        assert "67,108,865" in refusal.sentence
