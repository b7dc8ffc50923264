"""Score all runs of the active profile and render its tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from-reference",
        action="store_true",
        help="score the committed tags of reports/results instead of runs/, without any training",
    )
    parser.add_argument(
        "--accept",
        action="store_true",
        help="with --from-reference: write the committed numbers anew, after a scorer was corrected",
    )


def run(options: argparse.Namespace) -> None:
    from mner.commands import show
    from mner.reporting.reference import HOW_TO_GET_RESULTS, NoResultsError
    from stages import report, score

    name = settings().active.name
    if not options.from_reference and not any(Path("runs", name).glob("*/*/*/record.json")):
        raise NoResultsError(f"runs/{name} holds no run to score; {HOW_TO_GET_RESULTS}")
    flags = {"--from-reference": options.from_reference, "--accept": options.accept}
    score.main([name, *(flag for flag, given in flags.items() if given)])
    report.main([name])
    show.run(options)
