"""Train the missing runs of a profile side by side, on this machine or a Ray cluster, as their stages would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mner.base.exhaustion import check_free
from mner.config import Config
from mner.sweeping.progress import Display, Setting, Share, Workers
from mner.sweeping.run_plan import Job, PlannedCell, duration, room_needed
from mner.sweeping.scheduler import Schedule, Summary, SweepError
from mner.sweeping.workers.local import LocalWorkers
from mner.tracking import mlflow_tracker as mlflow
from mner.tracking.prepared_inputs import check_inputs
from mner.tracking.run_places import run_folder
from mner.training.experiment import Cell


@dataclass(frozen=True, slots=True)
class Resources:
    """How a sweep uses machines.

    ``workers`` train at the same time, each with ``threads`` CPU threads; ``ray`` is None for processes of this
    machine, ``local`` for a Ray of its own, else a cluster's address. ``gpus`` are those available (0: CPU).
    """

    workers: int
    threads: int
    gpus: int
    ray: str | None

    def __post_init__(self) -> None:
        if self.workers < 1 or self.threads < 1:
            raise SweepError(f"{self.workers} workers with {self.threads} threads: both are at least 1")

    @property
    def gpu_share(self) -> float:
        """Part of a GPU that each worker asks Ray for, at most one whole; 0 without GPUs."""
        return 1 / -(-self.workers // self.gpus) if self.gpus else 0.0

    def shares(self) -> list[Share]:
        """One a worker, GPUs dealt out in turn; Ray deals them itself, and a worker sees its own as the first."""
        if not self.gpus:
            return [Share(self.threads, "cpu")] * self.workers
        if self.ray:
            return [Share(self.threads, "cuda:0", self.gpu_share)] * self.workers
        places = [worker % self.gpus for worker in range(self.workers)]
        return [Share(self.threads, f"cuda:{place}", 1 / places.count(place)) for place in places]


def sweep(
    config: Config,
    root: Path,
    plan: Sequence[PlannedCell],
    resources: Resources,
    *,
    command: str,
    minutes: float | None = None,
    again: bool = False,
    say: Callable[[str], Any] = print,
) -> Summary:
    """Train what ``plan`` lists as missing (with ``again`` also what failed before); results equal the stages'.

    Cells for which this machine lacks something are left out.

    A run is trained by one process at a time, however many sweeps and stages there are. Whatever ends the sweep,
    the next one continues each run after its last saved epoch.

    Raises:
        SweepError: inputs are not built, or changed on the way.
        ChangedInputError: an input is not what its stage wrote; nothing was trained.
        NoSpaceError: the disk has no room for what will be written.
        WorkersError: workers cannot be had.
    """
    jobs = _jobs(plan, again)
    if not jobs:
        return Summary(0, 0, 0, 0)
    for dataset, system in sorted({job.cell for job in jobs}):
        check_inputs(root, Cell(config, dataset, system, root).input_files())
    check_free(root, room_needed(plan, resources.workers))
    tracked = mlflow.is_installed()
    if not tracked:
        say(mlflow.NOT_INSTALLED)
    costs = {(cell.dataset, cell.system): cell.cost.seconds for cell in plan if cell.cost is not None}
    epochs = {job.cell: config.recipe_of(job.system, job.dataset).epochs for job in jobs}
    setting = Setting(config, root.resolve(), command, tracked)
    with _workers(setting, resources) as workers, Display(jobs, workers.count, epochs, costs, say) as display:
        return Schedule(
            jobs,
            workers,
            display,
            lambda job: run_folder(root, config.active.name, job.dataset, job.system, job.seed),
            {cell: seconds / epochs[cell] for cell, seconds in costs.items() if cell in epochs},
            None if minutes is None else 60 * minutes,
        ).run()


def check_built(plan: Sequence[PlannedCell]) -> None:
    """Refuse a plan of cells whose inputs are not there yet.

    Raises:
        SweepError: they are not; the message says what to run.
    """
    not_built = sorted({cell.dataset for cell in plan if cell.missing is None})
    if not_built:
        stages = ("data", "features", "graphs")
        by_hand = " && ".join(f"python -m stages.{stage} {name}" for name in not_built for stage in stages)
        raise SweepError(
            f"inputs of {', '.join(not_built)} are not built; run `dvc repro data features graphs`, or where DVC "
            f"is not installed: {by_hand}"
        )


def _jobs(plan: Sequence[PlannedCell], again: bool) -> list[Job]:
    check_built(plan)
    trainable = [cell for cell in plan if not cell.lacks]
    jobs = [job for cell in trainable for job in cell.missing or ()]
    return jobs + [job for cell in trainable for job, _ in cell.failed if again]


@contextmanager
def _workers(setting: Setting, resources: Resources) -> Iterator[Workers]:
    if resources.ray is None:
        workers: Workers = LocalWorkers(setting, resources.shares())
    else:
        from mner.sweeping.workers.on_ray import RayWorkers

        workers = RayWorkers(setting, resources.shares(), resources.gpu_share, resources.ray)
    try:
        yield workers
    finally:
        workers.close()


def left_out(plan: Sequence[PlannedCell], again: bool) -> int:
    """How many runs a sweep of this plan does not try: they failed before, or cannot be trained here."""
    not_here = sum(len(cell.missing or ()) + len(cell.failed) for cell in plan if cell.lacks)
    return not_here + sum(len(cell.failed) for cell in plan if not cell.lacks and not again)


def render(summary: Summary, seconds: float, untried: int = 0) -> str:
    """One line on what became of the runs, and one on what to do next; ``untried`` is :func:`left_out`'s count."""
    counts = {
        "trained": summary.trained,
        "found finished": summary.present,
        "failed": summary.failed,
        "left out": untried,
        "unfinished": summary.unfinished,
    }
    counted = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to train"
    following = "next: dvc repro, which finds nothing left to train"
    if summary.failed or untried:
        following = "next: mner plan, which shows why runs failed"
    if summary.unfinished:
        following = "the same command continues"
    return f"{counted}; {duration(seconds)}\n{following}\n"
