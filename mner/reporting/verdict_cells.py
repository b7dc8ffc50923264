"""The numbers a verdict rests on: ours as the printed row was scored, and what is between it and paper."""

from __future__ import annotations

from mner.evaluation.verdicts import Verdict
from mner.paper import Figure
from mner.reporting.cells import NOT_PRINTED, Cited, Measured, State
from mner.reporting.results import mean_of


def as_scored(verdict: Verdict | None) -> Cited | State:
    """Our mean F1 by the rule of the printed row; a dash where nothing was held against one."""
    if verdict is None or verdict.ours is None:
        return NOT_PRINTED
    return mean_of(verdict.ours.values, verdict.ours.records)


def from_paper(verdict: Verdict | None, figure: Figure | None) -> Measured | State:
    """That mean minus the printed F1, rounded such that the three numbers add up as printed."""
    ours = as_scored(verdict)
    if verdict is None or figure is None or not isinstance(ours, Cited):
        return NOT_PRINTED
    method = f"mean of ours, scored by {verdict.rule}, minus the printed F1"
    shown = round(ours.value, ours.digits) - figure.value
    return Measured(ours.value - figure.value, ours.records, method, signed=True, shown=shown)


def in_words(verdict: Verdict, figure: Figure | None) -> str:
    """Both for a terminal, with the rule; empty where nothing was held against the printed row."""
    if verdict.ours is None:
        return ""
    return f"ours {as_scored(verdict).plain()} by {verdict.rule}, {from_paper(verdict, figure).plain()} from paper"
