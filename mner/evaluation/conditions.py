"""From our cell towards a printed row's conditions, over cells that were really run in some profile.

A re-score cannot say what another encoder or another picture input is worth: that takes runs. Results of other
profiles are searched for cells of the same system and data set that have the printed row's condition, and each
change is the difference of two means over runs that exist. No such cell, no number.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mner.evaluation.gaps import gap_between
from mner.evaluation.paper import UNKNOWN, Used
from mner.evaluation.reasons import visual_input
from mner.evaluation.rescored_results import RescoredResults, RescoredRun
from mner.evaluation.rescoring import STANDARD
from mner.evaluation.run_selection import Picked, picked
from mner.evaluation.score_results import ScoredCell, ScoreResults

TITLES = {"training": "Training", "encoder": "Encoder", "visual": "Visual input"}
WHOLE = "everything trained"
"""All printed rows train their whole encoder, where they have one, on all sentences."""
_OF_TRAINING = ("frozen layers", "train sentences")


@dataclass(frozen=True, slots=True)
class Scored:
    """A finished cell (of ``scores.json``) of some profile, with its runs (of ``lenses.json``)."""

    profile: str
    cell: ScoredCell
    runs: Sequence[RescoredRun]

    @property
    def conditions(self) -> dict[str, str]:
        """What is trained, encoder and visual input by name."""
        return {
            "training": _training(self.cell.recipe),
            "encoder": self.cell.encoder_name,
            "visual": self.cell.visual_input,
        }

    @property
    def machine(self) -> str:
        """What its runs were trained on and in which precision; empty where no record says it."""
        devices = " and ".join(sorted(self.cell.throughput))
        precision = self.cell.precision
        return f"{devices} in {precision}" if devices and precision else devices

    def fits(self, name: str, theirs: str) -> bool:
        """Whether a condition is a printed row's, by the rule of verdicts."""
        ours = self.conditions[name]
        return visual_input(ours).fits(visual_input(theirs)) if name == "visual" else ours == theirs

    @property
    def level(self) -> Picked:
        """F1 by run under the standard scorer, on the cell's own copy.

        Raises:
            ValueError: the runs have no such score, so files of different making were mixed.
        """
        found = picked(self.runs, STANDARD)
        if isinstance(found, str):
            raise ValueError(f"{self.profile}: {self.cell.dataset} x {self.cell.system}: {found}")
        return found


@dataclass(frozen=True, slots=True)
class Move:
    """``names`` of the conditions that change between two cells, ours' side first, and what else does."""

    names: tuple[str, ...]
    before: Scored
    after: Scored

    @property
    def points(self) -> float:
        """Mean F1 of ``before`` minus that of ``after``: what the change costs on the way from paper to ours."""
        return statistics.fmean(self.before.level.on_dev) - statistics.fmean(self.after.level.on_dev)

    @property
    def error(self) -> tuple[float, str] | None:
        """Standard error of ``points`` and what it is of; None where neither side has two runs."""
        before, after = self.before.level.on_dev, self.after.level.on_dev
        gap = gap_between(before, after)
        if gap is None:
            return None
        borrowed = ", the single one with the others' spread" if 1 in (len(before), len(after)) else ""
        return gap.error, f"of two samples, {len(after)} and {len(before)} runs{borrowed}"

    @property
    def machines(self) -> str:
        """The machines of the two sides in words; empty where they are the same or one is not known."""
        theirs, ours = self.after.machine, self.before.machine
        return f"{theirs} there, {ours} here" if theirs and ours and theirs != ours else ""

    @property
    def records(self) -> tuple[str, ...]:
        """Records of both cells."""
        return (*self.before.level.records, *self.after.level.records)

    @property
    def also(self) -> tuple[tuple[str, str, str], ...]:
        """Parts of recipe and options that differ besides the conditions: name, there (``after``) and here."""
        return tuple(
            (name, _said(theirs), _said(ours))
            for name, ours, theirs in _recipe_differences(self.before.cell, self.after.cell)
            if "training" not in self.names or name not in _OF_TRAINING
        )

    @property
    def changes(self) -> tuple[tuple[str, str, str], ...]:
        """All that differs: name, there (``after``, nearer to paper) and here; the conditions come first."""
        theirs, ours = self.after.conditions, self.before.conditions
        named = ((TITLES[name].lower(), theirs[name], ours[name]) for name in self.names)
        trained = (("trained on", self.after.machine, self.before.machine),) if self.machines else ()
        return (*named, *self.also, *trained)

    @property
    def between(self) -> str:
        """How many runs of which profiles are compared."""
        runs = f"{len(self.after.runs)} runs of profile {self.after.profile} against {len(self.before.runs)}"
        return f"{runs} of profile {self.before.profile}"

    @property
    def title(self) -> str:
        """What changes, for a bar: ``Encoder``, ``Encoder and visual input``, ``Encoder, other recipe``."""
        named = " and ".join(TITLES[name] if i == 0 else TITLES[name].lower() for i, name in enumerate(self.names))
        return f"{named}, other recipe" if self.also else named

    @property
    def why(self) -> str:
        """The change in words."""
        theirs, ours = self.after.conditions, self.before.conditions
        changed = ", ".join(f"{theirs[name]} there, {ours[name]} here" for name in self.names)
        also = ", ".join(f"{name} {there} there, {here} here" for name, there, here in self.also)
        machines = f"; trained on different machines: {self.machines}" if self.machines else ""
        return f"{changed}: {self.between}{f'; changed with it: {also}' if also else ''}{machines}"


