"""Arithmetic of printed tables: does F1 = 2PR / (P + R) hold, and if not, would means over batches explain it?

F1 is a concave function of (P, R), so the mean of several F1s never exceeds the F1 of the mean P and mean R.
A printed F1 below 2PR / (P + R) by more than rounding therefore suggests that the row is a mean (over seeds, or
over batches as R-GCN's ``test.py`` computes it); one above it cannot be explained in that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mner.evaluation.distributions import sign_test

Finding = Literal["consistent", "below", "above"]
PrintedRow = tuple[str, str, float, float, float]
_HALF = 0.005  # of the last printed digit: what rounding may have moved
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class RowAudit:
    """One printed row (all in percent).

    ``harmonic`` is 2PR / (P + R) of the printed P and R, ``gap`` F1 minus that; ``lowest`` and ``highest`` bound
    the gap that rounding of the three numbers alone allows.
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


def audit_rows(rows: Iterable[PrintedRow]) -> list[RowAudit]:
    """Check printed rows (name, data set, P, R, F1 in percent, printed with two decimals).

    Raises:
        ValueError: a number is not in [0, 100].
    """
    return [_audit(row) for row in rows]


def gap_of(precision: float, recall: float, f1: float) -> float:
    """F1 minus 2PR / (P + R), in the unit of the three; never above 0 where they are means of P, R and F1."""
    return f1 - _harmonic(precision, recall)


def trend(audits: Sequence[RowAudit]) -> Trend:
    """Sign test over rows, say all rows of one system; gaps of exactly 0 are left out of the test."""
    gaps = [audit.gap for audit in audits]
    negative, positive = sum(gap < -_SLACK for gap in gaps), sum(gap > _SLACK for gap in gaps)
    p_value = sign_test(negative, positive)
    return Trend(len(gaps), negative, positive, float(np.mean(gaps)) if gaps else 0.0, p_value)


def _audit(row: PrintedRow) -> RowAudit:
    name, dataset, precision, recall, f1 = row
    for symbol, value in (("P", precision), ("R", recall), ("F1", f1)):
        if not 0 <= value <= 100:
            raise ValueError(f"{name}, {dataset}: {symbol} = {value}, expected a percentage")
    harmonic = _harmonic(precision, recall)
    # F1 grows with P and with R, so the corners of the rounding box bound it
    lowest = _harmonic(max(precision - _HALF, 0.0), max(recall - _HALF, 0.0)) - _HALF - harmonic
    highest = _harmonic(precision + _HALF, recall + _HALF) + _HALF - harmonic
    gap = gap_of(precision, recall, f1)
    finding: Finding = "consistent"
    if gap < lowest - _SLACK:
        finding = "below"
    elif gap > highest + _SLACK:
        finding = "above"
    return RowAudit(name, dataset, precision, recall, f1, harmonic, gap, lowest, highest, finding)


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
