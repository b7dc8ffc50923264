"""Compare a system with its authors' program on stored vectors."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show

GROUP, EXAMPLE = "check", "mner parity umt umt.safetensors"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("system", help="a check or a row: rgcn, ita, scorers, object-agban, ...")
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="golden vectors, or their folder")
    parser.add_argument("--corpus", type=Path, help="scorers: R-GCN's copy of the Twitter-2015 test split")


def run(options: argparse.Namespace) -> int:
    from mner.parity import check, render

    reports = [report for path in options.paths for report in check(options.system, path, options.corpus)]
    for report in reports:
        show(render(report))
    return 0 if all(report.passed for report in reports) else 1
