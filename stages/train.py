"""Train the missing runs of one cell: ``python -m stages.train twitter2017 rgcn``.

On a CPU as many seeds as the cores have room for train at the same time; on a GPU one after the other.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import torch

from mner import config
from mner.base.exhaustion import check_free
from mner.base.exits import end_with
from mner.base.hardware import device_of
from mner.base.meters import describe_device
from mner.config.names import require
from mner.sweeping.run_plan import AbsentHereError, PlannedCell, plan_of, room_needed
from mner.sweeping.sweep_session import Resources, check_built, sweep
from mner.tracking import mlflow_tracker as mlflow
from mner.training.determinism import make_deterministic
from mner.training.experiment import Cell
from mner.training.runs import train_cell
from mner.training.trackers import NoTracker


def main(command_line: Sequence[str] | None = None) -> int:
    """Train below the current folder, on the GPU if there is one; 1 if a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("system")
    parser.add_argument("--seed", type=int, action="append", help="only this seed of the profile; may be repeated")
    arguments = parser.parse_args(command_line)
    make_deterministic()
    settings = config.load(Path("params.yaml"))
    seeds = list(dict.fromkeys(arguments.seed or ()))
    require(settings, [arguments.dataset], [arguments.system], seeds)
    cell = Cell(settings, arguments.dataset, arguments.system, Path())
    torch.set_num_threads(cell.recipe.threads)
    device = device_of()
    command = f"dvc repro train@{cell.dataset}-{cell.system}"
    plan = plan_of(settings, cell.root, describe_device(device), [cell.dataset], [cell.system])
    check_built(plan)
    for planned in plan:
        if planned.lacks:
            raise AbsentHereError(f"{cell.dataset} x {cell.system} cannot be trained here: {planned.lacks}")
    side_by_side = 1 if device.type == "cuda" or seeds else (os.cpu_count() or 1) // cell.recipe.threads
    if side_by_side > 1:
        return _sweep(cell, plan, side_by_side, device, command)
    check_free(cell.root, room_needed(plan, 1))
    tracked = mlflow.is_installed()
    if not tracked and _missing(plan):
        _say(mlflow.NOT_INSTALLED)
    tracker = mlflow.Tracker(cell.config.active.name) if tracked else NoTracker()
    train_cell(cell, device, command, _say, tracker, seeds or None)
    return 0


def _sweep(cell: Cell, plan: Sequence[PlannedCell], side_by_side: int, device: torch.device, command: str) -> int:
    missing = _missing(plan)
    if not missing:
        _say(f"{cell.dataset} x {cell.system}: nothing to train")
        return 0
    resources = Resources(min(side_by_side, missing), cell.recipe.threads, 0, None)
    told = f"{missing} runs, {resources.workers} at a time, on {describe_device(device)}"
    _say(f"{cell.dataset} x {cell.system}: {told}")
    summary = sweep(cell.config, cell.root, plan, resources, command=command, again=True, say=_say)
    if summary.failed:
        again = shlex.join(["mner", "run", cell.dataset, cell.system])
        _say(f"{summary.failed} runs failed: `mner plan` shows why, `{again}` tries them again")
    return 1 if summary.failed or summary.unfinished else 0


def _missing(plan: Sequence[PlannedCell]) -> int:
    return sum(len(planned.missing or ()) + len(planned.failed) for planned in plan)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    end_with("stages.train", main)
