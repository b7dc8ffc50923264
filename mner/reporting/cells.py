"""What may stand in a table: a printed number with its paper, our number with its records, or a state in words.

There is no cell that holds a bare number. Ours enters as :class:`Cited` (a mean over runs) or :class:`Measured`
(any other statistic of runs) only, and neither can be made without records.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from mner.evaluation.paper import Figure
from mner.evaluation.score_results import ScoredCell, Summary
from mner.evaluation.statistics import LEVEL, Uncertainty
from mner.evaluation.statistics_results import TestedPair, ViewSensitivity

SURE = f"{100 * LEVEL:.0f} %"  # of every interval of ours
HYPHEN_BEFORE_NUMBER = re.compile(r"(?<![\w.)/@-])-(?=\d)")


class CitationError(ValueError):
    """A number on its way to a table without the record that proves it."""


@dataclass(frozen=True, slots=True)
class Cited:
    """A mean over runs with the records behind it; ``sd`` is the s.d. (n-1) over seeds, None for one seed.

    ``records`` are repository-relative paths of ``record.json`` files, ``values`` the value of each (same order).
    ``unit`` is printed after the number where it is not F1 points; ``mark`` names a footnote (a device). ``shown``
    is printed in place of the value where a row of numbers must add up as printed; it may differ by rounding only.

    Raises:
        CitationError: no record, an empty record path, not exactly one value a record, or ``shown`` off the value.
    """

    value: float
    records: tuple[str, ...]
    values: tuple[float, ...]
    sd: float | None = None
    digits: int = 2
    signed: bool = False
    unit: str = ""
    mark: str = ""
    shown: float | None = None

    def __post_init__(self) -> None:
        _require_records(self.value, self.records)
        if len(self.values) != len(self.records):
            raise CitationError(f"{self.value!r}: {len(self.values)} values but {len(self.records)} records")
        numbers = (self.value, *self.values)
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in numbers):
            raise CitationError(
                f"{self.value!r} of {self.records[0]} is not a finite number; 'not run' is a state"
            )
        if abs(self.value - math.fsum(self.values) / len(self.values)) > 1e-6 * max(1.0, abs(self.value)):
            raise CitationError(f"{self.value!r} is not the mean of what {self.records[0]} and its siblings hold")
        _require_rounding(self.value, self.shown, self.digits)

    @property
    def runs(self) -> int:
        """Number of runs (seeds) behind the mean."""
        return len(self.records)

    @property
    def number(self) -> str:
        """The mean alone, as printed."""
        return _number(self.value if self.shown is None else self.shown, self.digits, self.signed)

    @property
    def spread(self) -> str:
        """The s.d. as printed after the ±; empty for one seed."""
        return "" if self.sd is None else f"{self.sd:.{self.digits}f}"

    def plain(self) -> str:
        """Mean, ± s.d. and unit as text."""
        spread = f" ± {self.spread}" if self.spread else ""
        return f"{self.number}{spread}{' ' + self.unit if self.unit else ''}{self.mark}"


@dataclass(frozen=True, slots=True)
class Measured:
    """A statistic of runs that is no mean over them: a p-value, a count, an estimate with its interval.

    ``method`` says in words how it came from the runs; ``low`` and ``high`` are the ends of its interval;
    ``error`` is printed after a ± in place of an interval, and ``method`` says of what it is the error; ``shown``
    and ``mark`` are as in :class:`Cited`; a value below ``least`` (a p-value) is printed as being below it.

    Raises:
        CitationError: no record, no method, a number that is not finite, half an interval, or a wrong ``shown``.
    """

    value: float
    records: tuple[str, ...]
    method: str
    low: float | None = None
    high: float | None = None
    digits: int = 2
    signed: bool = False
    unit: str = ""
    shown: float | None = None
    least: float | None = None
    error: float | None = None
    mark: str = ""

    def __post_init__(self) -> None:
        _require_records(self.value, self.records)
        _require_rounding(self.value, self.shown, self.digits)
        if not self.method:
            raise CitationError(f"{self.value!r} does not say how it came from {self.records[0]}")
        if (self.low is None) != (self.high is None):
            raise CitationError(f"{self.value!r} of {self.records[0]} has half an interval")
        if self.error is not None and self.low is not None:
            raise CitationError(
                f"{self.value!r} of {self.records[0]} has an interval and a ±; one of them is enough"
            )
        numbers = [number for number in (self.value, self.low, self.high, self.error) if number is not None]
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in numbers):
            raise CitationError(f"{self.value!r} of {self.records[0]} is not finite; say why in a state instead")

    @property
    def number(self) -> str:
        """The number alone, as printed."""
        if self.least is not None and self.value < self.least:
            return f"<{self.least:g}"
        return _number(self.value if self.shown is None else self.shown, self.digits, self.signed)

    @property
    def spread(self) -> str:
        """The interval, or the ± with its sign, as printed; empty where there is neither."""
        if self.error is not None:
            return f"± {self.error:.{self.digits}f}"
        if self.low is None or self.high is None:
            return ""
        return f"[{', '.join(_number(end, self.digits, self.signed) for end in (self.low, self.high))}]"

    def plain(self) -> str:
        """Number, interval or ±, and unit as text."""
        return " ".join(part for part in (self.number, self.spread, self.unit) if part) + self.mark


def _require_records(value: float, records: tuple[str, ...]) -> None:
    if not records or not all(isinstance(r, str) and r.endswith("record.json") for r in records):
        raise CitationError(f"{value!r} has no record; a number is printed with its record or not at all")


def _require_rounding(value: float, shown: float | None, digits: int) -> None:
    if shown is not None and not abs(shown - value) <= 1.01 * 10.0**-digits:
        raise CitationError(f"{shown!r} is more than rounding away from {value!r}")


def _number(value: float, digits: int, signed: bool) -> str:
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    if float(text) == 0 and text.startswith("-"):
        return text.replace("-", "+" if signed else "", 1)
    return with_minus(text)


def with_minus(text: str) -> str:
    """The same text with a minus sign, not a hyphen, before every negative number in it."""
    return HYPHEN_BEFORE_NUMBER.sub("−", text)


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as a paper prints it, or computed from such numbers alone; ``source`` says where it stands."""

    figure: Figure
    source: str
    digits: int = 2
    signed: bool = False

    @property
    def number(self) -> str:
        return _number(self.figure.value, self.digits, self.signed)

    @property
    def spread(self) -> str:
        return "" if self.figure.spread is None else f"{self.figure.spread:.2f}"

    def plain(self) -> str:
        """Number, ± and mark as text."""
        return f"{self.number}{' ± ' + self.spread if self.spread else ''}{self.figure.mark}"


