"""Train missing runs of the active profile, and pass over rows that this machine cannot train.

Exit code: 1 if a run failed or cannot be trained here.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product

from mner.base.escaping import show
from mner.cli import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("system", nargs="?")
    parser.add_argument("--seed", type=int, action="append", help="only this seed of the profile; may be repeated")


def run(options: argparse.Namespace) -> int:
    from mner.sweeping.run_plan import AbsentHereError
    from stages import train

    active, failed = settings().active, 0
    datasets = [options.dataset] if options.dataset else active.datasets
    systems = [options.system] if options.system else active.systems
    seeds = [f"--seed={seed}" for seed in options.seed or ()]
    for dataset, system in product(datasets, systems):
        try:
            failed += train.main([dataset, system, *seeds])
        except AbsentHereError as error:
            show(f"mner run: {error}", file=sys.stderr)
            failed += 1
    return min(failed, 1)
