"""Which comparisons were meant: the primary family of a data set, its p adjusted for these comparisons alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mner.evaluation.averages import cells_of, own_f1
from mner.evaluation.significance import holm
from mner.reporting.pairs import pair_of
from mner.reporting.results import Results
from mner.reporting.text_only import text_rows

FAMILY_NOTE = (
    "Families of tests, each adjusted (Holm) for itself on each data set. Primary: every row with a picture minus "
    "every text-only row of the same profile and encoder; all of them, so that taking the best of these needs "
    "no more adjustment. All pairs: every two rows, ablations too, whether anybody asked about them or not. "
    "Probes: the views of image reliance. Whether rows with a picture gain on text alone is judged by the first; "
    "the picture need not be the reason, for rows differ in their recipes too."
)


def primary_family(results: Results, dataset: str) -> tuple[Mapping[str, Any], ...]:
    """Every row with a picture minus every text-only row beside it, as in ``statistics.json``.

    The row with the picture is A; ``holm`` is adjusted within this family. By text-only row, the best first.
    """
    place = cells_of(results.scores)
    cells = [cell for (where, _), cell in place.items() if where == dataset]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        for text in text_rows(cell, cells):
            pair = pair_of(results.statistics, dataset, cell["system"], text["system"])
            if pair is not None:
                found.setdefault(text["system"], []).append(_with_picture_first(pair, text["system"]))
    best_first = sorted(found, key=lambda system: -own_f1(place[dataset, system])["mean"])
    return _adjusted([pair for system in best_first for pair in found[system]])


def primary_pair(results: Results, dataset: str, a: str, b: str) -> Mapping[str, Any] | None:
    """The comparison of two systems in the primary family, whichever is named first; None outside of it."""
    pairs = primary_family(results, dataset)
    return next((pair for pair in pairs if {pair["a"], pair["b"]} == {a, b}), None)


def _with_picture_first(pair: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    """The same names in the order of the family; a pair that was not tested holds nothing that would turn."""
    return {**pair, "a": pair["b"], "b": text} if pair["a"] == text else pair


def _adjusted(pairs: list[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    p_values = {str(place): pair["p_value"] for place, pair in enumerate(pairs) if "p_value" in pair}
    adjusted = holm(p_values)
    return tuple({**pair, "holm": adjusted.get(str(place))} for place, pair in enumerate(pairs))
