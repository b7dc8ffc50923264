"""Compare two systems, paired by sentence."""

from __future__ import annotations

import argparse

from mner.commands import settings
from mner.commands._arguments import require_systems


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--dataset")


def run(options: argparse.Namespace) -> None:
    from mner.reporting.explain import compare
    from mner.reporting.results import Results

    config = settings()
    require_systems([options.a, options.b], config)
    results = Results.read(config.active.name)
    print(compare(options.a, options.b, results, options.dataset), end="")
