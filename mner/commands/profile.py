"""Show the profiles, or make one active."""

from __future__ import annotations

import argparse

from mner.commands import PARAMS, settings
from mner.config import Places


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", help="a profile of params.yaml, or auto: real data if it can be had, else controls"
    )


def run(options: argparse.Namespace) -> None:
    from mner.profiles import choose, switch

    config, name = settings(), options.name
    if name == "auto":
        name, why = choose(config, Places.from_environment())
        print(why)
    if name is not None:
        switch(PARAMS, name, config)
        config = settings()
    for entry in config.profiles.values():
        runs = len(entry.datasets) * len(entry.systems) * len(entry.seeds)
        mark = "*" if entry.name == config.active.name else " "
        print(f"{mark} {entry.name:<12} {runs:>4} runs  {entry.note}")
