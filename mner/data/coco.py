"""The eighty object names of COCO, in the order detectors number them, and the spellings we meet for them."""

from __future__ import annotations

from collections.abc import Sequence

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
