"""Which runs of the active profile are finished, missing or set aside, and what the missing ones cost.

A run that failed because memory or disk was full is not set aside: its note says what happened, and the next sweep
tries it again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from tqdm import tqdm

from mner.base.files import write_json_atomically
from mner.base.terminal import aligned, wrapped
from mner.config import Config
from mner.config.names import require
from mner.config.schema import EncoderSource
from mner.models.encoder_checks import check_encoder
from mner.models.encoders import EncoderError
from mner.models.system import check_options, load_system
from mner.sweeping.run_costs import NO_ROOM_NEEDED, Cost, Room, cost_of, past_records, room_of
from mner.tracking.identity import UnknownIdentityError, identity_of
from mner.tracking.run_environment import now
from mner.tracking.run_places import RUNS, run_folder
from mner.training.experiment import Cell
from mner.training.runs import FAILURE, missing_seeds

FORMAT = 1


class QuarantineError(ValueError):
    """A note of a failed run that cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the run of ``key`` failed: the error in one line, the traceback, and after how many tries.

    ``transient``: memory or disk was full, so the next sweep tries it again.
    """

    key: str
    error: str
    traceback: str
    tries: int
    failed_at: str
    transient: bool = False

    @classmethod
    def of(cls, key: str, traceback: str, tries: int, transient: bool = False) -> Failure:
        """A failure of this moment; its one line is the last of the traceback."""
        lines = [line for line in traceback.splitlines() if line.strip()]
        return cls(key, lines[-1] if lines else "no reason given", traceback, tries, now(), transient)

    def write(self, folder: Path) -> None:
        """Put the note into the run's folder, beside whatever is there."""
        write_json_atomically(folder / FAILURE, {"format": FORMAT, **asdict(self)})


