"""Train the missing runs of the active profile side by side.

Runs come out byte for byte as `dvc repro` makes them on the same kind of machine; afterwards it finds nothing to
train. Whatever ends a sweep, the same command continues it.
With --until-settled seeds are added cell by cell: a quarter of the profile's seeds, half, then all. A cell stops
once its comparisons are settled, by tests that pay for looking early (docs/verdicts.md).
Exit code: 0 all wanted runs are there, 1 some failed or cannot be trained here (see `mner plan`), 3 unfinished
because time was up.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.argument_types import minutes, natural, positive

if TYPE_CHECKING:
    from mner.config import Config
    from mner.sweeping.run_plan import PlannedCell
    from mner.sweeping.scheduler import Summary

GROUP, EXAMPLE = "run", "mner sweep --minutes 30 --workers 2"
FAILED, UNFINISHED, INTERRUPTED = 1, 3, 130


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="default: all of the profile")
    parser.add_argument("--system", action="append", help="only this system; may be repeated")
    parser.add_argument(
        "--workers", type=positive, help="runs at the same time (default: one a GPU, or all cores)"
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="on a Ray of its own, or at ADDRESS",
    )
    parser.add_argument("--gpus", type=natural, help="GPUs to use (default: those seen from here)")
    parser.add_argument("--minutes", type=minutes, help="stop after a saved epoch when this time is over")
    parser.add_argument(
        "--until-settled",
        action="store_true",
        help="add seeds cell by cell, and stop where the comparisons of a cell are settled",
    )
    parser.add_argument("--again", action="store_true", help="also try the runs that failed before")


def run(options: argparse.Namespace) -> int:
    import torch

    from mner.base.hardware import device_of
    from mner.base.meters import describe_device
    from mner.sweeping import sweep_session as sweep
    from mner.sweeping.rounds import limited, sweep_in_rounds
    from mner.sweeping.run_plan import plan_of, render

    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(INTERRUPTED))
    seen = torch.cuda.device_count()
    gpus = seen if options.gpus is None else options.gpus
    if gpus > seen and options.ray in (None, "local"):
        raise sweep.SweepError(f"{gpus} GPUs were asked for with --gpus; {seen} can be used on this machine")
    device = device_of(None if gpus else "cpu")
    config = settings()
    threads = max(config.recipe_of(system).threads for system in config.active.systems)
    torch.set_num_threads(threads)
    cores = os.cpu_count() or 1
    resources = sweep.Resources(options.workers or gpus or max(1, cores // threads), threads, gpus, options.ray)
    if options.until_settled and (options.system or options.datasets):
        raise sweep.SweepError(
            "--until-settled follows the comparisons of a whole profile; name no data set or system"
        )

    def plan_again() -> list[PlannedCell]:
        return plan_of(config, Path(), describe_device(device), options.datasets, options.system or ())

    def train(plan: Sequence[PlannedCell], minutes: float | None, again: bool) -> Summary:
        return sweep.sweep(config, Path(), plan, resources, command=command, minutes=minutes, again=again)

    plan = plan_again()
    show(render(plan, config.active.name), flush=True)
    left = None if options.minutes is None else options.minutes - (time.monotonic() - started) / 60
    command = shlex.join(["mner", *sys.argv[1:]])
    try:
        if options.until_settled:
            rule = _Rule(config)
            summary = sweep_in_rounds(plan_again, config.active.seeds, rule, train, left, options.again)
            plan = limited(plan_again(), config.active.seeds, rule.wanted)
        else:
            summary = train(plan, left, options.again)
    except KeyboardInterrupt:
        show("interrupted: finished runs and saved epochs are kept, the same command continues")
        return INTERRUPTED
    untried = sweep.left_out(plan, options.again)
    show(sweep.render(summary, time.monotonic() - started, untried), end="")
    lacking = any(cell.lacks for cell in plan)
    return FAILED if summary.failed or untried or lacking else UNFINISHED if summary.unfinished else 0


class _Rule:
    """Asks before each round which comparisons are settled, prints it, and keeps what each cell is to have."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.wanted: Mapping[tuple[str, str], int] = {}

    def __call__(self, plan: Sequence[PlannedCell]) -> Mapping[tuple[str, str], int]:
        from mner.cli.verbs.plan import settling_now
        from mner.evaluation.settling_table import render_settling
        from mner.sweeping.rounds import finished_seeds

        finished = finished_seeds(plan, self._config.active.seeds)
        found = settling_now(self._config, finished)
        show(render_settling(found, finished), flush=True)
        self.wanted = found.wanted
        return found.wanted
