"""What a captioner and a detector would say of the controls' pictures: planted captions and object labels.

The cue nouns and the labels of the four types are disjoint, so either of them tells the shown type. Labels are
names of COCO classes, as a detector would give them.
"""

from __future__ import annotations

import random

from mner.data.corpus import TYPES
from mner.data.drawings import Scene

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
