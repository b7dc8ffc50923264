"""Score all runs of the active profile and render its tables."""

from __future__ import annotations

import argparse

from mner.commands import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from-reference",
        action="store_true",
        help="score the committed tags of reports/results instead of runs/, without any training",
    )


def run(options: argparse.Namespace) -> None:
    from mner.commands import show
    from stages import report, score

    name = settings().active.name
    score.main([name, "--from-reference"] if options.from_reference else [name])
    report.main([name])
    show.run(options)
