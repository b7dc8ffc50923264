"""What an extractor finds in a picture: regions, objects, lines of writing, tags or a caption.

Plain data, without the packages that open pictures: training reads findings on machines that have none of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in fractions of the original picture's width and height, each in [0, 1]."""

CROP_PARTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"detector": {"name": "objects-yolox-nano"}, "grid": {"name": "grid-efficientnet-lite2"}}
)
"""What finds the crops and what reads them, unless the options of ``crops`` say otherwise."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Region vectors of one picture, float32; ``boxes`` say where each region lies, None for a regular grid."""

    values: Float[np.ndarray, "regions width"]
    boxes: Float[np.ndarray, "regions 4"] | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """One object: its class name, the detector's score in [0, 1], its box."""

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of one picture, best score first."""

    items: tuple[Detection, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` inverts it exactly."""
        return {"objects": [asdict(item) for item in self.items]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Objects:
        """Objects from plain data; raises ValueError on anything else."""
        return cls(tuple(Detection(*_located(entry, "label")) for entry in _entries(data, "objects")))


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of writing in a picture: the text read, the reader's score in [0, 1], its box."""

    text: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of writing of one picture in reading order."""

    items: tuple[TextLine, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` inverts it exactly."""
        return {"lines": [asdict(item) for item in self.items]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Lines:
        """Lines from plain data; raises ValueError on anything else."""
        return cls(tuple(TextLine(*_located(entry, "text")) for entry in _entries(data, "lines")))


@dataclass(frozen=True, slots=True)
class Tag:
    """One label of the whole picture and its probability."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Tags:
    """Labels of one picture, most probable first."""

    items: tuple[Tag, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` inverts it exactly."""
        return {"tags": [asdict(item) for item in self.items]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tags:
        """Tags from plain data; raises ValueError on anything else."""
        return cls(tuple(Tag(*_named(entry, "label")) for entry in _entries(data, "tags")))


@dataclass(frozen=True, slots=True)
class Caption:
    """One sentence that describes the picture."""

    text: str

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` inverts it exactly."""
        return {"caption": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Caption:
        """A caption from plain data; raises ValueError on anything else."""
        if set(data) != {"caption"} or not isinstance(data["caption"], str):
            raise ValueError(f"not a caption: {data!r}")
        return cls(data["caption"])


Found = Regions | Objects | Lines | Tags | Caption


def fractions(edges: Iterable[float], width: float, height: float) -> Box:
    """Box of pixel edges (left, top, right, bottom) in fractions of a picture, cut at its borders."""
    left, top, right, bottom = (float(edge) for edge in edges)
    clipped = (left / width, top / height, right / width, bottom / height)
    x0, y0, x1, y1 = (min(1.0, max(0.0, value)) for value in clipped)
    return x0, y0, x1, y1


def _entries(data: Mapping[str, Any], key: str) -> list[Any]:
    if set(data) != {key} or not isinstance(data[key], list):
        raise ValueError(f"expected {{{key!r}: [...]}}, not {data!r}")
    return data[key]


def _named(entry: Any, name: str) -> tuple[str, float]:
    if not isinstance(entry, Mapping) or set(entry) != {name, "score"} or not isinstance(entry[name], str):
        raise ValueError(f"expected {name} and score, not {entry!r}")
    return entry[name], _number(entry["score"])


def _located(entry: Any, name: str) -> tuple[str, float, Box]:
    if not isinstance(entry, Mapping) or "box" not in entry:
        raise ValueError(f"expected {name}, score and box, not {entry!r}")
    rest = {key: value for key, value in entry.items() if key != "box"}
    box = entry["box"]
    if not isinstance(box, (list, tuple)) or len(box) != 4:
        raise ValueError(f"a box has four edges, not {box!r}")
    x0, y0, x1, y1 = (_number(edge) for edge in box)
    if not (0 <= x0 <= x1 <= 1 and 0 <= y0 <= y1 <= 1):
        raise ValueError(f"not left, top, right, bottom within the picture: {box!r}")
    return *_named(rest, name), (x0, y0, x1, y1)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"not a number: {value!r}")
    return float(value)
