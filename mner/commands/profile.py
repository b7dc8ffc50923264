"""Show the profiles, or make one active."""

from __future__ import annotations

import argparse

from mner.columns import aligned_with_notes
from mner.commands import PARAMS, settings
from mner.config import Places
from mner.escaping import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", help="a profile of params.yaml, or auto: real data if it can be had, else controls"
    )


def run(options: argparse.Namespace) -> None:
    from mner.profiles import choose, switch

    config, name = settings(), options.name
    if name == "auto":
        name, why = choose(config, Places.from_environment())
        show(why)
    if name is not None:
        switch(PARAMS, name, config)
        config = settings()
    rows = []
    for entry in config.profiles.values():
        runs = len(entry.datasets) * len(entry.systems) * len(entry.seeds)
        mark = "*" if entry.name == config.active.name else " "
        rows.append((f"{mark} {entry.name}", f"{runs:>3} runs", entry.note))
    show("\n".join(aligned_with_notes(rows, "")))
