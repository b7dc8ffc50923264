"""Train the missing runs of one cell, or of several, on this machine.

On a CPU as many seeds as the cores have room for train at the same time. On a GPU they train one after the other.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch

from mner.base.exhaustion import check_free
from mner.base.hardware import device_of
from mner.base.meters import describe_device
from mner.config import Config
from mner.config.names import require
from mner.sweeping.run_plan import AbsentHereError, PlannedCell, plan_of, room_needed
from mner.sweeping.sweep_session import Resources, check_built, sweep
from mner.tracking import mlflow_tracker as mlflow
from mner.training.determinism import make_deterministic
from mner.training.experiment import Cell
from mner.training.runs import train_cell
from mner.training.trackers import NoTracker

Say = Callable[[str], Any]


def train_missing(
    settings: Config,
    root: Path,
    dataset: str | None,
    system: str | None,
    seeds: Sequence[int],
    say: Say,
    warn: Say,
) -> int:
    """Train the missing runs of the cells that were named. A cell that cannot be trained here is passed over.

    Args:
        settings: Settings with the profile active.
        root: Folder of ``data/``, ``features/``, ``graphs/`` and ``runs/``.
        dataset: One data set of the profile. None means all.
        system: One system of the profile. None means all.
        seeds: Seeds to train. None means all of the profile.
        say: Prints one line of progress.
        warn: Prints why a cell cannot be trained here.

    Returns:
        How many cells failed or cannot be trained here.
    """
    active, failed = settings.active, 0
    datasets, systems = [dataset] if dataset else active.datasets, [system] if system else active.systems
    for one, row in product(datasets, systems):
        try:
            failed += train_one_cell(settings, root, one, row, seeds, say)
        except AbsentHereError as error:
            warn(str(error))
            failed += 1
    return failed


def train_one_cell(settings: Config, root: Path, dataset: str, system: str, seeds: Sequence[int], say: Say) -> int:
    """Train the missing runs of one cell.

    Returns:
        1 if a run failed, else 0.

    Raises:
        ConfigError: The profile has no such data set, system or seed.
        AbsentHereError: This machine lacks what the cell needs.
        SweepError: Inputs are not built.
    """
    make_deterministic()
    seeds = list(dict.fromkeys(seeds))
    require(settings, [dataset], [system], seeds)
    cell = Cell(settings, dataset, system, root)
    torch.set_num_threads(cell.recipe.threads)
    device = device_of()
    command = f"dvc repro train@{cell.dataset}-{cell.system}"
    plan = plan_of(settings, cell.root, describe_device(device), [cell.dataset], [cell.system])
    check_built(plan)
    for planned in plan:
        if planned.lacks:
            raise AbsentHereError(f"{cell.dataset} x {cell.system} cannot be trained here: {planned.lacks}")
    parallel = 1 if device.type == "cuda" or seeds else (os.cpu_count() or 1) // cell.recipe.threads
    if parallel > 1:
        return _train_in_parallel(cell, plan, parallel, device, command, say)
    check_free(cell.root, room_needed(plan, 1))
    tracked = mlflow.is_installed()
    if not tracked and _missing(plan):
        say(mlflow.NOT_INSTALLED)
    tracker = mlflow.Tracker(cell.config.active.name) if tracked else NoTracker()
    train_cell(cell, device, command, say, tracker, seeds or None)
    return 0


def _train_in_parallel(
    cell: Cell, plan: Sequence[PlannedCell], parallel: int, device: torch.device, command: str, say: Say
) -> int:
    missing = _missing(plan)
    if not missing:
        say(f"{cell.dataset} x {cell.system}: nothing to train")
        return 0
    resources = Resources(min(parallel, missing), cell.recipe.threads, 0, None)
    message = f"{missing} runs, {resources.workers} at a time, on {describe_device(device)}"
    say(f"{cell.dataset} x {cell.system}: {message}")
    summary = sweep(cell.config, cell.root, plan, resources, command=command, again=True, say=say)
    if summary.failed:
        again = shlex.join(["mner", "run", cell.dataset, cell.system])
        say(f"{summary.failed} runs failed: `mner plan` shows why, `{again}` tries them again")
    return 1 if summary.failed or summary.unfinished else 0


def _missing(plan: Sequence[PlannedCell]) -> int:
    return sum(len(planned.missing or ()) + len(planned.failed) for planned in plan)
