"""Comparisons with the text-only baselines of a data set: the primary family, gains and image sensitivity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mner.evaluation.score_results import ScoredCell
from mner.evaluation.significance import holm
from mner.evaluation.statistics_results import Pair, StatisticsResults, TestedPair, UntestedPair
from mner.reporting.cells import SURE, Cell, Cited, Measured, State, Words, cited, estimate, missing
from mner.reporting.results import Results
from mner.reporting.tables import Column

FAMILY_NOTE = (
    "Families of tests, each adjusted (Holm) for itself on each data set. Primary: every row with a picture minus "
    "every text-only row of the same profile and encoder; all of them, so that taking the best of these needs "
    "no more adjustment. All pairs: every two rows, ablations too, whether anybody asked about them or not. "
    "Probes: the views of image reliance. Whether rows with a picture gain on text alone is judged by the first; "
    "the picture need not be the reason, for rows differ in their recipes too."
)


def primary_family(results: Results, dataset: str) -> tuple[Pair, ...]:
    """Every row with a picture minus every text-only row of its encoder, as in ``statistics.json``.

    The row with the picture is A; ``holm`` is adjusted within this family. By text-only row, the best first.
    """
    place = results.scores.cells_by_place
    cells = [cell for (where, _), cell in place.items() if where == dataset]
    found: dict[str, list[Pair]] = {}
    for cell in cells:
        for text in text_rows(cell, cells):
            pair = results.statistics.datasets[dataset].pair(cell.system, text.system)
            if pair is not None:
                found.setdefault(text.system, []).append(pair)
    best_first = sorted(found, key=lambda system: -place[dataset, system].own_f1.mean)
    return _adjusted([pair for system in best_first for pair in found[system]])


def primary_pair(results: Results, dataset: str, a: str, b: str) -> Pair | None:
    """The comparison of two systems in the primary family, whichever is named first; None outside of it."""
    pairs = primary_family(results, dataset)
    return next((pair for pair in pairs if {pair.a, pair.b} == {a, b}), None)


def _adjusted(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    tested = {str(number): pair.p_value for number, pair in enumerate(pairs) if isinstance(pair, TestedPair)}
    adjusted = holm(tested)
    return tuple(
        replace(pair, holm=adjusted[str(number)]) if isinstance(pair, TestedPair) else pair
        for number, pair in enumerate(pairs)
    )


TEXT_ONLY = "Text only"
OWN_TEXT_ONLY = "Own family's"
TEXT_NOTE = (
    "Text only: the best text-only row of the same encoder and profile, by F1 on test, so that no picture is "
    "flattered by a weak text model. Own family's: the text-only row of the same family, where that is another."
)


@dataclass(frozen=True, slots=True)
class TextOnlyBaseline:
    """A text-only row by name and F1; without a name the cell says why there is none."""

    system: str
    f1: Cell


@dataclass(frozen=True, slots=True)
class TextOnlyBaselines:
    """The best text-only row to compare a cell with, and that of the cell's own family where it is another one.

    A family is the name up to its first hyphen.
    """

    best: TextOnlyBaseline
    own: TextOnlyBaseline | None = None

    @property
    def rows(self) -> tuple[TextOnlyBaseline, ...]:
        """Both, the best first."""
        return (self.best,) if self.own is None else (self.best, self.own)


def text_rows(cell: ScoredCell, cells: Iterable[ScoredCell]) -> list[ScoredCell]:
    """Finished text-only cells of ``scores.json`` with a multimodal cell's data set and encoder, the best first.

    None for a cell that is not finished or reads no picture.
    """
    if not cell.is_finished or not cell.reads_pictures:
        return []
    found = [other for other in cells if other.is_finished and not other.reads_pictures and _alike(cell, other)]
    return sorted(found, key=lambda other: -other.own_f1.mean)


def text_only_baselines(cell: ScoredCell | None, cells: Iterable[ScoredCell]) -> TextOnlyBaselines:
    """The text-only rows to compare a cell with, or why there is none."""
    if cell is None or not cell.is_finished:
        return TextOnlyBaselines(TextOnlyBaseline("", missing(cell)))
    if not cell.reads_pictures:
        return TextOnlyBaselines(TextOnlyBaseline("", State("–", "reads no picture")))
    found = [TextOnlyBaseline(other.system, cited(other.own_f1)) for other in text_rows(cell, cells)]
    if not found:
        return TextOnlyBaselines(
            TextOnlyBaseline("", State("not run", "no text-only system with this encoder in this profile"))
        )
    best, *others = found
    family = _family(cell.system)
    own = next((row for row in others if _family(row.system) == family), None)
    return TextOnlyBaselines(best, own if _family(best.system) != family else None)


def has_own(found: Iterable[TextOnlyBaselines]) -> bool:
    """Whether any row has a text-only row of its own family other than the best one."""
    return any(one.own is not None for one in found)


def baseline_columns(own: bool) -> tuple[Column, ...]:
    """Columns of the text-only rows; with ``own`` those of the family too."""
    best = Column("text", TEXT_ONLY, "ours"), Column("text.system", "which is", "words")
    return (
        (*best, Column("own", OWN_TEXT_ONLY, "ours"), Column("own.system", "which is", "words")) if own else best
    )


def baseline_cells(found: TextOnlyBaselines, own: bool) -> tuple[Cell, ...]:
    """The cells of a row under :func:`baseline_columns`."""
    best = found.best.f1, Words(found.best.system or "–")
    if not own:
        return best
    if found.own is None:
        return (*best, State("–", "no other text-only row of this family"), Words("–"))
    return (*best, found.own.f1, Words(found.own.system))


def _alike(cell: ScoredCell, other: ScoredCell) -> bool:
    return cell.dataset == other.dataset and cell.encoder_name == other.encoder_name


def _family(system: str) -> str:
    return system.partition("-")[0]


PROBES = {"none": "own − none", "shuffled": "own − another's", "neighbours": "own − another's neighbours"}
"""How each probe view is called wherever it is read; in files it keeps its name."""
ABLATION_NOTE = (
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


def ablation_cells(cell: ScoredCell | None, statistics: StatisticsResults) -> dict[str, Cell]:
    """One cell a probe for a cell of ``scores.json``; ``statistics`` is the content of ``statistics.json``."""
    if cell is None or not cell.is_finished:
        return dict.fromkeys(PROBES, missing(cell))
    reads = cell.reads_pictures
    absent = State("–", "this view was not predicted" if reads else "reads no picture")
    views = statistics.datasets[cell.dataset].views_of(cell.system)
    return {
        view: estimate(views[view], f"paired by run and sentence, {views[view].source}", signed=True)
        if view in views
        else absent
        for view in PROBES
    }


def gain_over_text(cell: ScoredCell, text_only: str, statistics: StatisticsResults) -> Cell:
    """F1 of a multimodal cell minus that of a text-only system, with its interval."""
    pair = statistics.datasets[cell.dataset].pair(cell.system, text_only)
    if pair is None:
        return State("–", "no text-only system to compare with")
    if isinstance(pair, UntestedPair):
        return State("not known", pair.state)
    return estimate(pair, f"paired by sentence, {pair.source}", signed=True)


def has_number(cells: Iterable[Cell]) -> bool:
    """Whether any of the cells holds a number of ours."""
    return any(isinstance(cell, Cited | Measured) for cell in cells)
