"""Geometry of pictures worked by hand: what is kept of them, how large it becomes, and how it is resampled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import names

from mner.features.extractors.contract import as_rgb
from mner.features.pixels import CentreCrop, Scale, fitted, same_shapes, shrunk, square

BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_of_any_mode_shows_white(mode: str) -> None:
    assert as_rgb(Image.new(mode, (1, 1))).getpixel((0, 0)) == (255, 255, 255), "black, and wholly transparent"


def test_a_crop_is_cut_from_the_middle_of_the_resized_picture() -> None:
    """A picture whose short side is as asked for already is only cut."""
    picture = noise(60, 40)
    np.testing.assert_array_equal(CentreCrop(40, 20)(picture), np.asarray(picture)[10:30, 20:40])
    np.testing.assert_array_equal(CentreCrop(40, 40)(picture), np.asarray(picture)[:, 10:50])


@pytest.mark.parametrize(("name", "resampling"), [("bilinear", BILINEAR), ("bicubic", BICUBIC)])
def test_crops_and_squares_are_resampled_as_they_say(name: str, resampling: Image.Resampling) -> None:
    picture = noise(30, 30)
    expected = np.array(picture.resize((12, 12), resampling))
    np.testing.assert_array_equal(CentreCrop(12, 12, name)(picture), expected)
    np.testing.assert_array_equal(square(picture, 12, name), expected)
    assert f"({name}, Pillow)" in CentreCrop(12, 12, name).describe()


def test_crops_of_no_size_and_unknown_resamplings_are_refused() -> None:
    with pytest.raises(ValueError, match=names("crop", 0)):
        CentreCrop(8, 0)
    with pytest.raises(ValueError, match=names("'nearest'", "bilinear, bicubic")):
        CentreCrop(8, 8, "nearest")


def test_sides_are_brought_to_their_length_and_rounded_down() -> None:
    picture = noise(30, 20)
    np.testing.assert_array_equal(fitted(picture, short=10, long=99), np.array(picture.resize((15, 10), BILINEAR)))
    assert fitted(picture, short=10, long=12).shape == (8, 12, 3), "the long side binds"
    assert fitted(picture, short=13, long=99).shape == (13, 19, 3), "19.5 columns are 19"
    assert fitted(noise(1, 300), short=50, long=100).shape == (100, 1, 3), "a side keeps one pixel"


@pytest.mark.parametrize("size", [(30, 20), (20, 30)])
def test_only_pictures_that_are_too_long_are_shrunk(size: tuple[int, int]) -> None:
    picture = noise(*size)
    for longest in (30, 99):
        np.testing.assert_array_equal(shrunk(picture, longest), np.asarray(picture))
    half = size[0] // 2, size[1] // 2
    np.testing.assert_array_equal(shrunk(picture, 15), np.array(picture.resize(half, BILINEAR)))
    assert max(shrunk(picture, 29).shape) == 29


def test_a_batch_keeps_rows_and_columns() -> None:
    picture = np.asarray(noise(4, 3))
    (made,) = Scale((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).batch([picture], torch.device("cpu"))
    np.testing.assert_array_equal(made.numpy(), picture.transpose(2, 0, 1))
    assert made.is_contiguous()


def test_pictures_of_one_shape_are_found_together_in_their_order() -> None:
    shapes = [(2, 3, 3), (3, 2, 3), (2, 3, 3), (2, 9, 1)]
    assert same_shapes([np.zeros(shape) for shape in shapes]) == [[0, 2], [1], [3]]
