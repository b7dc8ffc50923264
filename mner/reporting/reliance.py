"""How much F1 hangs on the picture: each probe with its interval, and what it gains over text alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mner.reporting.cells import SURE, Cell, Cited, Measured, State, estimate, missing
from mner.reporting.pairs import pair_of

PROBES = {"none": "own − none", "shuffled": "own − another's", "neighbours": "own − another's neighbours"}
"""How each probe view is called wherever it is read; in files it keeps its name."""
PROBE_NOTE = (
    "Image reliance: F1 with the tweet's own picture minus F1 with none, or with another tweet's (its captions, "
    "objects and neighbours included), or with its own picture but another tweet's neighbours, paired by run and "
    f"sentence, with its {SURE} interval, which is not adjusted for the number of such rows (p (Holm) in "
    "statistics.md is). Near zero: F1 does not show a dependence; single "
    "tags may still change, for the better as for the worse."
)
HOLM_NOTE = (
    "p (Holm): of no difference, adjusted for all probes of all systems of this table; F1 − text only is tested "
    "in the first table."
)


def probe_cells(cell: Mapping[str, Any] | None, statistics: Mapping[str, Any]) -> dict[str, Cell]:
    """One cell a probe for a cell of ``scores.json``; ``statistics`` is the content of ``statistics.json``."""
    if cell is None or cell["state"] != "finished":
        return dict.fromkeys(PROBES, missing(cell))
    reads = cell["visual_input"] != "none"
    absent = State("–", "this view was not predicted" if reads else "reads no picture")
    views = _views(cell, statistics)
    return {
        view: estimate(views[view], f"paired by run and sentence, {views[view]['source']}", signed=True)
        if view in views
        else absent
        for view in PROBES
    }


def _views(cell: Mapping[str, Any], statistics: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = statistics["datasets"][cell["dataset"]]["reliance"]
    return next((row["views"] for row in rows if row["system"] == cell["system"]), {})


def gain_over_text(cell: Mapping[str, Any], text_only: str, statistics: Mapping[str, Any]) -> Cell:
    """F1 of a multimodal cell minus that of a text-only system beside it, with its interval."""
    pair = pair_of(statistics, cell["dataset"], cell["system"], text_only)
    if pair is None:
        return State("–", "no text-only system beside it")
    if "state" in pair:
        return State("not known", pair["state"])
    return estimate(pair, f"paired by sentence, {pair['source']}", signed=True)


def has_number(cells: Iterable[Cell]) -> bool:
    """Whether any of the cells holds a number of ours."""
    return any(isinstance(cell, Cited | Measured) for cell in cells)
