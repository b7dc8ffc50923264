"""Print a system's card: its paper, inputs, recipe and caveats."""

from __future__ import annotations

import argparse

from mner.base.escaping import show
from mner.cli import settings_anywhere
from mner.config.names import require_system

GROUP, EXAMPLE = "start", "mner card rgcn"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("system")


def run(options: argparse.Namespace) -> None:
    from mner.models.system import check_options, load_system
    from mner.reporting.card_text import render

    config = settings_anywhere()
    name = options.system
    require_system(name, config)
    row, recipe, encoder = config.systems[name], config.recipe_of(name), config.active.encoder_of(name)
    module = load_system(row.file)
    for dataset in config.active.datasets:
        check_options(module, name, row.options_on(dataset))
    show(render(name, row, module.CARD, recipe, encoder), end="")
