"""What stands beside a row with a picture: the text-only rows that share its data set and its encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mner.evaluation.averages import encoder_name, own_f1
from mner.reporting.cells import Cell, State, Words, cited, missing
from mner.reporting.tables import Column

TEXT_ONLY = "Text only"
OWN_TEXT_ONLY = "Own family's"
TEXT_NOTE = (
    "Text only: the best text-only row of the same encoder and profile, by F1 on test, so that no picture is "
    "flattered by a weak text model. Own family's: the text-only row of the same family, where that is another."
)


@dataclass(frozen=True, slots=True)
class TextOnly:
    """A text-only row by name and F1; without a name the cell says why there is none."""

    system: str
    f1: Cell


@dataclass(frozen=True, slots=True)
class Beside:
    """The best text-only row beside a cell, and that of the cell's own family where it is another one.

    A family is the name up to its first hyphen.
    """

    best: TextOnly
    own: TextOnly | None = None

    @property
    def rows(self) -> tuple[TextOnly, ...]:
        """Both, the best first."""
        return (self.best,) if self.own is None else (self.best, self.own)


def text_rows(cell: Mapping[str, Any], cells: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Finished text-only cells of ``scores.json`` with a multimodal cell's data set and encoder, the best first.

    None for a cell that is not finished or reads no picture.
    """
    if cell["state"] != "finished" or cell["visual_input"] == "none":
        return []
    beside = [
        other
        for other in cells
        if other["state"] == "finished" and other["visual_input"] == "none" and _alike(cell, other)
    ]
    return sorted(beside, key=lambda other: -own_f1(other)["mean"])


def text_only_beside(cell: Mapping[str, Any] | None, cells: Iterable[Mapping[str, Any]]) -> Beside:
    """The text-only rows to hold a cell against, or why there is none."""
    if cell is None or cell["state"] != "finished":
        return Beside(TextOnly("", missing(cell)))
    if cell["visual_input"] == "none":
        return Beside(TextOnly("", State("–", "reads no picture")))
    found = [TextOnly(other["system"], cited(own_f1(other))) for other in text_rows(cell, cells)]
    if not found:
        return Beside(TextOnly("", State("not run", "no text-only system with this encoder in this profile")))
    best, *others = found
    family = _family(cell["system"])
    own = next((row for row in others if _family(row.system) == family), None)
    return Beside(best, own if _family(best.system) != family else None)


def has_own(beside: Iterable[Beside]) -> bool:
    """Whether any row has a text-only row of its own family besides the best one."""
    return any(one.own is not None for one in beside)


def beside_columns(own: bool) -> tuple[Column, ...]:
    """Columns of the text-only rows; with ``own`` those of the family too."""
    best = Column("text", TEXT_ONLY, "ours"), Column("text.system", "which is", "words")
    return (
        (*best, Column("own", OWN_TEXT_ONLY, "ours"), Column("own.system", "which is", "words")) if own else best
    )


def beside_cells(beside: Beside, own: bool) -> tuple[Cell, ...]:
    """The cells of a row under :func:`beside_columns`."""
    best = beside.best.f1, Words(beside.best.system or "–")
    if not own:
        return best
    if beside.own is None:
        return (*best, State("–", "no other text-only row of this family"), Words("–"))
    return (*best, beside.own.f1, Words(beside.own.system))


def _alike(cell: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return cell["dataset"] == other["dataset"] and encoder_name(cell) == encoder_name(other)


def _family(system: str) -> str:
    return system.partition("-")[0]