def scored_cells(scores: ScoreResults, rescored: RescoredResults) -> list[Scored]:
    """All finished cells of a profile."""
    return [
        Scored(scores.profile, cell, rescored.runs_of(*place)) for place, cell in scores.finished_cells.items()
    ]


def route(here: Scored, used: Used, elsewhere: Sequence[Scored]) -> tuple[Move, ...]:
    """Moves from ``here`` to the printed row's known conditions, as few at a time as cells allow.

    Of several cells that fit, the one whose recipe and options differ least is taken, then the one with most runs.
    """
    same = [s for s in elsewhere if s.cell.place == here.cell.place and s.runs]
    wanted = {name: theirs for name, theirs in printed_conditions(used).items() if theirs != UNKNOWN}
    return tuple(_moves(here, wanted, same))


def printed_conditions(used: Used) -> dict[str, str]:
    """The conditions of a printed row, by the names of ``TITLES``; some may be unknown."""
    return {"training": WHOLE, "encoder": used.encoder, "visual": used.visual}


def _training(recipe: Mapping[str, Any]) -> str:
    parts = []
    if recipe.get("frozen_layers"):
        parts.append(f"{recipe['frozen_layers']} encoder layers frozen")
    if recipe.get("train_sentences") is not None:
        parts.append(f"{recipe['train_sentences']} training sentences")
    return ", ".join(parts) or WHOLE


def _moves(here: Scored, wanted: Mapping[str, str], elsewhere: Sequence[Scored]) -> Iterator[Move]:
    lacking = [name for name, theirs in wanted.items() if not here.fits(name, theirs)]
    for number in range(1, len(lacking) + 1):
        for names in combinations(lacking, number):
            fitting = [scored for scored in elsewhere if _reaches(scored, here, wanted, names)]
            if fitting:
                nearest = min(fitting, key=lambda s: (len(_recipe_differences(here.cell, s.cell)), -len(s.runs)))
                yield Move(names, here, nearest)
                yield from _moves(nearest, wanted, elsewhere)
                return


def _reaches(there: Scored, here: Scored, wanted: Mapping[str, str], names: Sequence[str]) -> bool:
    """Whether ``there`` has the printed row's conditions of these names, and all others as ``here``."""
    return all(
        there.fits(name, wanted[name]) if name in names else there.conditions[name] == here.conditions[name]
        for name in TITLES
    )


def _recipe_differences(one: ScoredCell, other: ScoredCell) -> list[tuple[str, Any, Any]]:
    found = []
    for ours, theirs in ((one.recipe, other.recipe), (one.options, other.options)):
        names = sorted(ours.keys() | theirs.keys())
        found += [(n.replace("_", " "), ours.get(n), theirs.get(n)) for n in names if ours.get(n) != theirs.get(n)]
    return found


def _said(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
