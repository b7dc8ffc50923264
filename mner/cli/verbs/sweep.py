"""Train the missing runs of the active profile side by side.

Runs come out byte for byte as `dvc repro` makes them on the same kind of machine; afterwards it finds nothing to
train. Whatever ends a sweep, the same command continues it.
Exit code: 0 all runs are there, 1 some failed or cannot be trained here (see `mner plan`), 3 unfinished because
time was up.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.argument_types import minutes, natural, positive

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
    parser.add_argument("--again", action="store_true", help="also try the runs that failed before")


def run(options: argparse.Namespace) -> int:
    import torch

    from mner.base.hardware import device_of
    from mner.base.meters import describe_device
    from mner.sweeping import sweep_session as sweep
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
    plan = plan_of(config, Path(), describe_device(device), options.datasets, options.system or ())
    show(render(plan, config.active.name), flush=True)
    left = None if options.minutes is None else options.minutes - (time.monotonic() - started) / 60
    command = shlex.join(["mner", *sys.argv[1:]])
    try:
        summary = sweep.sweep(config, Path(), plan, resources, command=command, minutes=left, again=options.again)
    except KeyboardInterrupt:
        show("interrupted: finished runs and saved epochs are kept, the same command continues")
        return INTERRUPTED
    untried = sweep.left_out(plan, options.again)
    show(sweep.render(summary, time.monotonic() - started, untried), end="")
    lacking = any(cell.lacks for cell in plan)
    return FAILED if summary.failed or untried or lacking else UNFINISHED if summary.unfinished else 0
