"""Render the page over all profiles: the answer, then every printed row with ours.

It is made of the committed results and, unless --from-reference is given, of your own profiles. It needs no data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show

GROUP, EXAMPLE = "results", "mner page --from-reference --target page"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target", type=Path, default=Path("reports/rendered"), help="folder to write (default: reports/rendered)"
    )
    parser.add_argument("--from-reference", action="store_true", help="from the committed results alone")


def run(options: argparse.Namespace) -> None:
    from mner.evaluation.kept_results import HOW_TO_GET_RESULTS, RESULTS, NoResultsError
    from mner.reporting.overview import declared_paper, write_overview

    written = write_overview(options.target, declared_paper(), None if options.from_reference else RESULTS)
    if not written:
        raise NoResultsError(f"there are no results on real data to show; {HOW_TO_GET_RESULTS}")
    show(f"the page: {written[0]}")
