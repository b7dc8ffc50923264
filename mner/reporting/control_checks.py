"""The scientific check on planted truth: a system must use the picture where it helps, and only there."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mner.evaluation.verdicts import gap_between

POSITIVE, NEGATIVE, TEXT_ONLY = "controls-positive", "controls-negative", "bert-crf"


@dataclass(frozen=True, slots=True)
class ControlCheck:
    """One statement about one system on one control, whether it holds, and the numbers it rests on."""

    dataset: str
    system: str
    statement: str
    passed: bool
    detail: str


def control_checks(scores: Mapping[str, Any], margin: float, alpha: float) -> tuple[ControlCheck, ...]:
    """Check every multimodal system (visual input other than ``none``) against ``bert-crf``.

    On the positive control its mean F1 must exceed ``bert-crf``'s by ``margin`` points or more, and its F1 with
    the own picture must exceed that with another tweet's by as much. On the negative control the gain's
    1 - ``alpha`` interval (Welch) must contain 0, or the gain be smaller than ``margin`` either way.
    """
    finished = {(c["dataset"], c["system"]): c for c in scores["cells"] if c["state"] == "finished"}
    checks: list[ControlCheck] = []
    for (dataset, system), cell in finished.items():
        if dataset not in (POSITIVE, NEGATIVE) or cell["visual_input"] == "none":
            continue
        text = finished.get((dataset, TEXT_ONLY))
        if text is None:
            checks.append(
                ControlCheck(dataset, system, f"gain over {TEXT_ONLY}", False, f"{TEXT_ONLY} was not run")
            )
        elif dataset == POSITIVE:
            checks += _positive(cell, text, margin)
        else:
            checks.append(_negative(cell, text, margin, alpha))
    return tuple(checks)


def _positive(cell: Mapping[str, Any], text: Mapping[str, Any], margin: float) -> Iterator[ControlCheck]:
    place = (cell["dataset"], cell["system"])
    gain = statistics.fmean(_f1(cell)) - statistics.fmean(_f1(text))
    statement = f"gain over {TEXT_ONLY} ≥ {margin:g}"
    yield ControlCheck(*place, statement, gain >= margin, f"gain {gain:+.2f}")
    reliance = cell["reliance"].get("shuffled")
    statement = f"own − shuffled ≥ {margin:g}"
    if reliance is None:
        yield ControlCheck(*place, statement, False, "the shuffled view was not predicted")
    else:
        yield ControlCheck(
            *place, statement, reliance["mean"] >= margin, f"own − shuffled {reliance['mean']:+.2f}"
        )


def _negative(cell: Mapping[str, Any], text: Mapping[str, Any], margin: float, alpha: float) -> ControlCheck:
    ours, theirs = _f1(cell), _f1(text)
    gain = statistics.fmean(ours) - statistics.fmean(theirs)
    gap = gap_between(ours, theirs)
    statement = f"no gain over {TEXT_ONLY}: interval holds 0, or |gain| < {margin:g}"
    if gap is None:
        return ControlCheck(
            cell["dataset"], cell["system"], statement, abs(gain) < margin, f"gain {gain:+.2f}, one seed each"
        )
    low, high = gap.interval(alpha)
    passed = low <= 0 <= high or abs(gain) < margin
    detail = f"gain {gain:+.2f}, {100 * (1 - alpha):.0f} % interval [{low:+.2f}, {high:+.2f}]"
    return ControlCheck(cell["dataset"], cell["system"], statement, passed, detail)


def _f1(cell: Mapping[str, Any]) -> list[float]:
    return cell["views"]["test.own"]["f1"]["values"]
