"""Runs of a cell: their keys, which are missing, and how one is trained to a finished folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from mner.files import remove_partial_files, sha256_of
from mner.models.encoders import fingerprint_of
from mner.models.word_vectors import vectors_fingerprint
from mner.tracking.fingerprint import code_fingerprint, import_closure, key_of_run
from mner.tracking.record import Record, RecordError
from mner.tracking.run_places import cell_lock_file, run_lock_file
from mner.training.cell import Cell, PreparedCell, prepare
from mner.training.flops import WorkOfCell
from mner.training.heap import keep_freed_memory
from mner.training.locks import presence, run_lock
from mner.training.loop import fit
from mner.training.meters import describe_device, on_shared_device
from mner.training.precision import precision_of
from mner.training.run_folder import write_run, write_skipped
from mner.training.trackers import CellTracker, Told, Tracker

PACKAGES = ("mner", "baselines")
FAILURE = "failure.json"
CORE = Path("mner/training/loop.py"), Path("mner/training/cell.py")
# Measuring and describing a run does not move its result.
NOT_PART_OF_A_RESULT = tuple(
    f"mner/{part}"
    for part in (
        "tracking/",
        "training/meters.py",
        "training/flops.py",
        "config/",
    )
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Hashes of everything a cell's runs read, seeds apart."""

    files: Mapping[str, str]
    code: Mapping[str, str]
    encoder: Mapping[str, str]

    def key(self, cell: Cell, seed: int) -> str:
        """The key of the cell's run with this seed (:func:`mner.tracking.fingerprint.key_of_run`)."""
        return key_of_run(
            dataset=cell.dataset,
            system=cell.system,
            seed=seed,
            files=self.files,
            code=self.code,
            encoder=self.encoder,
            options=cell.options,
            recipe=asdict(cell.recipe),
            visual_input=cell.visual_input(),
        )


def inputs_of(cell: Cell) -> Inputs:
    """Hash data files, the code in the import closure of loop and system, and the encoder's weights."""
    files = {path.as_posix(): sha256_of(cell.root / path) for path in cell.input_files()}
    if words := (cell.options.get("words") or cell.options.get("reader", {}).get("words")):
        files[f"word vectors {words['vectors']}"] = vectors_fingerprint(words["vectors"])
    encoder = {
        "name": cell.encoder.name,
        "source": cell.encoder.describe(),
        "sha256": fingerprint_of(cell.encoder),
    }
    return Inputs(files, code_of(cell.config.systems[cell.system].file, cell.root), encoder)


def code_of(system_file: str, root: Path) -> dict[str, str]:
    """Fingerprints of the code that makes a system's results: what the loop and the system's file import."""
    start = [*CORE, Path(system_file)]
    return code_fingerprint(import_closure(start, PACKAGES, root, NOT_PART_OF_A_RESULT), root)


def is_finished(folder: Path, key: str) -> bool:
    """Whether the folder holds this very run, complete: record, and predictions with the hashes it states."""
    if not (folder / "record.json").is_file():
        return False
    try:
        record = Record.read(folder / "record.json")
    except RecordError:
        return False
    if record.key != key:
        return False
    return all(
        (folder / f"{name}.jsonl").is_file() and sha256_of(folder / f"{name}.jsonl") == digest
        for name, digest in record.predictions.items()
    )


def missing_seeds(cell: Cell, inputs: Inputs) -> list[int]:
    """Seeds of the active profile whose run is not there, or not this one."""
    return [
        seed for seed in cell.config.active.seeds if not is_finished(cell.run_folder(seed), inputs.key(cell, seed))
    ]


def train_cell(
    cell: Cell,
    device: torch.device,
    command: str,
    say: Callable[[str], Any],
    tracker: Tracker,
    only: Sequence[int] | None = None,
) -> list[Record]:
    """Train the missing runs of a cell (of seeds ``only``, where given) one by one; returns the new records.

    A run that another process is training is waited for, and then found done. Runs of seeds the profile does not
    name are left where they are.
    """
    trainer = Trainer(cell, device, command, say)
    seeds = [seed for seed in missing_seeds(cell, trainer.inputs) if only is None or seed in only]
    name = f"{cell.dataset} x {cell.system}"
    if not seeds:
        say(f"{name}: nothing to train, {len(only or cell.config.active.seeds)} runs are finished")
        return []
    say(f"{name}: seeds {', '.join(map(str, seeds))} on {describe_device(device)}")
    with tracker.cell(cell.dataset, cell.system) as tracked:
        records = [trainer.train(seed, tracked, wait=True) for seed in seeds]
    return [record for record in records if record is not None]


