"""Image annotations of the tweets: captions, object labels, invalid pictures, published retrieval lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mner.base.files import read_json
from mner.data.corpus import CorpusError

# fmt: off
COCO_80: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
    "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase",
    "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on
"""Class i of an 80-class COCO detector is ``COCO_80[i]``."""

ALIASES: dict[str, str] = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
}
"""Spellings of the YOLOX class file and of older detectors."""

_NAMES = frozenset(COCO_80)
_LONGEST = max(len(name.split()) for name in COCO_80)


def canonical_name(name: str) -> str:
    """COCO's own spelling of a class name; raises ValueError on a name that is none of the eighty."""
    mapped = ALIASES.get(name, name)
    if mapped not in _NAMES:
        raise ValueError(f"{name!r} is not one of COCO's eighty object names")
    return mapped


def join_names(words: Sequence[str]) -> list[str]:
    """Names from words separated by blanks: ``baseball glove person`` is two objects, not three.

    Greedy, longest name first: no COCO name is the beginning of another one, so the reading is unique.

    Raises:
        ValueError: at some word no COCO name begins.
    """
    names: list[str] = []
    position = 0
    while position < len(words):
        for length in range(_LONGEST, 0, -1):
            candidate = " ".join(words[position : position + length])
            if ALIASES.get(candidate, candidate) in _NAMES:
                names.append(canonical_name(candidate))
                position += len(candidate.split(" "))
                break
        else:
            raise ValueError(f"no COCO object name begins at {words[position]!r} (word {position + 1})")
    return names


WORDS: dict[str, str] = {
    "descriptions": "gpt4",
    "owl": "mplug-owl",
    "faces": "fite",
    "knowledge": "chatgpt",
}
"""Further words on pictures, one file ``side/<name>.json`` each, with the name of what wrote them in records.

``knowledge`` is about a tweet and its picture together; it is kept by the picture's id, which no other tweet has.
"""


@dataclass(frozen=True, slots=True)
class ImageText:
    """A picture in words. Empty parts mean that nothing is known or nothing was found."""

    captions: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    ocr: str = ""
    descriptions: str = ""
    owl: str = ""
    faces: str = ""
    knowledge: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """Captions, objects and writing of the chosen sources, without the invalid pictures, and retrieval lists.

    ``objects`` is None where the data set has no labels at all; ``words`` holds those of :data:`WORDS` asked for.
    """

    captions: Mapping[str, str]
    objects: Mapping[str, Sequence[str]] | None
    retrieval: Mapping[str, Any]
    invalid: frozenset[str]
    ocr: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def image_text(self, image: str) -> ImageText:
        """All words known of one picture; empty for an invalid or unknown one."""
        caption = self.captions.get(image)
        objects = (self.objects or {}).get(image, ())
        further = {name: table.get(image, "") for name, table in self.words.items()}
        return ImageText((caption,) if caption else (), tuple(objects), self.ocr.get(image, ""), **further)


NOTHING_KNOWN = Side({}, None, {}, frozenset())
"""For systems that read nothing of a picture."""


def read_side(folder: Path, *, captions: str | None, objects: str | None, words: Collection[str] = ()) -> Side:
    """Read data/<dataset>/side, keeping the named sources (None: none of them) and the ``words`` of :data:`WORDS`.

    ``captions`` may be one of :data:`WORDS` too. Words on invalid pictures are left out, but for the knowledge,
    which is of the tweet as well.

    Raises:
        CorpusError: a source the parameters name is not among the data.
    """
    invalid = frozenset(_json(folder / "images.json")["invalid"])
    return Side(
        _captions(folder, captions, invalid) if captions else {},
        _source(folder / "objects.json", objects, invalid) if objects else None,
        _json(folder / "retrieval.json"),
        invalid,
        words={name: _words(folder, name, invalid) for name in words},
    )


def _captions(folder: Path, name: str, invalid: Collection[str]) -> dict[str, str]:
    return _words(folder, name, invalid) if name in WORDS else _source(folder / "captions.json", name, invalid)


def _words(folder: Path, name: str, invalid: Collection[str]) -> dict[str, str]:
    left_out = () if name == "knowledge" else invalid
    return {image: text for image, text in _json(folder / f"{name}.json").items() if image not in left_out}


def _source(path: Path, name: str, invalid: Collection[str]) -> dict[str, Any]:
    sources = _json(path)
    if name not in sources:
        raise CorpusError(f"{path} has no source {name!r}, only {sorted(sources)}; params.yaml (data) names it")
    return {image: value for image, value in sources[name].items() if image not in invalid}


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError as error:
        raise CorpusError(f"{path} is missing; run `dvc repro` (stage data) first") from error
