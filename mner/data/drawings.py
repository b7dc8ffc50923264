"""Drawn pictures of the controls: small scenes that show a person, a place, an organisation or a thing.

Shapes only: fonts differ between machines. A scene's bytes depend on the scene, and on Pillow's PNG encoder.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from mner.data.drawn_subjects import BACKDROPS, COLOURS, DRAWERS, SKIES, Colour, Pen, shade

SIDE = 96
OVERSAMPLING = 3

SUBJECTS: dict[str, tuple[str, ...]] = {
    "PER": ("person", "portrait", "couple"),
    "LOC": ("skyline", "mountains", "shore"),
    "ORG": ("sign", "office", "banner"),
    "MISC": ("trophy", "book", "phone"),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows: the type it stands for, its subject, and the names of its colours.

    ``backdrop`` is the name of a sky where ``kind`` is LOC, of a plain wall elsewhere. ``detail`` seeds
    positions, sizes and shades, which no caption mentions.
    """

    kind: str
    subject: str
    colour: str
    backdrop: str
    detail: int


def compose_scene(kind: str, rng: random.Random) -> Scene:
    """A random scene that shows ``kind``; the number of draws from ``rng`` does not depend on it."""
    places = SKIES if kind == "LOC" else BACKDROPS
    return Scene(
        kind,
        rng.choice(SUBJECTS[kind]),
        rng.choice(list(COLOURS)),
        rng.choice(list(places)),
        rng.getrandbits(32),
    )


def draw_scene(scene: Scene) -> bytes:
    """PNG bytes of a scene, ``SIDE`` x ``SIDE`` pixels RGB; the same scene gives the same bytes."""
    rng = random.Random(scene.detail)
    extent = SIDE * OVERSAMPLING
    image = Image.new("RGB", (extent, extent))
    draw = ImageDraw.Draw(image)
    canvas = Pen(draw, 0, 0, extent)
    if scene.kind == "LOC":
        _sky(canvas, SKIES[scene.backdrop], rng)
        pen = canvas
    else:
        _room(canvas, BACKDROPS[scene.backdrop], rng)
        scale = rng.uniform(0.72, 0.95)
        pen = canvas.inset(rng.uniform(0, 1 - scale), rng.uniform(0.6, 1) * (1 - scale), scale)
    DRAWERS[scene.subject](pen, COLOURS[scene.colour], rng)
    buffer = io.BytesIO()
    image.reduce(OVERSAMPLING).save(buffer, "PNG")
    return buffer.getvalue()


def _sky(pen: Pen, ends: tuple[Colour, Colour], rng: random.Random) -> None:
    bands = 32
    for band in range(bands):
        share = band / (bands - 1)
        colour = tuple(round(a + (b - a) * share) for a, b in zip(*ends, strict=True))
        pen.box(0, band / bands, 1, (band + 1) / bands, colour)
    x, y, radius = rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.25), rng.uniform(0.05, 0.09)
    pen.oval(x - radius, y - radius, x + radius, y + radius, (255, 240, 190))


def _room(pen: Pen, wall: Colour, rng: random.Random) -> None:
    pen.box(0, 0, 1, 1, wall)
    pen.box(0, rng.uniform(0.78, 0.9), 1, 1, shade(wall, 0.8))