@dataclass(frozen=True, slots=True)
class State:
    """Words where no number is: ``not run``, ``skipped``, ``–``. Digits are refused, so it carries no number."""

    text: str
    why: str = ""

    def __post_init__(self) -> None:
        if any(character.isdigit() for character in self.text):
            raise CitationError(f"{self.text!r} is a number in the guise of a state; cite it instead")

    def plain(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Words:
    """A label: a row name, a verdict, a list of seeds. Refused in columns that hold numbers.

    ``link`` is where the label leads, relative to the rendered folder.
    """

    text: str
    why: str = ""
    link: str = ""

    def plain(self) -> str:
        return self.text


Cell = Cited | Measured | Printed | State | Words

NOT_RUN = State("not run", "no finished run in this profile")
NOT_PRINTED = State("–", "the paper prints no number")
UNDEFINED = State("n/a", "undefined for at least one run")


def cited(summary: Summary | None, **style: Any) -> Cited | State:
    """The cell for a summary of ``scores.json``; ``n/a`` where the value is undefined."""
    if summary is None:
        return UNDEFINED
    return Cited(summary.mean, summary.records, summary.values, summary.sd, **style)


def estimate(found: TestedPair | ViewSensitivity, method: str, **style: Any) -> Measured:
    """The cell for a tested difference with its interval."""
    return Measured(found.difference, found.records, method, found.low, found.high, **style)


def interval_of(found: Uncertainty, records: tuple[str, ...], method: str) -> Measured:
    """The cell for an estimate with its interval."""
    return Measured(found.estimate, records, method, found.low, found.high)


def missing(cell: ScoredCell | None) -> State:
    """The state to print for a cell of ``scores.json`` without numbers."""
    if cell is None or cell.state == "not-run":
        return NOT_RUN
    return State("skipped", cell.reason or "")
