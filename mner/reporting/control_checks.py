"""The scientific check on planted truth: a system must use the picture where it helps, and only there."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mner.config.controls_settings import CORPORA, NEIGHBOURS, POSITIVE
from mner.data.corpus import PICTURE_PROBES, PROBES
from mner.evaluation.gaps import gap_between, gap_to_fixed
from mner.evaluation.score_results import ScoredCell, ScoreResults, Summary
from mner.reporting.text_only import PROBES as TITLES

HOLDS, FAILS = "HOLDS", "FAILS"
TEXT_ONLY = "bert-crf"
RELATION_PROBES = tuple(view for view in PROBES if view not in PICTURE_PROBES)
"""What takes away the own neighbours and leaves the own picture."""


def are_controls(datasets: Iterable[str]) -> bool:
    """Whether these data sets are all generated corpora, of which no paper prints a number."""
    return set(datasets) <= set(CORPORA)


@dataclass(frozen=True, slots=True)
class ControlCheck:
    """One statement about one system on one control, whether it holds, and the numbers it rests on.

    Where it is not ``judged`` it is reported and cannot fail.
    """

    dataset: str
    system: str
    statement: str
    passed: bool
    detail: str
    judged: bool = True


def control_checks(
    scores: ScoreResults,
    margin: float,
    alpha: float,
    near_zero: float,
    absence: Mapping[str, str] = MappingProxyType({}),
) -> tuple[ControlCheck, ...]:
    """Check every system of the controls: a text-only one for its reliance, others against ``bert-crf`` too.

    On the positive control a multimodal system's mean F1 must exceed ``bert-crf``'s by ``margin`` points or more,
    and its F1 with the own picture that with none, and with another tweet's, by as much. On the negative control
    it must not gain, and image reliance must be about zero: each is smaller than ``margin`` with its whole
    1 - 2 ``alpha`` interval over seeds (Welch for the gain; one-sided tests, as in verdicts), so that what too few
    seeds cannot tell does not pass for nothing; and smaller than ``near_zero``, or its interval holds 0. One seed
    has no interval: its value alone is held against ``margin``.
    On the neighbour control a system that reads relations must gain ``margin``, and its F1 with its own neighbours
    exceed that with another tweet's by as much; for others that control is a negative one.
    The views of a text-only system, if it has any, must not move on any control.

    ``absence`` holds, by system, why one reads a tweet without a picture differently though pictures say nothing
    (its card): on the negative control what the picture's absence changes is then shown and not judged.
    """
    finished = scores.finished_cells
    checks: list[ControlCheck] = []
    for (dataset, system), cell in finished.items():
        if dataset not in CORPORA:
            continue
        if not cell.reads_pictures:
            checks.append(_text_only(cell, near_zero))
            continue
        text = finished.get((dataset, TEXT_ONLY))
        if text is None:
            checks.append(
                ControlCheck(dataset, system, f"gain over {TEXT_ONLY}", False, f"{TEXT_ONLY} was not run")
            )
        elif dataset == POSITIVE:
            checks += _positive(cell, text, margin, PICTURE_PROBES)
        elif dataset == NEIGHBOURS and reads_relations(cell):
            checks += _positive(cell, text, margin, RELATION_PROBES)
        else:
            checks.append(_negative(cell, text, margin, alpha, near_zero))
            checks += _insensitive(cell, margin, alpha, near_zero, bool(absence.get(system)))
    return tuple(checks)


def reads_relations(cell: ScoredCell) -> bool:
    """Whether a cell's system is given retrieved neighbours."""
    return any(part.startswith("relations") for part in cell.visual_input.split("+"))


def gain_of(cell: ScoredCell, text: ScoredCell) -> float:
    """Mean F1 of a cell minus that of the text-only one, in points."""
    ours, theirs = (statistics.fmean(one.own_f1.values) for one in (cell, text))
    return ours - theirs


def _positive(cell: ScoredCell, text: ScoredCell, margin: float, probes: Sequence[str]) -> Iterator[ControlCheck]:
    place = (cell.dataset, cell.system)
    gain = gain_of(cell, text)
    statement = f"gain over {TEXT_ONLY} ≥ {margin:g}"
    yield ControlCheck(*place, statement, gain >= margin, f"gain {gain:+.2f}")
    for view in probes:
        statement = f"{TITLES[view]} ≥ {margin:g}"
        reliance = cell.image_sensitivity.get(view)
        passed = reliance is not None and reliance.mean >= margin
        yield ControlCheck(*place, statement, passed, _shown(view, reliance))


def _insensitive(
    cell: ScoredCell, margin: float, alpha: float, near_zero: float, absence_matters: bool
) -> Iterator[ControlCheck]:
    for view in PICTURE_PROBES:
        if view == "none" and absence_matters:
            shown = _shown(view, cell.image_sensitivity.get(view))
            place = (cell.dataset, cell.system)
            yield ControlCheck(*place, "its card says why", passed=True, detail=shown, judged=False)
            continue
        statement = f"{TITLES[view]} about zero: below {margin:g}"
        reliance = cell.image_sensitivity.get(view)
        passed, detail = reliance is not None and abs(reliance.mean) < margin, _shown(view, reliance)
        if reliance is not None and len(reliance.values) > 1:
            statement += f" for sure, and below {near_zero:g} or its interval holds 0"
            low, high = gap_to_fixed(reliance.values, 0.0).interval(2 * alpha)
            passed = -margin < low and high < margin and (abs(reliance.mean) < near_zero or low <= 0 <= high)
            detail += f", {_interval(low, high, alpha)}"
        yield ControlCheck(cell.dataset, cell.system, statement, passed, detail)


def _text_only(cell: ScoredCell, near_zero: float) -> ControlCheck:
    """A text-only system is given no view but its own; one that has others must not move with them."""
    moved = {view: found.mean for view, found in cell.image_sensitivity.items() if found is not None}
    passed = all(abs(points) < near_zero for points in moved.values())
    detail = ", ".join(f"{TITLES[view]} {points:+.2f}" for view, points in moved.items())
    place = (cell.dataset, cell.system)
    if not moved:
        return ControlCheck(*place, "text only", passed=True, detail="it reads no picture", judged=False)
    return ControlCheck(*place, f"text only: no image sensitivity beyond {near_zero:g}", passed, detail)


def _shown(view: str, points: Summary | None) -> str:
    return f"{TITLES[view]}: not predicted" if points is None else f"{TITLES[view]} {points.mean:+.2f}"


def _negative(cell: ScoredCell, text: ScoredCell, margin: float, alpha: float, near_zero: float) -> ControlCheck:
    gain, gap = gain_of(cell, text), gap_between(*(one.own_f1.values for one in (cell, text)))
    statement = f"no gain over {TEXT_ONLY}: below {margin:g}"
    if gap is None:
        return ControlCheck(
            cell.dataset, cell.system, statement, gain < margin, f"gain {gain:+.2f}, one seed each"
        )
    low, high = gap.interval(2 * alpha)
    statement += f" for sure, and below {near_zero:g} or its interval holds 0"
    passed = high < margin and (gain < near_zero or low <= 0)
    detail = f"gain {gain:+.2f}, {_interval(low, high, alpha)}"
    return ControlCheck(cell.dataset, cell.system, statement, passed, detail)


def _interval(low: float, high: float, alpha: float) -> str:
    return f"{100 * (1 - 2 * alpha):.0f} % interval [{low:+.2f}, {high:+.2f}]"
