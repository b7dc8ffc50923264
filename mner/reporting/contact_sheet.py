"""A contact sheet: pictures with what extractors found in them, as one HTML page without network or script.

Thumbnails are made from the picture as extractors see it (upright, RGB), so a box that is wrong there is wrong in
the features. Whatever was read out of pictures is foreign text: escaped, and kept from turning the page around.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from mner.base.files import RefusedFileError, regular_file
from mner.data.picture_files import Refusal
from mner.data.user_file import LARGEST
from mner.features.found import Box, Caption, Lines, Objects, Tags
from mner.features.found_files import KindFound, RegionShape
from mner.features.pictures import Picture, Pictures
from mner.features.pixels import open_image
from mner.reporting.site import environment

SIDE = 640
"""Longest side of a thumbnail in px: twice the width it is shown at, for fine screens."""
STAGE = 4 / 3
"""Width to height of the frame that every picture is fitted into (``.stage`` of the template)."""
COLOURS = 6
SHOWN = {"objects": 12, "lines": 6, "masked": 6}
"""Entries of a list before the rest is folded away."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class ContactSheetError(ValueError):
    """Captions or a count that a contact sheet cannot be made of."""


def render_sheet(
    name: str,
    pictures: Pictures,
    kinds: Sequence[KindFound],
    captions: Mapping[str, Mapping[str, str]],
    templates: Path,
    *,
    count: int,
) -> str:
    """The page as HTML: at most ``count`` pictures, evenly spaced in order of ids, and every masked one.

    ``kinds`` come from :func:`mner.features.found_files.read_kinds`; ``captions`` are texts by image id under the
    name of their source; ``templates`` is the folder with ``contact_sheet.html.j2``. The same input gives the same
    bytes.

    Raises:
        ContactSheetError: ``count`` is not positive.
    """
    masked = _masked(pictures, kinds)
    usable = [one for one in pictures.listed if any(one.image in kind.found for kind in kinds)]
    chosen = evenly(usable, count)
    cards = []
    for picture in tqdm(chosen, desc="contact sheet", unit="picture", disable=None):
        image = open_image(pictures.folder / picture.file, pictures.folder, sha256=picture.sha256)
        if isinstance(image, Refusal):
            masked.setdefault((picture.image, image), []).append("this page")
        else:
            cards.append(_card(picture, image, kinds, captions))
    refused = sorted(masked.items(), key=lambda entry: (entry[0][0], entry[0][1].sentence))
    page = (
        environment(templates)
        .get_template("contact_sheet.html.j2")
        .render(
            name=name,
            summary=_summary(len(cards), len(usable), len({image for image, _ in masked})),
            kinds=[_made(kind) for kind in kinds],
            layers=[kind.kind for kind in kinds if kind.kind in ("objects", "ocr", "crops")],
            cards=cards,
            masked=_folded(
                [
                    {"image": image, "kind": refusal.kind, "what": refusal.sentence, "where": ", ".join(where)}
                    for (image, refusal), where in refused
                ],
                SHOWN["masked"],
                "picture",
            ),
        )
    )
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", page)


def read_captions(path: Path) -> dict[str, str]:
    """Captions by image id from a JSON object ``{"<image id>": "<text>"}``.

    Raises:
        RefusedFileError: no regular file, or too large.
        ContactSheetError: not such a file; names the entry at fault.
    """
    try:
        table = json.loads(regular_file(path, LARGEST).read_text(encoding="utf-8"))
    except RefusedFileError:
        raise
    except (OSError, ValueError) as error:
        raise ContactSheetError(f"{path}: no JSON file of captions ({error})") from error
    if not isinstance(table, dict):
        raise ContactSheetError(f"{path}: expected one JSON object from image ids to texts")
    for image, text in table.items():
        if not isinstance(text, str):
            raise ContactSheetError(f"{path}: the caption of {image!r} is not a text but {text!r}")
    return table


