"""Train missing runs of the active profile."""

from __future__ import annotations

import argparse

from mner.commands import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("system", nargs="?")
    parser.add_argument("--seed", type=int, action="append", help="only this seed of the profile; may be repeated")


def run(options: argparse.Namespace) -> int:
    from stages import train

    active, failed = settings().active, 0
    for dataset in [options.dataset] if options.dataset else active.datasets:
        for system in [options.system] if options.system else active.systems:
            failed += train.main([dataset, system, *(f"--seed={seed}" for seed in options.seed or ())])
    return min(failed, 1)
