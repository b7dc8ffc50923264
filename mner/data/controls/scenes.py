"""Scenes of the controls' pictures, and what a captioner and a detector would say of them.

Shapes only: fonts differ between machines. A scene's bytes depend on the scene, and on Pillow's PNG encoder.

The cue nouns and the labels of the four types are disjoint, so either of them tells the shown type. Labels are
names of COCO classes, as a detector would give them.
"""

from __future__ import annotations

import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw

from mner.data.controls.drawn_subjects import BACKDROPS, COLOURS, DRAWERS, SKIES, Colour, Pen, shade
from mner.data.controls.sentences import Example
from mner.data.corpus import TYPES

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
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(*ends, strict=True))
        pen.box(0, band / bands, 1, (band + 1) / bands, (red, green, blue))
    x, y, radius = rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.25), rng.uniform(0.05, 0.09)
    pen.oval(x - radius, y - radius, x + radius, y + radius, (255, 240, 190))


def _room(pen: Pen, wall: Colour, rng: random.Random) -> None:
    pen.box(0, 0, 1, 1, wall)
    pen.box(0, rng.uniform(0.78, 0.9), 1, 1, shade(wall, 0.8))


CAPTIONS: dict[str, tuple[str, ...]] = {
    "person": (
        "a person in a {colour} shirt standing against a {backdrop} wall",
        "someone wearing {colour} poses for the camera",
        "a young person dressed in {colour}",
        "there is a person with a {colour} top in the picture",
    ),
    "portrait": (
        "a close up portrait with a {backdrop} background",
        "the face of a smiling adult in a {colour} sweater",
        "a head shot of somebody wearing {colour}",
        "a portrait showing a face and {colour} clothes",
    ),
    "couple": (
        "two people standing next to each other",
        "a pair of friends in front of a {backdrop} wall",
        "two friends , one of them in {colour}",
        "two people smiling side by side",
    ),
    "skyline": (
        "a city skyline under a {backdrop} sky",
        "downtown skyscrapers with lights in the windows",
        "a panorama of a big city , {backdrop} weather",
        "the skyline of a town seen from far away",
    ),
    "mountains": (
        "snowy mountains under a {backdrop} sky",
        "a landscape with green hills and mountains",
        "a mountain valley , {backdrop} weather",
        "a scenic landscape with snow on the peaks",
    ),
    "shore": (
        "a sandy beach and a boat with a {colour} sail",
        "a boat on the sea near the coast",
        "a view of the ocean under a {backdrop} sky",
        "a quiet coast with water and sand",
    ),
    "sign": (
        "a {colour} sign with a company logo",
        "a billboard with a white emblem on {colour}",
        "a brand logo on a {colour} board",
        "a roadside billboard of a business",
    ),
    "office": (
        "an office building with a {colour} logo over the windows",
        "the headquarters of a company with a {colour} panel",
        "a corporate office seen from the front",
        "an office block with a large emblem",
    ),
    "banner": (
        "a {colour} banner with a round emblem",
        "a hanging banner showing a brand logo",
        "a {colour} pennant of a corporate brand",
        "a banner with a logo on a {backdrop} wall",
    ),
    "trophy": (
        "a shiny trophy on a stand",
        "a trophy with two handles against a {backdrop} wall",
        "an award cup with a {colour} plate",
        "a metal award on a table",
    ),
    "book": (
        "a book with a {colour} cover",
        "a thick novel standing on a shelf",
        "a {colour} hardcover book on a {backdrop} background",
        "a closed book , its cover is {colour}",
    ),
    "phone": (
        "a smartphone with many icons",
        "a smartphone showing a {colour} screen",
        "a black gadget with a {colour} display",
        "a close look at a gadget with a touch display",
    ),
}

CUES: dict[str, frozenset[str]] = {
    "PER": frozenset(("person", "someone", "portrait", "face", "adult", "somebody", "people", "friends")),
    "LOC": frozenset(
        (
            "skyline",
            "city",
            "skyscrapers",
            "town",
            "mountains",
            "mountain",
            "landscape",
            "beach",
            "sea",
            "ocean",
            "coast",
        )
    ),
    "ORG": frozenset(("logo", "company", "billboard", "brand", "business", "corporate", "office", "emblem")),
    "MISC": frozenset(("trophy", "award", "book", "novel", "smartphone", "gadget")),
}

OBJECTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "person": ("person", ("tie", "backpack", "handbag")),
    "portrait": ("person", ("tie", "umbrella")),
    "couple": ("person", ("person", "handbag", "backpack")),
    "skyline": ("traffic light", ("car", "bus", "train")),
    "mountains": ("bird", ("sheep", "skis", "bench")),
    "shore": ("boat", ("bird", "surfboard", "kite")),
    "sign": ("stop sign", ("parking meter", "clock")),
    "office": ("clock", ("tv", "laptop", "chair")),
    "banner": ("tv", ("chair", "potted plant")),
    "trophy": ("cup", ("vase", "bowl", "sports ball")),
    "book": ("book", ("book", "scissors", "teddy bear")),
    "phone": ("cell phone", ("remote", "book")),
}


def caption_scene(scene: Scene, rng: random.Random) -> str:
    """One of the planted captions of the scene's subject, with the scene's colours filled in."""
    return rng.choice(CAPTIONS[scene.subject]).format(colour=scene.colour, backdrop=scene.backdrop)


def label_scene(scene: Scene, rng: random.Random) -> list[str]:
    """One to three object labels: the subject's own first, then others that occur with its type alone."""
    first, others = OBJECTS[scene.subject]
    return [first, *rng.choices(others, k=rng.randrange(3))]


def shown_type(caption: str) -> str:
    """The type that a planted caption tells; raises ValueError where it tells none or several."""
    words = set(caption.split())
    told = [kind for kind in TYPES if words & CUES[kind]]
    if len(told) != 1:
        raise ValueError(
            f"caption {caption!r} tells {told or 'no type'}; a planted caption tells exactly one type"
        )
    return told[0]


RETRIEVAL_K = 10
SCORE = 1.0
KINDS = ("inter", "intra")
Lists = dict[str, Any]


def no_lists(examples: Sequence[Example]) -> list[None]:
    """What a control without relations of its own says: nothing was retrieved."""
    return [None] * len(examples)


def planted_lists(examples: Sequence[Example], rng: random.Random) -> list[Lists]:
    """Two lists a sentence, of ``RETRIEVAL_K`` pictures that show its subject's type, all with score 1.

    Pictures are those of the split's other sentences, drawn anew for each list. A sentence without an entity gets
    pictures of any one type. Lists are shorter where fewer pictures show a type.
    """
    showing = {kind: [one.image for one in examples if one.shown == kind] for kind in TYPES}
    return [_lists_of(one, showing[one.draft.subject or rng.choice(TYPES)], rng) for one in examples]


def _lists_of(example: Example, fitting: Sequence[str], rng: random.Random) -> Lists:
    others = [image for image in fitting if image != example.image]
    found: Lists = {}
    for kind in KINDS:
        images = rng.sample(others, min(RETRIEVAL_K, len(others)))
        found |= {f"{kind}_images": images, f"{kind}_scores": [SCORE] * len(images)}
    return found


def listed_types(examples: Sequence[Example], lists: Sequence[Mapping[str, Any] | None]) -> list[set[str | None]]:
    """The types that the pictures of each sentence's lists show; empty where it has none."""
    shown = {one.image: one.shown for one in examples}
    return [
        {shown[image] for kind in KINDS for image in entry[f"{kind}_images"]} if entry else set()
        for entry in lists
    ]
