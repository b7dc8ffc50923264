"""Uncertainty of cells, comparisons of systems and image sensitivity: what ``statistics.json`` holds.

F1 is in percent, differences are in F1 points. One field has another name in the file, which keeps the names it
was first written with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mner.evaluation.significance import Comparison
from mner.evaluation.statistics import Uncertainty


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A statistic that cannot be had; ``state`` says why."""

    state: str


@dataclass(frozen=True, slots=True)
class CellUncertainty:
    """How sure the F1 of a cell is, by source: seeds (test set fixed), sample (runs fixed), and both."""

    system: str
    records: tuple[str, ...]
    seeds: Uncertainty | NotKnown
    sample: Uncertainty
    both: Uncertainty | NotKnown

    @property
    def best_known(self) -> Uncertainty:
        """Both sources together, or the sample alone where the cell has one run."""
        return self.sample if isinstance(self.both, NotKnown) else self.both


@dataclass(frozen=True, slots=True)
class RunsNeeded:
    """Runs a side that a test would need, were difference and spread (``deviation`` of one run) as observed."""

    runs: int
    deviation: float


@dataclass(frozen=True, slots=True)
class NoneSuffices:
    """No number of runs would do; ``state`` says why."""

    runs: None
    state: str
    deviation: float


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest difference in F1 points that ``runs`` runs a side would find."""

    points: float
    runs: int


@dataclass(frozen=True, slots=True)
class TestedPair(Comparison):
    """System ``a`` minus system ``b``; ``holm`` is p adjusted for all pairs of the data set."""

    a: str
    b: str
    records: tuple[str, ...]
    run_superiority: Uncertainty
    seeds_needed: RunsNeeded | NoneSuffices | NotKnown
    detectable: Detectable | NotKnown
    holm: float

    @property
    def turned(self) -> TestedPair:
        """The same comparison as ``b`` minus ``a``."""
        ahead = self.run_superiority
        turned = replace(ahead, estimate=1 - ahead.estimate, low=1 - ahead.high, high=1 - ahead.low)
        swapped = replace(self, a=self.b, b=self.a, run_superiority=turned)
        return replace(swapped, difference=-self.difference, low=-self.high, high=-self.low)


@dataclass(frozen=True, slots=True)
class UntestedPair:
    """Two systems that cannot be compared; ``state`` says why."""

    a: str
    b: str
    records: tuple[str, ...]
    state: str
    holm: None = None

    @property
    def turned(self) -> UntestedPair:
        """The same with the systems named the other way round."""
        return replace(self, a=self.b, b=self.a)


Pair = TestedPair | UntestedPair


@dataclass(frozen=True, slots=True)
class ViewSensitivity(Comparison):
    """F1 with the own picture minus that of an ablated view; ``values`` has one difference a run."""

    records: tuple[str, ...]
    values: tuple[float, ...]
    holm: float


@dataclass(frozen=True, slots=True)
class ImageSensitivity:
    """Image sensitivity of one system by ablated view."""

    system: str
    views: Mapping[str, ViewSensitivity]


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """All statistics of one data set."""

    cells: tuple[CellUncertainty, ...] = ()
    comparisons: tuple[Pair, ...] = ()
    image_sensitivity: tuple[ImageSensitivity, ...] = field(default=(), metadata={"key": "reliance"})

    def pair(self, a: str, b: str) -> Pair | None:
        """``a`` minus ``b``, None where they were not compared; the file holds each pair in one order only."""
        found = next((pair for pair in self.comparisons if {pair.a, pair.b} == {a, b}), None)
        return found if found is None or found.a == a else found.turned

    def views_of(self, system: str) -> Mapping[str, ViewSensitivity]:
        """Image sensitivity of a system by view; empty where it has no ablated view."""
        return next((entry.views for entry in self.image_sensitivity if entry.system == system), {})


@dataclass(frozen=True, slots=True)
class StatisticsResults:
    """Content of ``results/<profile>/statistics.json``."""

    profile: str
    draws: int
    level: float
    power: float
    datasets: Mapping[str, DatasetStatistics]
    format: int = 2
