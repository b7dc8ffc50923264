"""conlleval and strict IOB2 as seqeval itself computes them, for any types; percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mner.base.seqeval_metrics import seqeval_metrics
from mner.data.label_schemes import SPECIAL

TagRows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall and F1 in percent."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class ScorerResult:
    """Micro-averaged rates under one scorer, and the same by type."""

    overall: Rates
    by_type: Mapping[str, Rates]


def seqeval_conlleval(gold: TagRows, predicted: TagRows) -> ScorerResult:
    """seqeval's default mode, which is conlleval's rule; special tags count as O."""
    score = seqeval_metrics().precision_recall_fscore_support
    rows = _lists(gold), _lists(predicted)
    kinds = _kinds(rows)
    per_type = score(*rows, average=None, zero_division=0)
    overall = score(*rows, average="micro", zero_division=0)
    return ScorerResult(
        _rates(*overall[:3]),
        {kind: _rates(*(values[place] for values in per_type[:3])) for place, kind in enumerate(kinds)},
    )


def seqeval_strict(gold: TagRows, predicted: TagRows) -> ScorerResult:
    """seqeval's strict mode with scheme IOB2: an I- without its B- is nothing; special tags count as O."""
    from seqeval.scheme import IOB2

    rows = _lists(gold), _lists(predicted)
    if not _kinds(rows):
        return ScorerResult(Rates(0.0, 0.0, 0.0), {})
    report = seqeval_metrics().classification_report(
        *rows, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    found = {name: _rates(row["precision"], row["recall"], row["f1-score"]) for name, row in report.items()}
    overall = found.pop("micro avg", Rates(0.0, 0.0, 0.0))
    return ScorerResult(overall, {name: row for name, row in found.items() if not name.endswith(" avg")})


def _lists(rows: TagRows) -> list[list[str]]:
    return [["O" if tag in SPECIAL else tag for tag in row] for row in rows]


def _kinds(rows: tuple[list[list[str]], list[list[str]]]) -> list[str]:
    """Types in the order in which seqeval reports them."""
    return sorted({tag[2:] for side in rows for row in side for tag in row if tag != "O"})


def _rates(precision: float, recall: float, f1: float) -> Rates:
    return Rates(100 * float(precision), 100 * float(recall), 100 * float(f1))
