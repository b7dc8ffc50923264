"""Runs of a cell: their keys, which are missing, and how one is trained to a finished folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from mner.base.files import remove_partial_files
from mner.base.meters import describe_device, on_shared_device
from mner.base.swapped_folder import settle, swapped
from mner.tracking.evidence import EvidenceError, check_evidence
from mner.tracking.identity import CellIdentity, identity_of
from mner.tracking.prepared_inputs import check_inputs
from mner.tracking.record import OutdatedRecordError, Record, RecordError
from mner.tracking.run_places import cell_lock_file, run_lock_file
from mner.training.determinism import keep_freed_memory, precision_of
from mner.training.experiment import Cell, PreparedCell, prepare
from mner.training.flops import WorkOfCell
from mner.training.loop import fit
from mner.training.run_folder import described_encoder, write_run, write_skipped
from mner.training.run_locks import presence, run_lock
from mner.training.trackers import CellTracker, ProgressLogger, Tracker

FAILURE = "failure.json"


def is_finished(folder: Path, key: str) -> bool:
    """Whether the folder holds this very run, complete, and its files are those that its record states.

    Raises:
        OutdatedRecordError: an earlier version of mner wrote the record; it must be moved first, not trained over.
    """
    if not (folder / "record.json").is_file():
        return False
    try:
        return check_evidence(folder).record.key == key
    except OutdatedRecordError:
        raise
    except EvidenceError as error:
        # An impossible meter is no reason to train over a run: scoring reports it.
        return error.field.startswith("throughput") and Record.read(folder / "record.json").key == key
    except RecordError:
        return False


def missing_seeds(cell: Cell, identity: CellIdentity) -> list[int]:
    """Seeds of the active profile whose run is not there, or not this one."""
    return [
        seed for seed in cell.config.active.seeds if not is_finished(cell.run_folder(seed), identity.key(seed))
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
    seeds = [seed for seed in missing_seeds(cell, trainer.identity) if only is None or seed in only]
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
        self.cell, self.identity = cell, identity_of(cell)
        self._device, self._command, self._say = device, command, say
        self._work, self._sharing, self._checked = WorkOfCell(), sharing, False

    @cached_property
    def _prepared(self) -> PreparedCell:
        return prepare(self.cell, self._device)

    def _check_inputs(self) -> None:
        """Compare the inputs with what their stages wrote, once a cell."""
        if not self._checked:
            check_inputs(self.cell.root, self.cell.input_files())
            self._checked = True

    def train(self, seed: int, tracked: CellTracker, *, wait: bool) -> Record | None:
        """Train one run to a finished folder; None if it is there by now, made by another process.

        Raises:
            BusyError: another process is training it and ``wait`` is False.
            ChangedInputError: an input is not what its stage wrote.
            TrainingError: as :func:`mner.training.loop.fit` does.
        """
        cell, folder = self.cell, self.cell.run_folder(seed)
        place = cell.root, cell.config.active.name, cell.dataset, cell.system
        with presence(cell_lock_file(*place), self._tidy), run_lock(run_lock_file(*place, seed), wait=wait):
            settle(folder)
            if is_finished(folder, self.identity.key(seed)):
                self._say(f"  seed {seed}: finished by another process")
                return None
            self._check_inputs()
            reason = cell.skip_reason()
            if reason is not None:
                self._say(f"  seed {seed}: skipped, {reason}")
                return write_skipped(cell, self.identity, seed, reason, self._command, tracked)
            return train_run(
                self._prepared,
                self.identity,
                seed,
                self._device,
                self._command,
                self._say,
                tracked,
                self._work,
                self._sharing,
            )

    def _tidy(self) -> None:
        _clear_checkpoints(self.cell, {self.identity.key(seed) for seed in self.cell.config.active.seeds})


def train_run(
    prepared: PreparedCell,
    identity: CellIdentity,
    seed: int,
    device: torch.device,
    command: str,
    say: Callable[[str], Any],
    tracked: CellTracker,
    counter: WorkOfCell,
    sharing: int,
) -> Record:
    """Train one run. It takes its place only when it is whole: until then, what stands there stays."""
    cell, started = prepared.cell, time.perf_counter()
    folder, key = cell.run_folder(seed), identity.key(seed)
    observer = tracked.seed(
        seed,
        key,
        recipe=asdict(cell.recipe),
        options=cell.options,
        encoder=described_encoder(cell, identity),
        data_copy=cell.config.data.copy,
        visual_input=cell.visual_input(),
    )
    scratch = _checkpoints(cell) / f"{key}.pt"
    model = prepared.model(seed, device)
    outcome = fit(
        model,
        prepared.data,
        cell.recipe,
        seed=seed,
        key=key,
        device=device,
        checkpoint_path=scratch,
        observer=ProgressLogger(observer, say, cell.recipe.epochs),
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
    with swapped(folder) as made:
        record = write_run(cell, identity, seed, outcome, made, command, seconds, precision, measured)
    scratch.unlink(missing_ok=True)
    best = outcome.progress.best_epoch
    reached = f"dev F1 {record.dev_f1[best]:.2f} at epoch {best + 1}"
    say(f"  seed {seed}: {reached}, {record.duration_seconds:.0f} s")
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
