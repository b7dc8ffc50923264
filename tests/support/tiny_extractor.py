"""A real extractor small enough for tests: a convolution on 16 x 16 pixels; and a process that runs it slowly.

``python tests/tiny_extractor.py PICTURES FOLDER WORK SECONDS`` extracts with a pause of SECONDS a batch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn

from mner.features.extraction import Extraction, extract
from mner.features.extractors.contract import as_rgb
from mner.features.found import Found, Regions, Tag, Tags
from mner.features.pictures import pictures_of_folder

SIZE = 16
WIDTH = 8


class TinyGrid:
    """16 x 16 pixels -> a convolution with fixed random weights -> 4 x 4 regions of eight; crops have boxes."""

    def __init__(self, *, seed: int = 0, kind: str = "grid", pause: float = 0.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.kind = kind
        self.provenance = {"model": "one convolution", "seed": seed, "pixels": (SIZE, SIZE)}
        self.pause = pause
        self.seen = 0
        self.layer = nn.Conv2d(3, WIDTH, kernel_size=4, stride=4)
        with torch.no_grad():
            for parameter in self.layer.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 8)

    def prepare(self, image: Image.Image) -> np.ndarray:
        small = as_rgb(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        return np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / 255

    @torch.no_grad()
    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        time.sleep(self.pause)
        self.seen += len(prepared)
        grid = self.layer(torch.from_numpy(np.stack(prepared))).relu()
        return [Regions(one.flatten(1).T.numpy(), self._boxes()) for one in grid]

    def _boxes(self) -> np.ndarray | None:
        if self.kind == "grid":
            return None
        edges = np.arange(4, dtype=np.float32) / 4
        left, top = np.meshgrid(edges, edges)
        return np.stack([left, top, left + 0.25, top + 0.25], axis=-1).reshape(-1, 4)


class Brightness(TinyGrid):
    """Tells light from dark pictures by the mean of their pixels."""

    def __init__(self) -> None:
        super().__init__(kind="tags")
        self.provenance = {"model": "mean of the pixels"}

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        self.seen += len(prepared)
        means = [float(one.mean()) for one in prepared]
        return [
            Tags(tuple(sorted((Tag("light", m), Tag("dark", 1 - m)), key=lambda tag: -tag.score))) for m in means
        ]


def draw(folder: Path, count: int) -> None:
    """``count`` different pictures p000.png, p001.jpg, ... of different shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = Image.new("RGB", (20 + number % 7, 18 + number % 5), (number * 37 % 256, number * 11 % 256, 90))
        ImageDraw.Draw(picture).ellipse((2, 2, 6 + number % 9, 12), fill=(255, number * 53 % 256, 0))
        picture.save(folder / f"p{number:03d}.{'png' if number % 2 else 'jpg'}")


def everything(folder: Path) -> dict[str, bytes]:
    """Content of every file of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def run(pictures: Path, folder: Path, work: Path, extractor: TinyGrid | None = None, **settings) -> Extraction:
    """Extract from a folder of pictures in batches of four and shards of eight, unless told otherwise."""
    settings = {"batch_size": 4, "pictures_per_shard": 8, "device": torch.device("cpu"), **settings}
    return extract(pictures_of_folder(pictures), extractor or TinyGrid(), folder, work, **settings)


if __name__ == "__main__":
    torch.set_num_threads(1)
    places = [Path(argument) for argument in sys.argv[1:4]]
    print(run(*places, TinyGrid(pause=float(sys.argv[4]))).render())
