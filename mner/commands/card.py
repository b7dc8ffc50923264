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
    name = options.system
    row, recipe, encoder = config.systems[name], config.recipe_of(name), config.active.encoder_of(name)
    print(render(name, row, load_system(row.file).CARD, recipe, encoder), end="")
