"""Why a printed row and our runs cannot be compared: data with two sides, put into words here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from mner.evaluation.paper import UNKNOWN

INFERRED = "inferred, not stated"
"""``theirs`` of a caveat about what follows from other facts only."""
NOTHING = "none"
_KINDS_OF_INPUT = ("captions", "objects", "ocr")


class ReasonKind(StrEnum):
    """What differs, or what nobody knows of the printed row."""

    ENCODER = "encoder"
    WEIGHTS = "weights"
    VISUAL = "visual input"
    PICTURES = "pictures read"
    MISSING = "missing"
    TRAINING_DATA = "training data"
    TRAINED = "training"
    TRAINING_VERSION = "training version"
    RECIPE = "recipe"
    DATASET_VERSION = "dataset version"
    SCORER = "scorer"
    SOURCE = "source"


_CAVEAT_TITLES = {ReasonKind.VISUAL: "visual", ReasonKind.DATASET_VERSION: "dataset version"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One difference between our runs and a printed row: what it is about, our side and theirs.

    A caveat has the same form: what is not known of the printed row has no side of ours. ``detail`` says which
    field of a recipe, or what else belongs to the difference.
    """

    kind: ReasonKind
    ours: str = ""
    theirs: str = ""
    detail: str = ""

    @property
    def is_open(self) -> bool:
        """Whether only their side is in question: it is unknown or inferred."""
        return not self.ours and self.theirs in (UNKNOWN, INFERRED)

    def __str__(self) -> str:
        """The reason in words, as tables, page and terminal print it."""
        match self:
            case Reason(ReasonKind.SOURCE):
                return f"the number is {self.theirs}, not read in the paper itself"
            case Reason(ReasonKind.TRAINED):
                return f"training: ours {self.ours}"
            case Reason(ReasonKind.MISSING):
                return f"missing here: {self.theirs}"
            case Reason(ReasonKind.TRAINING_VERSION, detail=str(detail)) if detail:
                return f"trained on version {self.ours}, theirs {self.theirs}: {detail} differ"
            case Reason(ReasonKind.RECIPE, detail=str(detail)) if detail:
                return f"recipe, {detail.replace('_', ' ')}: ours {self.ours}, theirs {self.theirs}"
            case _ if self.is_open:
                return f"{_CAVEAT_TITLES.get(self.kind, self.kind.value)} of the published row is {self.theirs}"
            case _:
                sides = f"{self.kind.value}: ours {self.ours}, theirs {self.theirs}"
                return f"{sides} ({self.detail})" if self.detail else sides


def in_words(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """All reasons as texts; fields of a recipe share one, so that a row does not have ten."""
    fields = [reason for reason in reasons if reason.kind is ReasonKind.RECIPE and reason.detail]
    if len(fields) < 2:
        return tuple(map(str, reasons))
    sides = ", ".join(f"{one.detail.replace('_', ' ')} {one.ours} for {one.theirs}" for one in fields)
    joint = f"recipe, ours for theirs: {sides}"
    return tuple(joint if one is fields[0] else str(one) for one in reasons if one not in fields[1:])


@dataclass(frozen=True, slots=True)
class VisualInput:
    """What stands for the picture, part by part; None where a part is not read.

    ``regions`` are named with their kind, such as ``grid:resnet152`` or ``caption-tokens:blip2``; ``relations``
    with their control, such as ``released+other_tweet``. ``others`` are parts that only a printed row has.
    """

    captions: str | None = None
    objects: str | None = None
    ocr: str | None = None
    regions: str | None = None
    relations: str | None = None
    others: tuple[str, ...] = ()

    @property
    def reads_pixels(self) -> bool:
        """Whether region vectors of pictures are read, and not captions in their place."""
        return self.regions is not None and not self.regions.startswith("caption-tokens:")

    def fits(self, printed: VisualInput) -> bool:
        """Whether every part is the printed row's, ours at least as exact.

        So is ``grid:resnet152`` where ``grid:resnet`` is printed.
        """
        names = (*_KINDS_OF_INPUT, "regions", "relations")
        pairs = ((getattr(self, name), getattr(printed, name)) for name in names)
        return all(_no_less_exact(ours, theirs) for ours, theirs in pairs) and self.others == printed.others


def _no_less_exact(ours: str | None, theirs: str | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    rest = ours.removeprefix(theirs)
    return ours == theirs or (ours.startswith(theirs) and rest.isdecimal())


@cache
def visual_input(text: str) -> VisualInput:
    """Read the form that records and ``reports/paper.yaml`` hold, such as ``grid:resnet152+relations:released``.

    The only place where it is taken apart.
    """
    found: dict[str, str] = {}
    others: list[str] = []
    for part in text.split("+"):
        kind, separator, name = part.partition(":")
        if not separator:
            if "relations" in found:
                found["relations"] += f"+{part}"
            elif part != NOTHING:
                others.append(part)
        elif kind in (*_KINDS_OF_INPUT, "relations"):
            found[kind] = name
        else:
            found["regions"] = part
    return VisualInput(**found, others=tuple(sorted(others)))