def failure_of(folder: Path, key: str) -> Failure | None:
    """The failure of this very run; None if there is none, or if it was another run's (other code, other data).

    Raises:
        QuarantineError: the note cannot be read.
    """
    path = folder / FAILURE
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if row.pop("format") != FORMAT:
            raise ValueError("unknown format")
        failure = Failure(**row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise QuarantineError(f"{path} is no note of a failed run ({error}); delete it") from error
    return failure if failure.key == key else None


PAST = (Path(RUNS), Path("reports/results"))
HEADER = ("data set", "system", "finished", "missing", "failed", "time/run", "GiB/run", "Wh/run", "note")
_UNITS = ((3600.0, "h"), (60.0, "min"))


class AbsentHereError(RuntimeError):
    """Runs that this machine cannot train, for want of an encoder or of word vectors; the message says which."""


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """One run to train; ``key`` is what it must come out as, so that inputs cannot change under it unseen."""

    dataset: str
    system: str
    seed: int
    key: str

    @property
    def cell(self) -> tuple[str, str]:
        return self.dataset, self.system

    def __str__(self) -> str:
        return f"{self.dataset} x {self.system} seed {self.seed}"


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell: how many runs it has, those still to train, those set aside after a failure, what one will cost.

    ``missing`` is None where the cell's inputs are not built yet. What this machine ``lacks`` (an encoder, word
    vectors) keeps them from being trained here. ``cost`` is None where no record tells it. ``room`` is what a run
    takes of the disk.
    """

    dataset: str
    system: str
    seeds: int
    missing: tuple[Job, ...] | None
    failed: tuple[tuple[Job, Failure], ...]
    cost: Cost | None
    skipped: str | None
    lacks: str | None = None
    room: Room = NO_ROOM_NEEDED

    @property
    def to_train(self) -> int:
        return self.seeds if self.missing is None else len(self.missing)


def plan_of(
    config: Config, root: Path, device: str, datasets: Sequence[str] = (), systems: Sequence[str] = ()
) -> list[PlannedCell]:
    """All cells of the active profile, in its order, or those of the data sets and systems named.

    ``device`` is where the runs would be trained, in the words of ``training.meters.describe_device``.

    Raises:
        ConfigError: a data set or system that the profile does not have.
        ContractError: options that a system does not take.
    """
    require(config, datasets, systems)
    cells = [
        Cell(config, dataset, system, root)
        for dataset, system in config.active.cells
        if (not datasets or dataset in datasets) and (not systems or system in systems)
    ]
    for cell in cells:
        check_options(load_system(cell.config.systems[cell.system].file), cell.system, cell.options)
    past = past_records(root / folder for folder in PAST)
    label = f"checking what {len(cells)} cells read"
    with tqdm(cells, desc=label, unit="cell", leave=False, delay=2.0, disable=None) as bar:
        return [_planned(cell, cost_of(cell, past, device)) for cell in bar]


def _planned(cell: Cell, cost: Cost | None) -> PlannedCell:
    place = cell.dataset, cell.system, len(cell.config.active.seeds)
    try:
        missing, failed = _open_runs(cell)
    except UnknownIdentityError as error:
        if error.not_built is not None:
            return PlannedCell(*place, None, (), cost, cell.skip_reason())
        unknown = tuple(Job(cell.dataset, cell.system, seed, "") for seed in cell.config.active.seeds)
        return PlannedCell(*place, unknown, (), cost, cell.skip_reason(), str(error))
    lacks = (
        _unusable(cell.encoder, cell.recipe.frozen_layers)
        if (missing or failed) and not cell.skip_reason()
        else None
    )
    room = room_of(cell) if (missing or failed) and not lacks and not cell.skip_reason() else NO_ROOM_NEEDED
    return PlannedCell(*place, missing, failed, cost, cell.skip_reason(), lacks, room)


@cache
def _unusable(encoder: EncoderSource, frozen_layers: int) -> str | None:
    """Say why an encoder cannot be used, or None; ask the hub once for one that no package holds."""
    try:
        check_encoder(encoder, frozen_layers)
    except EncoderError as error:
        return str(error)
    return None


def room_needed(plan: Sequence[PlannedCell], at_once: int) -> int:
    """Bytes that the missing and the failed runs of a plan take on the disk, ``at_once`` of them in training."""
    kept = sum(cell.room.kept * (len(cell.missing or ()) + len(cell.failed)) for cell in plan)
    runs = sum(len(cell.missing or ()) + len(cell.failed) for cell in plan)
    return kept + max((cell.room.scratch for cell in plan), default=0) * min(at_once, runs)


def outdated_runs(config: Config, root: Path) -> list[str]:
    """Records of the active profile that other parameters, versions or data made than stand here now.

    Cells whose inputs are not built, or whose encoder or word vectors are not installed, are left out: what their
    runs would be is not known.
    """
    cells = [Cell(config, dataset, system, root) for dataset, system in config.active.cells]
    return [
        str(cell.run_folder(seed) / "record.json")
        for cell in cells
        if cell.runs.is_dir()
        for seed in _missing_if_known(cell)
        if (cell.run_folder(seed) / "record.json").is_file()
    ]


def _missing_if_known(cell: Cell) -> list[int]:
    try:
        return missing_seeds(cell, identity_of(cell))
    except UnknownIdentityError:
        return []


def _open_runs(cell: Cell) -> tuple[tuple[Job, ...], tuple[tuple[Job, Failure], ...]]:
    identity = identity_of(cell)
    jobs = [Job(cell.dataset, cell.system, seed, identity.key(seed)) for seed in missing_seeds(cell, identity)]
    failures = {job: failure_of(cell.run_folder(job.seed), job.key) for job in jobs}
    failed = tuple(
        (job, failure) for job, failure in failures.items() if failure is not None and not failure.transient
    )
    left_out = {job for job, _ in failed}
    return tuple(job for job in jobs if job not in left_out), failed


def render(plan: Sequence[PlannedCell], profile: str) -> str:
    """An aligned table (peak memory and energy of one run), its sums, and the reasons of what failed."""
    lines = [*aligned([HEADER, *map(_row, plan)], numbers=range(2, 8)), "", *_sums(plan)]
    for cell in plan:
        for job, failure in cell.failed:
            note = run_folder(Path(), profile, job.dataset, job.system, job.seed) / FAILURE
            tries = f"{failure.tries} {'try' if failure.tries == 1 else 'tries'}"
            lines.append(f"failed: {job} after {tries}: {failure.error}\n        traceback: {note}")
    if any(cell.failed for cell in plan):
        lines.append(
            "left out until their version, data or options change; to try them anyway: mner sweep --again"
        )
    return "\n".join(lines) + "\n"


def _row(cell: PlannedCell) -> tuple[str, ...]:
    finished = cell.seeds - cell.to_train - len(cell.failed)
    notes = [] if cell.skipped is None else [f"skipped: {cell.skipped}"]
    if cell.missing is None:
        notes.append("inputs not built")
    if cell.lacks:
        notes.append("cannot be trained here")
    seconds = memory = energy = "unknown"
    if cell.skipped:
        seconds = memory = energy = "-"
    elif cell.cost is not None:
        mark = "~" if cell.cost.differs else ""
        seconds, memory = mark + duration(cell.cost.seconds), f"{mark}{cell.cost.memory_gib:.1f}"
        energy = "unknown" if cell.cost.joules is None else f"{mark}{cell.cost.joules / 3600:.1f}"
        if cell.cost.differs:
            notes.append(f"~ from runs that differ in {', '.join(cell.cost.differs)}")
    counts = map(str, (finished, cell.to_train, len(cell.failed)))
    return (cell.dataset, cell.system, *counts, seconds, memory, energy, "; ".join(notes))


def _sums(plan: Sequence[PlannedCell]) -> list[str]:
    lacking = {cell.lacks for cell in plan if cell.lacks}
    real = [cell for cell in plan if not cell.skipped and cell.to_train and not cell.lacks]
    known = [(cell.to_train, cell.cost) for cell in real if cell.cost is not None]
    unknown = sum(cell.to_train for cell in real if cell.cost is None)
    runs = sum(count for count, _ in known) + unknown
    left = [line for one in sorted(lacking) for line in wrapped(f"cannot be trained here: {one}", "", "  ")]
    if not runs:
        return [*left, "nothing to train" + (" here" if left else "")]
    lines = [f"{runs} runs to train"]
    if known:
        joules = [count * cost.joules for count, cost in known if cost.joules is not None]
        lines[0] += f", one after another about {duration(sum(count * cost.seconds for count, cost in known))}"
        lines[0] += f", at most {max(cost.memory_gib for _, cost in known):.1f} GiB at once"
        if len(joules) == len(known):  # a sum over some of them would pass for that of all
            lines[0] += f", {sum(joules) / 3600:.0f} Wh"
    if room := room_needed(real, 1):
        lines.append(f"about {room / 1e9:.2f} GB of disk for one run at a time")
    if unknown:
        lines.append(f"{unknown} of them not counted in: no run with this encoder was timed on this hardware")
    if any(cost.differs for _, cost in known):
        lines.append("~ is scaled from runs that differ as noted, by the sentences they read")
    return [*lines, *left]


def duration(seconds: float) -> str:
    """A duration for people: ``42 s``, ``3.5 min``, ``1.2 h``."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
