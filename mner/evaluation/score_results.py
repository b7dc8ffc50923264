"""Scores of runs and of cells as frozen dataclasses: what ``scores.json`` holds.

Some fields have another name in the file, which keeps the names it was first written with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

OWN = "test.own"
"""Test sentences, each with its own picture."""


@dataclass(frozen=True, slots=True)
class TypeScores:
    """Scores of one entity type in percent; None where undefined (no such entity in gold or predictions)."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Micro-averaged scores of one split in percent, and what they were counted over.

    ``support`` is the number of gold entities, ``mode`` names the scorer.
    """

    precision: float
    recall: float
    f1: float
    support: int
    types: Mapping[str, TypeScores]
    sentences: int
    words: int
    mode: str


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run with its scores by view; it repeats the fields of its record that tables show.

    ``record`` is the path of the record, relative to the folder that holds ``runs/``. ``machine`` is empty where
    the record does not name one, ``loaded`` where it does not say what was loaded. ``origin`` is set where the run
    was unpacked from an archive and not audited since. ``inputs`` are in the record only.
    """

    key: str
    profile: str
    dataset: str
    system: str
    seed: int
    status: str
    reason: str | None
    versions: Mapping[str, int]
    recipe: Mapping[str, Any]
    options: Mapping[str, Any]
    encoder: Mapping[str, Any]
    dataset_version: str = field(metadata={"key": "data_copy"})
    visual_input: str
    dev_f1: tuple[float, ...]
    best_epoch: int | None
    predictions: Mapping[str, str]
    throughput: Mapping[str, Any] | None
    duration_seconds: float
    git: Mapping[str, Any]
    finished_at: str
    command: str
    precision: str | None
    software: str
    record: str
    record_sha256: str
    views: Mapping[str, Scores]
    machine: str = ""
    origin: str = ""
    loaded: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether the run has predictions and so has scores."""
        return self.status == "finished"

    @property
    def left_out(self) -> frozenset[str]:
        """Keys that the file does not hold for this run."""
        empty = {name for name in ("machine", "origin", "loaded") if not getattr(self, name)}
        return frozenset(empty | {"inputs"})


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and s.d. (n - 1) over runs; ``sd`` is None for one run.

    ``values`` has one value a run, in the order of ``seeds``, ``records`` and ``keys``.
    """

    mean: float
    sd: float | None
    n: int
    values: tuple[float, ...]
    seeds: tuple[int, ...]
    records: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ViewSummary:
    """Scores of one view over all runs of a cell; None where a run leaves a value undefined."""

    precision: Summary | None
    recall: Summary | None
    f1: Summary | None
    types: Mapping[str, Summary | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """What read the words: an encoder, or word vectors (which have no hash)."""

    name: str
    source: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What all runs of a cell loaded and read; empty where not every record says it.

    ``weights_sha256`` are the distinct hashes of the encoder's weights, ``regions_sha256`` those of what made the
    regions. ``pictures_read`` is by split the smallest share of valid pictures that a run read.
    """

    weights_sha256: tuple[str, ...] = ()
    regions_sha256: tuple[str, ...] = ()
    pictures_read: Mapping[str, float] = field(default_factory=dict)

    @property
    def left_out(self) -> frozenset[str]:
        """Keys that the file does not hold for this cell."""
        return frozenset(field.name for field in fields(self) if not getattr(self, field.name))


CONDITIONS = (
    *("encoder", "data_copy", "visual_input", "recipe", "options", "precision"),
    *("software", "throughput"),
)
"""Keys that the file holds for finished cells only; each of these must have them."""


@dataclass(frozen=True, slots=True)
class ScoredCell:
    """All runs of one system on one data set, averaged over seeds.

    ``state`` is ``finished``, ``skipped`` (``reason`` says why) or ``not-run``. ``image_sensitivity`` is by
    ablated view the F1 with the own picture minus that of the view, paired within each run. The fields from
    ``encoder`` on say how the runs were made and mean nothing for a cell that is not finished. ``throughput`` is
    by device and measure.
    """

    dataset: str
    system: str
    state: str
    reason: str | None = None
    views: Mapping[str, ViewSummary] = field(default_factory=dict)
    image_sensitivity: Mapping[str, Summary | None] = field(default_factory=dict, metadata={"key": "reliance"})
    missing_seeds: tuple[int, ...] = ()
    encoder: TextEncoder | None = None
    dataset_version: str = field(default="", metadata={"key": "data_copy"})
    visual_input: str = "none"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    precision: str | None = None
    software: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    loaded: Loaded = Loaded()
    throughput: Mapping[str, Mapping[str, Summary | None]] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """Data set and system."""
        return self.dataset, self.system

    @property
    def is_finished(self) -> bool:
        """Whether the cell has numbers."""
        return self.state == "finished"

    @property
    def reads_pictures(self) -> bool:
        """Whether the system has a visual input."""
        return self.visual_input != "none"

    @property
    def own_f1(self) -> Summary:
        """Test F1 with the tweets' own pictures; the cell must be finished."""
        found = self.views[OWN].f1
        if found is None:
            raise ValueError(f"{self.dataset} x {self.system}: F1 on test is not defined for every run")
        return found

    @property
    def encoder_name(self) -> str:
        """What read the words, by name; ``none`` where the system's own layers did."""
        return "none" if self.encoder is None else self.encoder.name

    @property
    def left_out(self) -> frozenset[str]:
        """Keys that the file does not hold for this cell."""
        empty = {name for name in ("machines", "loaded") if not self.is_finished or not _says(getattr(self, name))}
        return frozenset(empty if self.is_finished else {*empty, *CONDITIONS})

    @property
    def required(self) -> frozenset[str]:
        """Keys that the file must hold for this cell."""
        return frozenset(("views", "reliance", "missing_seeds", *CONDITIONS) if self.is_finished else ())


def _says(value: Any) -> bool:
    return bool(value) and value != Loaded()


@dataclass(frozen=True, slots=True)
class ScoreResults:
    """Content of ``results/<profile>/scores.json``.

    ``outside`` names runs that were found but that the profile does not list. ``inputs`` are hashes of the files
    that scoring read, None in results from before they were kept.
    """

    profile: str
    mode: str
    datasets: tuple[str, ...]
    systems: tuple[str, ...]
    seeds: tuple[int, ...]
    runs: tuple[ScoredRun, ...]
    cells: tuple[ScoredCell, ...]
    outside: tuple[str, ...] = ()
    inputs: Mapping[str, str] | None = None
    format: int = 1

    @property
    def left_out(self) -> frozenset[str]:
        """Keys that the file does not hold."""
        return frozenset(("inputs",) if self.inputs is None else ())

    @property
    def cells_by_place(self) -> dict[tuple[str, str], ScoredCell]:
        """All cells by data set and system."""
        return {cell.place: cell for cell in self.cells}

    @property
    def finished_cells(self) -> dict[tuple[str, str], ScoredCell]:
        """Those that have numbers."""
        return {cell.place: cell for cell in self.cells if cell.is_finished}

    def runs_of(self, dataset: str, system: str) -> tuple[ScoredRun, ...]:
        """The runs of one cell."""
        return tuple(run for run in self.runs if (run.dataset, run.system) == (dataset, system))
