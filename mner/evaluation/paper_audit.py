"""Arithmetic of printed tables: does F1 = 2PR / (P + R) hold, and if not, would means over batches explain it?

F1 is a concave function of (P, R), so the mean of several F1s never exceeds the F1 of the mean P and mean R.
A printed F1 below 2PR / (P + R) by more than rounding therefore suggests that the row is a mean (over seeds, or
over batches as R-GCN's ``test.py`` computes it); one above it cannot be explained in that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

Finding = Literal["consistent", "below", "above"]
PrintedRow = tuple[str, str, float, float, float]
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class RowAudit:
    """One printed row (all in percent).

    ``harmonic`` is 2PR / (P + R) of the printed P and R, ``gap`` F1 minus that; ``lowest`` and ``highest`` bound
    the gap that rounding of the three numbers alone allows. ``predicted`` is the gap that averaging is expected
    to leave on this data set, None if the caller gave none.
    """

    name: str
    dataset: str
    precision: float
    recall: float
    f1: float
    harmonic: float
    gap: float
    lowest: float
    highest: float
    finding: Finding
    predicted: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """Signs of the gaps of several rows, and the two-sided sign test that they are mere rounding.

    One row within rounding proves nothing; ten rows that all fall short do. Rows share neither runs nor
    rounding, but one system's rows may share a procedure, which is what the test asks about.
    """

    rows: int
    negative: int
    positive: int
    mean_gap: float
    p_value: float


def audit_rows(
    rows: Iterable[PrintedRow], predicted: Mapping[str, float] | None = None, digits: int = 2
) -> list[RowAudit]:
    """Check printed rows (name, data set, P, R, F1 in percent, printed with ``digits`` decimals).

    ``predicted`` maps a data set to the gap that averaging would leave, see :func:`averaging_gap`.

    Raises:
        ValueError: a number is not in [0, 100].
    """
    return [_audit(row, predicted or {}, digits) for row in rows]


def averaging_gap(batches: Float[np.ndarray, "batches 3"]) -> float:
    """Mean F1 minus the F1 of mean P and mean R, never above 0; rows of ``batches`` are (P, R, F1).

    Feed it ``lenses.score_piece_batches(...).scores[:, 0]`` of real predictions to learn what R-GCN's averaging
    does at that accuracy. The unit is the input's.
    """
    precision, recall, f1 = (float(value) for value in np.asarray(batches).mean(axis=0))
    return f1 - _harmonic(precision, recall)


def expected_averaging_gap(
    precision: float, recall: float, precision_deviation: float, recall_deviation: float, correlation: float
) -> float:
    """The same from the spread of P and R over batches (or seeds), to second order; same unit throughout.

    With H = 2PR / (P + R): E[H] - H is about -2 Var(R P' - P R') / (P + R)^3.
    """
    covariance = correlation * precision_deviation * recall_deviation
    variance = (
        recall**2 * precision_deviation**2
        + precision**2 * recall_deviation**2
        - 2 * precision * recall * covariance
    )
    return -2 * variance / (precision + recall) ** 3


def trend(audits: Sequence[RowAudit]) -> Trend:
    """Sign test over rows, say all rows of one system; gaps of exactly 0 are left out of the test."""
    gaps = [audit.gap for audit in audits]
    negative, positive = sum(gap < -_SLACK for gap in gaps), sum(gap > _SLACK for gap in gaps)
    p_value = float(stats.binomtest(negative, negative + positive).pvalue) if negative + positive else 1.0
    return Trend(len(gaps), negative, positive, float(np.mean(gaps)) if gaps else 0.0, p_value)


def _audit(row: PrintedRow, predicted: Mapping[str, float], digits: int) -> RowAudit:
    name, dataset, precision, recall, f1 = row
    for symbol, value in (("P", precision), ("R", recall), ("F1", f1)):
        if not 0 <= value <= 100:
            raise ValueError(f"{name}, {dataset}: {symbol} = {value}, expected a percentage")
    half = 0.5 * 10.0**-digits
    harmonic = _harmonic(precision, recall)
    # F1 grows with P and with R, so the corners of the rounding box bound it
    lowest = _harmonic(max(precision - half, 0.0), max(recall - half, 0.0)) - half - harmonic
    highest = _harmonic(precision + half, recall + half) + half - harmonic
    gap = f1 - harmonic
    finding: Finding = "consistent"
    if gap < lowest - _SLACK:
        finding = "below"
    elif gap > highest + _SLACK:
        finding = "above"
    return RowAudit(
        name, dataset, precision, recall, f1, harmonic, gap, lowest, highest, finding, predicted.get(dataset)
    )


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