def evenly(listed: Sequence[Picture], count: int) -> list[Picture]:
    """At most ``count`` of the pictures, evenly spaced, the first always among them.

    Raises:
        ContactSheetError: ``count`` is not positive.
    """
    if count < 1:
        raise ContactSheetError(f"a contact sheet of {count} pictures; ask for at least 1")
    taken = min(count, len(listed))
    return [listed[number * len(listed) // taken] for number in range(taken)]


def _summary(shown: int, usable: int, masked: int) -> str:
    pictures = f"{shown:,} pictures" if shown == usable else f"{shown:,} of {usable:,} pictures"
    return f"{pictures}, {masked:,} masked" if masked else pictures


def _masked(pictures: Pictures, kinds: Sequence[KindFound]) -> dict[tuple[str, Refusal], list[str]]:
    """Every refusal with the kinds that met it."""
    masked: dict[tuple[str, Refusal], list[str]] = {(image, one): [] for image, one in pictures.refused.items()}
    for kind in kinds:
        for image, refusal in kind.refused.items():
            masked.setdefault((image, refusal), []).append(kind.kind)
    return masked


def _made(kind: KindFound) -> dict[str, str]:
    """A row of the table of kinds."""
    made_by = kind.provenance.get("extractor", {})
    models = [str(made_by[key]["model"]) for key in ("detector", "grid") if key in made_by]
    own = str(made_by.get("model", ""))
    return {
        "kind": kind.kind,
        "model": "; ".join(text for text in (own, *(model for model in models if model not in own)) if text),
        "pictures": f"{len(kind.found):,}",
        "masked": f"{len(kind.refused):,}",
        "found": _total(kind),
    }


def _total(kind: KindFound) -> str:
    """How much was found in all pictures together, in words."""
    found = list(kind.found.values())
    if any(isinstance(one, RegionShape) for one in found):
        shapes = [one for one in found if isinstance(one, RegionShape)]
        return f"{sum(one.regions for one in shapes):,} vectors of {shapes[0].width:,}"
    sizes = [len(one.items) for one in found if isinstance(one, Objects | Lines | Tags)]
    if not sizes:
        return f"{len(found):,} captions"
    unit = {"objects": "objects", "ocr": "lines", "tags": "labels"}[kind.kind]
    empty = sum(size == 0 for size in sizes)
    return f"{sum(sizes):,} {unit}" + (f", nothing in {empty:,} pictures" if empty else "")


def _card(
    picture: Picture, image: Image.Image, kinds: Sequence[KindFound], captions: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """What the template shows of one picture; every number is text by now."""
    thumbnail, (width, height) = _thumbnail(image)
    found = {kind.kind: kind.found.get(picture.image) for kind in kinds}
    texts = [(source, table[picture.image]) for source, table in captions.items() if picture.image in table]
    card: dict[str, Any] = {
        "image": picture.image,
        "size": f"{image.width:,} × {image.height:,} px",
        "thumbnail": thumbnail,
        "width": str(width),
        "height": str(height),
        **_badge(max(width, height * STAGE) / 32),
        "boxes": {},
        "missing": [kind.kind for kind in kinds if picture.image not in kind.found],
        "regions": [],
    }
    for kind, one in found.items():
        if isinstance(one, RegionShape):
            card["regions"].append(f"{kind} {one.regions:,} × {one.width:,}")
            if one.boxes:
                card["boxes"][kind] = [_placed(box, width, height) for box in one.boxes]
        elif isinstance(one, Objects):
            card["boxes"][kind] = objects = _objects(one, width, height)
            card["objects"] = _folded(objects, SHOWN["objects"], "object")
        elif isinstance(one, Lines):
            card["boxes"][kind] = lines = _lines(one, width, height)
            card["lines"] = _folded(lines, SHOWN["lines"], "line")
        elif isinstance(one, Tags):
            card["tags"] = _tags(one)
        elif isinstance(one, Caption):
            texts.insert(0, ("extracted", one.text))
    card["captions"] = texts
    return card


def _objects(found: Objects, width: int, height: int) -> list[dict[str, str]]:
    colours = _colours([item.label for item in found.items])
    return [
        {
            "number": str(number),
            "colour": colours[item.label],
            "text": item.label,
            "score": _score(item.score),
            **_placed(item.box, width, height),
        }
        for number, item in enumerate(found.items, start=1)
    ]


def _lines(found: Lines, width: int, height: int) -> list[dict[str, str]]:
    return [
        {"text": item.text, "score": _score(item.score), **_placed(item.box, width, height)}
        for item in found.items
    ]


def _tags(found: Tags) -> list[dict[str, str]]:
    return [
        {"text": tag.label, "score": _score(tag.score), "share": f"{100 * min(1, max(0, tag.score)):.1f}"}
        for tag in found.items
    ]


def _thumbnail(image: Image.Image) -> tuple[str, tuple[int, int]]:
    """A small JPEG as base64 text, and its width and height in px."""
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii"), small.size


def _placed(box: Box, width: int, height: int) -> dict[str, str]:
    """A box in the thumbnail's px."""
    x0, y0, x1, y1 = box
    return {
        "x": f"{x0 * width:.1f}",
        "y": f"{y0 * height:.1f}",
        "w": f"{(x1 - x0) * width:.1f}",
        "h": f"{(y1 - y0) * height:.1f}",
    }


def _score(score: float) -> str:
    return f"{score:.2f}" if score == 0 or score >= 0.005 else "<0.01"


def _badge(em: float) -> dict[str, Any]:
    """Sizes of the numbers in the corners of boxes, the same on the screen whatever the shape of the picture.

    ``badge`` is the height, then the width for one to six digits; ``middle`` where the text stands.
    """
    widths = [em * (0.75 + 0.5 * digits) for digits in range(1, 7)]
    return {
        "em": f"{em:.1f}",
        "badge": [f"{1.15 * em:.1f}", *(f"{width:.1f}" for width in widths)],
        "middle": [f"{0.88 * em:.1f}", *(f"{width / 2:.1f}" for width in widths)],
    }


def _colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour class for each label of a picture, the commonest first."""
    order = [label for label, _ in Counter(labels).most_common()]
    return {label: f"c{number % COLOURS}" for number, label in enumerate(order)}


def _folded(entries: list[dict[str, str]], shown: int, what: str) -> dict[str, Any]:
    """The first entries, and the rest under a heading; a rest of two is not worth a fold."""
    if len(entries) <= shown + 2:
        return {"head": entries, "rest": [], "more": ""}
    rest = entries[shown:]
    return {"head": entries[:shown], "rest": rest, "more": f"{len(rest):,} more {what}s"}
