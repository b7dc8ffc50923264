"""What a relation graph is made of: the shared choices of params.yaml (``relations``), changed by a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

KINDS = ("released", "rebuilt", "clip")
POOLS = ("all", "train")
WEIGHTINGS = ("binary", "count", "confidence")
INDEXES = ("exact", "faiss-flat", "faiss-ivf")
CONTROLS = ("other_tweet", "shuffled_scores", "self_only")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphChoices:
    """What a relation graph is made with, whatever its kind.

    ``k`` neighbours out of ``pool`` (``all`` splits' pictures or those of ``train``). For ``rebuilt``: the
    sentence ``encoder``, the source of ``captions`` (null: that of data.captions), how objects weigh (``binary``,
    ``count``, ``confidence``), and the ``minimum`` that a similarity of objects must exceed. ``index`` finds
    neighbours (``exact``, ``faiss-flat``, ``faiss-ivf``). ``control`` breaks the graph on purpose
    (``mner.graphs.graph_controls``), drawing from ``seed``.
    """

    k: int
    pool: str
    encoder: str
    captions: str | None = None
    objects: str = "binary"
    minimum: float = 0.0
    index: str = "exact"
    control: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k is {self.k}; a neighbour list has at least one place")
        _require("retrieval pool", self.pool, POOLS)
        _require("weighting of objects", self.objects, WEIGHTINGS)
        _require("index", self.index, INDEXES)
        _require("control", self.control, (None, *CONTROLS))


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRecipe(GraphChoices):
    """One graph; its kind is ``released`` (R-GCN's lists), ``rebuilt`` (captions, labels) or ``clip`` (pixels)."""

    kind: str

    def __post_init__(self) -> None:
        GraphChoices.__post_init__(self)
        _require("kind", self.kind, KINDS)

    def name(self, shared: GraphRecipe) -> str:
        """Stem of the graph's file: its kind, what differs from the shared recipe, and its control."""
        parts = [self.kind]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in ("kind", "control") and value != getattr(shared, field.name):
                parts.append(f"{field.name}-{value}")
        return "+".join([*parts, *([self.control] if self.control else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSettings(GraphChoices):
    """Section ``relations`` of params.yaml: a ``kind`` per data set, the other choices for all of them."""

    kind: Mapping[str, str]

    def __post_init__(self) -> None:
        GraphChoices.__post_init__(self)
        for dataset, kind in self.kind.items():
            _require(f"kind of {dataset},", kind, KINDS)

    def of(self, dataset: str) -> dict[str, Any]:
        """The fields of the recipe that all rows share on one data set."""
        return {**asdict(self), "kind": self.kind[dataset]}


def _require(name: str, value: str | None, known: Sequence[str | None]) -> None:
    if value not in known:
        choices = ", ".join("null" if one is None else one for one in known)
        raise ValueError(f"{name} {value!r} is unknown; expected one of {choices}")