class Trainer:
    """Trains runs of one cell, wherever it is called: in the cell's stage, or in a worker of a sweep.

    Hashes the cell's inputs when it is made; reads and prepares its data when the first run is to be trained.
    ``sharing`` is how many runs the device trains at the same time.
    """

    def __init__(
        self, cell: Cell, device: torch.device, command: str, say: Callable[[str], Any], sharing: int = 1
    ) -> None:
        keep_freed_memory()
        torch.set_num_threads(cell.recipe.threads)
        self.cell, self.inputs = cell, inputs_of(cell)
        self._device, self._command, self._say = device, command, say
        self._work, self._sharing = WorkOfCell(), sharing

    @cached_property
    def _prepared(self) -> PreparedCell:
        return prepare(self.cell, self._device)

    def train(self, seed: int, tracked: CellTracker, *, wait: bool) -> Record | None:
        """Train one run to a finished folder; None if it is there by now, made by another process.

        Raises:
            BusyError: another process is training it and we were told not to ``wait``.
            TrainingError: as :func:`mner.training.loop.fit` does.
        """
        cell, folder = self.cell, self.cell.run_folder(seed)
        place = cell.root, cell.config.active.name, cell.dataset, cell.system
        with presence(cell_lock_file(*place), self._tidy), run_lock(run_lock_file(*place, seed), wait=wait):
            if is_finished(folder, self.inputs.key(cell, seed)):
                self._say(f"  seed {seed}: finished by another process")
                return None
            reason = cell.skip_reason()
            if reason is not None:
                self._say(f"  seed {seed}: skipped, {reason}")
                return write_skipped(cell, self.inputs, seed, reason, self._command, tracked)
            record = train_run(
                self._prepared,
                self.inputs,
                seed,
                self._device,
                self._command,
                self._say,
                tracked,
                self._work,
                self._sharing,
            )
            (folder / FAILURE).unlink(missing_ok=True)
            return record

    def _tidy(self) -> None:
        _clear_checkpoints(self.cell, {self.inputs.key(self.cell, seed) for seed in self.cell.config.active.seeds})


def train_run(
    prepared: PreparedCell,
    inputs: Inputs,
    seed: int,
    device: torch.device,
    command: str,
    say: Callable[[str], Any],
    tracked: CellTracker,
    counter: WorkOfCell,
    sharing: int,
) -> Record:
    """Train one run; its record is written last, so a folder with a record is complete."""
    cell, started = prepared.cell, time.perf_counter()
    folder, key = cell.run_folder(seed), inputs.key(cell, seed)
    folder.mkdir(parents=True, exist_ok=True)
    remove_partial_files(folder)
    observer = tracked.seed(
        seed,
        key,
        recipe=asdict(cell.recipe),
        options=cell.options,
        encoder=inputs.encoder,
        data_copy=cell.config.data.copy,
        visual_input=cell.visual_input(),
    )
    scratch = _checkpoints(cell) / f"{key}.pt"
    model = prepared.model(seed, device)
    # Only now: options that no model can be built from must not cost the run that stands here.
    for stale in (folder / "record.json", folder / "weights.safetensors", *folder.glob("*.jsonl")):
        stale.unlink(missing_ok=True)
    outcome = fit(
        model,
        prepared.data,
        cell.recipe,
        seed=seed,
        key=key,
        device=device,
        checkpoint_path=scratch,
        observer=Told(observer, say, cell.recipe.epochs),
        label=f"{cell.dataset} {cell.system} seed {seed}",
    )
    precision = precision_of(cell.recipe, device)
    seconds = outcome.meters.earlier_seconds + time.perf_counter() - started
    measured = outcome.meters.throughput()
    if measured is not None and (
        work := counter.measure(model, prepared.data.splits["train/own"], cell.recipe, device)
    ):
        measured = work.beside(measured)
    if measured is not None and sharing > 1:
        measured = on_shared_device(measured, sharing)
    record = write_run(cell, inputs, seed, outcome, folder, command, seconds, precision, measured)
    scratch.unlink(missing_ok=True)
    best = record.dev_f1[record.best_epoch]
    say(f"  seed {seed}: dev F1 {best:.2f} at epoch {record.best_epoch + 1}, {record.duration_seconds:.0f} s")
    observer.finish(record, folder)
    return record


def _checkpoints(cell: Cell) -> Path:
    return cell.root / ".checkpoints" / cell.config.active.name / f"{cell.dataset}-{cell.system}"


def _clear_checkpoints(cell: Cell, wanted: set[str]) -> None:
    """Delete half-written checkpoints and those of runs that code or data have since made others."""
    remove_partial_files(_checkpoints(cell))
    for path in _checkpoints(cell).glob("*.pt"):
        if path.stem not in wanted:
            path.unlink()
