"""Compare two systems, paired by sentence."""

from __future__ import annotations

import argparse

from mner.asked import require
from mner.commands import settings
from mner.escaping import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--dataset")


def run(options: argparse.Namespace) -> None:
    from mner.reporting.explain import compare
    from mner.reporting.results import Results

    config = settings()
    require(config, systems=[options.a, options.b])
    results = Results.read(config.active.name)
    show(compare(options.a, options.b, results, options.dataset), end="")
