"""Compare two systems, paired by sentence."""

from __future__ import annotations

import argparse

from mner.base.escaping import show
from mner.cli import settings
from mner.config.names import require


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--dataset")


def run(options: argparse.Namespace) -> None:
    from mner.reporting.explanation import compare
    from mner.reporting.results import Results

    config = settings()
    require(config, systems=[options.a, options.b])
    results = Results.read(config.active.name)
    show(compare(options.a, options.b, results, options.dataset), end="")
