"""Which runs of the active profile are finished and which are missing, without training anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mner.config import Config
from mner.tracking.record import Record, RecordError
from mner.training.cell import Cell
from mner.training.runs import inputs_of, missing_seeds


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell: seeds still to train (None: its inputs are not built yet) and mean seconds of a finished run."""

    dataset: str
    system: str
    seeds: int
    missing: tuple[int, ...] | None
    seconds: float | None
    skipped: str | None


def plan_of(config: Config, root: Path) -> list[PlannedCell]:
    """All cells of the active profile, in its order."""
    return [
        _plan(Cell(config, dataset, system, root))
        for dataset in config.active.datasets
        for system in config.active.systems
    ]


def _plan(cell: Cell) -> PlannedCell:
    built = all((cell.root / path).is_file() for path in cell.input_files())
    missing = tuple(missing_seeds(cell, inputs_of(cell))) if built else None
    seconds = [record.duration_seconds for record in _records(cell) if record.status == "finished"]
    return PlannedCell(
        cell.dataset,
        cell.system,
        len(cell.config.active.seeds),
        missing,
        sum(seconds) / len(seconds) if seconds else None,
        cell.skip_reason(),
    )


def _records(cell: Cell) -> list[Record]:
    records = []
    for path in sorted(cell.runs.glob("*/record.json")):
        try:
            records.append(Record.read(path))
        except RecordError:
            continue
    return records


def render(plan: list[PlannedCell]) -> str:
    """An aligned table, and one line with the sum."""
    lines = [f"{'data set':<20} {'system':<16} {'finished':>8} {'missing':>8} {'s a run':>8}  note"]
    total, unknown = 0.0, 0
    for cell in plan:
        missing = cell.seeds if cell.missing is None else len(cell.missing)
        seconds = "-" if cell.seconds is None else f"{cell.seconds:.0f}"
        note = f"skipped: {cell.skipped}" if cell.skipped else ("inputs not built" if cell.missing is None else "")
        lines.append(
            f"{cell.dataset:<20} {cell.system:<16} {cell.seeds - missing:>8} {missing:>8} {seconds:>8}  {note}"
        )
        if not cell.skipped:
            total += missing * (cell.seconds or 0.0)
            unknown += missing if cell.seconds is None else 0
    lines.append(
        f"about {total / 60:.0f} min to train what was timed before; {unknown} runs were never timed here"
    )
    return "\n".join(lines) + "\n"
