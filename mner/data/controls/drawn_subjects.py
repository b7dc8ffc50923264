"""How each subject of the controls' pictures is drawn: pen, palette, and a function for each subject."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from PIL import ImageDraw

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (200, 45, 50),
    "blue": (45, 85, 190),
    "green": (45, 140, 75),
    "orange": (235, 130, 35),
    "purple": (125, 60, 160),
    "teal": (25, 140, 145),
    "yellow": (235, 200, 60),
}
BACKDROPS: dict[str, Colour] = {
    "white": (244, 244, 240),
    "grey": (190, 192, 196),
    "beige": (226, 208, 180),
    "pink": (245, 205, 210),
    "light green": (205, 230, 200),
}
SKIES: dict[str, tuple[Colour, Colour]] = {
    "clear": ((90, 160, 225), (200, 228, 245)),
    "cloudy": ((135, 145, 160), (215, 218, 222)),
    "evening": ((85, 60, 120), (245, 165, 110)),
    "morning": ((150, 190, 230), (250, 220, 185)),
}
SKIN: tuple[Colour, ...] = ((246, 212, 184), (222, 172, 130), (165, 112, 75), (105, 68, 48))
HAIR: tuple[Colour, ...] = ((40, 28, 22), (110, 70, 35), (215, 180, 100), (150, 60, 35))
DARK: Colour = (40, 42, 50)
PALE: Colour = (250, 250, 250)
GOLD: Colour = (218, 168, 40)


class Pen:
    """Draws in a square of ``size`` pixels with its corner at (``left``, ``top``); coordinates run from 0 to 1."""

    def __init__(self, draw: ImageDraw.ImageDraw, left: float, top: float, size: float) -> None:
        self.draw, self.left, self.top, self.size = draw, left, top, size

    def points(self, *coordinates: tuple[float, float]) -> list[tuple[int, int]]:
        return [(round(self.left + x * self.size), round(self.top + y * self.size)) for x, y in coordinates]

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, round_by: float = 0.0) -> None:
        self.draw.rounded_rectangle(self.points((x0, y0), (x1, y1)), round(round_by * self.size), fill)

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        self.draw.ellipse(self.points((x0, y0), (x1, y1)), fill)

    def shape(self, fill: Colour, *corners: tuple[float, float]) -> None:
        self.draw.polygon(self.points(*corners), fill)

    def line(self, fill: Colour, width: float, *corners: tuple[float, float]) -> None:
        self.draw.line(self.points(*corners), fill, max(1, round(width * self.size)), joint="curve")

    def arc(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, width: float) -> None:
        self.draw.arc(self.points((x0, y0), (x1, y1)), 0, 360, fill, max(1, round(width * self.size)))

    def inset(self, x: float, y: float, scale: float) -> Pen:
        return Pen(self.draw, self.left + x * self.size, self.top + y * self.size, scale * self.size)


def shade(colour: Colour, factor: float) -> Colour:
    """``colour`` made darker (factor below 1) or lighter, channel by channel."""
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue


def _person(pen: Pen, colour: Colour, rng: random.Random) -> None:
    skin, hair, trousers = rng.choice(SKIN), rng.choice(HAIR), shade(DARK, rng.uniform(0.8, 2.2))
    pen.box(0.41, 0.60, 0.49, 0.97, trousers)
    pen.box(0.51, 0.60, 0.59, 0.97, trousers)
    lift = rng.choice((0.62, 0.25))
    pen.line(skin, 0.055, (0.40, 0.38), (0.27, 0.52), (0.25, lift))
    pen.line(skin, 0.055, (0.60, 0.38), (0.73, 0.52), (0.74, 0.64))
    pen.box(0.37, 0.31, 0.63, 0.65, colour, 0.06)
    pen.box(0.46, 0.24, 0.54, 0.34, skin)
    pen.oval(0.39, 0.05, 0.61, 0.24, hair)
    pen.oval(0.405, 0.09, 0.595, 0.30, skin)
    pen.oval(0.45, 0.17, 0.47, 0.195, DARK)
    pen.oval(0.53, 0.17, 0.55, 0.195, DARK)


def _couple(pen: Pen, colour: Colour, rng: random.Random) -> None:
    _person(pen.inset(-0.12, 0.08, 0.88), colour, rng)
    _person(pen.inset(0.26, 0.04, 0.90), rng.choice(list(COLOURS.values())), rng)


def _portrait(pen: Pen, colour: Colour, rng: random.Random) -> None:
    skin, hair = rng.choice(SKIN), rng.choice(HAIR)
    long_hair = rng.random() < 0.5
    if long_hair:
        pen.box(0.22, 0.22, 0.78, 0.82, hair, 0.2)
    pen.oval(0.10, 0.74, 0.90, 1.35, colour)
    pen.box(0.41, 0.62, 0.59, 0.82, shade(skin, 0.92), 0.04)
    pen.oval(0.24, 0.08, 0.76, 0.60, hair)
    pen.oval(0.28, 0.16, 0.72, 0.72, skin)
    for x in (0.39, 0.57):
        pen.oval(x, 0.37, x + 0.06, 0.43, DARK)
    pen.line(shade(skin, 0.75), 0.02, (0.50, 0.44), (0.48, 0.52), (0.52, 0.52))
    pen.line((170, 60, 60), 0.03, (0.41, 0.58), (0.46, 0.61), (0.54, 0.61), (0.59, 0.58))


def _skyline(pen: Pen, colour: Colour, rng: random.Random) -> None:
    left = -0.05
    while left < 1:
        width, height = rng.uniform(0.10, 0.19), rng.uniform(0.25, 0.68)
        wall = shade(rng.choice(((95, 105, 125), (120, 115, 120), (75, 85, 105))), rng.uniform(0.7, 1.1))
        pen.box(left, 0.92 - height, left + width, 0.92, wall)
        for row in range(int(height / 0.07)):
            for column in range(max(1, int(width / 0.05))):
                if rng.random() < 0.55:
                    x, y = left + 0.015 + 0.05 * column, 0.95 - height + 0.07 * row
                    pen.box(x, y, x + 0.02, y + 0.03, (250, 225, 140))
        left += width + rng.uniform(-0.01, 0.02)
    pen.box(0, 0.9, 1, 1, shade(colour, 0.45))


def _mountains(pen: Pen, colour: Colour, rng: random.Random) -> None:
    for base in (0.15, 0.8, 0.45):
        peak, top, half = base + rng.uniform(-0.1, 0.1), rng.uniform(0.22, 0.42), rng.uniform(0.36, 0.5)
        rock = shade((110, 108, 118), rng.uniform(0.75, 1.15))
        pen.shape(rock, (peak - half, 0.9), (peak, top), (peak + half, 0.9))
        share = 0.3
        drop = (0.9 - top) * share
        left, right = (peak - half * share, top + drop), (peak + half * share, top + drop)
        pen.shape(PALE, left, (peak, top), right, (peak, top + drop * 0.75))
    pen.oval(-0.4, 0.76, 1.0, 1.5, (80, 135, 70))
    pen.oval(0.2, 0.80, 1.5, 1.5, (60, 115, 60))


def _shore(pen: Pen, colour: Colour, rng: random.Random) -> None:
    pen.box(0, 0.5, 1, 1, (50, 125, 175))
    for row in range(6):
        x, y = rng.uniform(0, 0.8), 0.54 + 0.045 * row
        pen.line((120, 185, 215), 0.012, (x, y), (x + rng.uniform(0.08, 0.25), y))
    x = rng.uniform(0.15, 0.55)
    pen.shape((110, 65, 40), (x, 0.58), (x + 0.34, 0.58), (x + 0.27, 0.68), (x + 0.06, 0.68))
    pen.line(DARK, 0.015, (x + 0.17, 0.58), (x + 0.17, 0.22))
    pen.shape(colour, (x + 0.185, 0.24), (x + 0.185, 0.54), (x + 0.34, 0.54))
    pen.shape((232, 212, 160), (0, 0.85), (0.4, 0.8), (1, 0.9), (1, 1), (0, 1))


def _emblem(pen: Pen, colour: Colour, rng: random.Random) -> None:
    form = rng.choice(("star", "rings", "bars"))
    if form == "star":
        radii = [0.48 if corner % 2 == 0 else 0.2 for corner in range(10)]
        angles = [math.pi * corner / 5 - math.pi / 2 for corner in range(10)]
        corners = [(0.5 + r * math.cos(a), 0.5 + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]
        pen.shape(colour, *corners)
    elif form == "rings":
        pen.arc(0.05, 0.2, 0.62, 0.77, colour, 0.11)
        pen.arc(0.38, 0.2, 0.95, 0.77, colour, 0.11)
    else:
        for column, height in enumerate((0.45, 0.7, 0.95)):
            pen.box(0.08 + 0.31 * column, 1 - height, 0.30 + 0.31 * column, 0.95, colour)


def _sign(pen: Pen, colour: Colour, rng: random.Random) -> None:
    pen.box(0.46, 0.55, 0.54, 1.0, (120, 122, 128))
    pen.box(0.06, 0.10, 0.94, 0.66, DARK, 0.07)
    pen.box(0.09, 0.13, 0.91, 0.63, colour, 0.05)
    _emblem(pen.inset(0.14, 0.2, 0.36), PALE, rng)
    for row, length in enumerate((0.30, 0.22)):
        pen.box(0.56, 0.30 + 0.14 * row, 0.56 + length, 0.36 + 0.14 * row, PALE, 0.02)


def _office(pen: Pen, colour: Colour, rng: random.Random) -> None:
    wall = shade((150, 158, 170), rng.uniform(0.85, 1.15))
    pen.box(0.12, 0.08, 0.88, 1.0, wall)
    for row in range(3):
        for column in range(5):
            x, y = 0.17 + 0.14 * column, 0.40 + 0.15 * row
            pen.box(x, y, x + 0.10, y + 0.10, shade((105, 165, 205), rng.uniform(0.7, 1.15)))
    pen.box(0.16, 0.11, 0.84, 0.37, colour, 0.02)
    _emblem(pen.inset(0.40, 0.14, 0.20), PALE, rng)
    pen.box(0.42, 0.85, 0.58, 1.0, DARK)


def _banner(pen: Pen, colour: Colour, rng: random.Random) -> None:
    pen.line((120, 90, 60), 0.04, (0.08, 0.08), (0.92, 0.08))
    pen.shape(colour, (0.18, 0.08), (0.82, 0.08), (0.82, 0.95), (0.5, 0.82), (0.18, 0.95))
    pen.oval(0.26, 0.2, 0.74, 0.68, PALE)
    _emblem(pen.inset(0.34, 0.28, 0.32), shade(colour, 0.8), rng)


def _trophy(pen: Pen, colour: Colour, rng: random.Random) -> None:
    metal = shade(rng.choice((GOLD, (185, 188, 195), (190, 115, 60))), rng.uniform(0.95, 1.1))
    pen.arc(0.12, 0.14, 0.46, 0.48, shade(metal, 0.85), 0.05)
    pen.arc(0.54, 0.14, 0.88, 0.48, shade(metal, 0.85), 0.05)
    pen.shape(metal, (0.25, 0.08), (0.75, 0.08), (0.70, 0.42), (0.58, 0.57), (0.42, 0.57), (0.30, 0.42))
    pen.shape(shade(metal, 1.25), (0.32, 0.12), (0.42, 0.12), (0.42, 0.46), (0.36, 0.40))
    pen.box(0.46, 0.55, 0.54, 0.76, shade(metal, 0.85))
    pen.box(0.28, 0.75, 0.72, 0.95, DARK, 0.02)
    pen.box(0.38, 0.80, 0.62, 0.90, colour)


def _book(pen: Pen, colour: Colour, rng: random.Random) -> None:
    pen.shape(shade(colour, 0.6), (0.18, 0.14), (0.28, 0.06), (0.88, 0.06), (0.88, 0.86), (0.78, 0.94))
    pen.shape((245, 240, 225), (0.76, 0.14), (0.86, 0.08), (0.86, 0.84), (0.76, 0.92))
    pen.box(0.14, 0.14, 0.76, 0.94, colour)
    pen.box(0.14, 0.14, 0.21, 0.94, shade(colour, 0.7))
    for row, length in enumerate((0.38, 0.28, 0.33)):
        pen.box(0.29, 0.24 + 0.09 * row, 0.29 + length, 0.28 + 0.09 * row, (245, 240, 225))
    pen.oval(0.36, 0.58, 0.60, 0.82, shade(rng.choice(list(COLOURS.values())), 1.1))


def _phone(pen: Pen, colour: Colour, rng: random.Random) -> None:
    pen.box(0.27, 0.03, 0.73, 0.97, DARK, 0.07)
    pen.box(0.30, 0.11, 0.70, 0.86, shade(colour, 1.1))
    for row in range(4):
        for column in range(3):
            x, y = 0.335 + 0.12 * column, 0.17 + 0.16 * row
            pen.box(x, y, x + 0.085, y + 0.085, rng.choice([PALE, *COLOURS.values()]), 0.02)
    pen.oval(0.47, 0.885, 0.53, 0.945, (150, 150, 155))


DRAWERS: dict[str, Callable[[Pen, Colour, random.Random], None]] = {
    "person": _person,
    "portrait": _portrait,
    "couple": _couple,
    "skyline": _skyline,
    "mountains": _mountains,
    "shore": _shore,
    "sign": _sign,
    "office": _office,
    "banner": _banner,
    "trophy": _trophy,
    "book": _book,
    "phone": _phone,
}
