"""Opening a data set's pictures by their ids, as the data stage recorded them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from mner.data.picture_file import Refusal
from mner.features.open_image import open_image
from mner.files import read_json

OpenPicture = Callable[[str], Image.Image | None]
"""Opens a picture by its id; None where there is no usable one."""


def opener(side: Path, folder: Path | None) -> OpenPicture | None:
    """A function from image id to picture; None as a whole where no folder of pictures is named.

    It gives None for a picture that was not recorded, is gone, damaged or has changed since it was recorded.
    """
    if folder is None:
        return None
    recorded = read_json(side / "pixels.json")

    def opened(image: str) -> Image.Image | None:
        entry = recorded.get(image)
        if entry is None:
            return None
        picture = open_image(folder / entry["file"], folder, sha256=entry["sha256"])
        return None if isinstance(picture, Refusal) else picture

    return opened
