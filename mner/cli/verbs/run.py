"""Train missing runs of the active profile, and pass over rows that this machine cannot train.

Exit code: 1 if a run failed or cannot be trained here.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings

GROUP, EXAMPLE = "run", "mner run twitter2017 rgcn --seed 1"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("system", nargs="?")
    parser.add_argument("--seed", type=int, action="append", help="only this seed of the profile; may be repeated")


def run(options: argparse.Namespace) -> int:
    from mner.sweeping.cell_training import train_missing

    seeds = options.seed or ()
    say = partial(show, flush=True)
    failed = train_missing(settings(), Path(), options.dataset, options.system, seeds, say, _warn)
    return min(failed, 1)


def _warn(line: str) -> None:
    show(f"mner run: {line}", file=sys.stderr)
