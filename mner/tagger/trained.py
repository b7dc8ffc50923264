"""A finished run as a model again: its cell's data, its kept weights, and the record that vouches for both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from mner.base.files import reading
from mner.models.model import Model
from mner.tracking.evidence import EvidenceError, check_evidence
from mner.tracking.identity import identity_of
from mner.tracking.record import Record
from mner.training.batching import SplitData
from mner.training.checkpoint import CheckpointError, load_trainable
from mner.training.experiment import Cell, PreparedCell, prepare
from mner.training.runs import is_finished


class NoWeightsError(ValueError):
    """A run that cannot be looked into; the message says what to train, and how."""


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A run's model, ready to read the splits it was trained and tested on; ``model`` is in evaluation mode."""

    record: Record
    data: PreparedCell
    model: Model

    def test_views(self) -> dict[str, SplitData]:
        """The test split as the run read it, by view: ``own``, and what its recipe probes."""
        splits = self.data.data.splits.items()
        return {name.removeprefix("test/"): split for name, split in splits if name.startswith("test/")}


def load_run(cell: Cell, seed: int, device: torch.device) -> TrainedRun:
    """Read a finished run back onto ``device``.

    Raises:
        NoWeightsError: the active profile has no such seed, the run is missing or not what today's parameters and
            versions would give, or its weights were not kept, or are another model's.
    """
    name, folder = f"{cell.dataset} x {cell.system}, seed {seed}", cell.run_folder(seed)
    command = f"mner run {cell.dataset} {cell.system} --seed {seed}"
    seeds = cell.config.active.seeds
    if seed not in seeds:
        raise NoWeightsError(
            f"{name}: profile {cell.config.active.name} has the seeds {', '.join(map(str, seeds))}"
        )
    if reason := cell.skip_reason():
        raise NoWeightsError(f"{name} is skipped: {reason}")
    if not cell.recipe.keep_weights:
        raise NoWeightsError(
            f"{name}: weights are kept only where the recipe says so; add `keep_weights: true` to the recipe of "
            f"the row or the profile in params.yaml, then `{command}`"
        )
    if not is_finished(folder, identity_of(cell).key(seed)):
        _check_files(folder, command)
        raise NoWeightsError(f"{name}: no finished run with these parameters in {folder}; `{command}` trains it")
    path = folder / "weights.safetensors"
    if not path.is_file():
        raise NoWeightsError(f"{path} is gone; delete {folder} and `{command}`")
    prepared = prepare(cell, device)
    model = prepared.model(seed, device, whole=True)
    with reading(path, remedy := f"delete {folder} and `{command}`"):
        weights = load_file(path, device=str(device))
    try:
        load_trainable(model, weights)
    except CheckpointError as error:
        raise NoWeightsError(f"{path}: {error}; {remedy}") from error
    return TrainedRun(Record.read(folder / "record.json"), prepared, model.eval())


def _check_files(folder: Path, command: str) -> None:
    """Name the file for which a run does not count as finished; nothing where it has no record."""
    if not (folder / "record.json").is_file():
        return
    try:
        check_evidence(folder)
    except EvidenceError as error:
        raise NoWeightsError(f"{error.path} is not what the run's record states; `{command}` trains it") from error
