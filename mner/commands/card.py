"""Print a system's card: its paper, inputs, recipe and doubts."""

from __future__ import annotations

import argparse

from mner.commands import PARAMS, settings
from mner.config import ConfigError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("system")


def run(options: argparse.Namespace) -> None:
    from mner.models.system import load_system
    from mner.reporting.card import render

    config = settings()
    if options.system not in config.systems:
        raise ConfigError(f"no system {options.system!r} in {PARAMS}: {', '.join(config.systems)}")
    row = config.systems[options.system]
    print(render(options.system, row, load_system(row.file).CARD, config.recipe_of(options.system)), end="")
