"""How many seeds a verdict takes: chance of REPRODUCED by seeds and by the s.d. over seeds."""

from __future__ import annotations

import argparse

from mner.base.escaping import show
from mner.cli import settings_anywhere
from mner.cli.argument_types import points

GROUP, EXAMPLE = "results", "mner power --sd 0.3 0.5"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sd", type=points, nargs="+", help="s.d. of F1 over seeds, in points (default: 0.2 to 1)"
    )
    parser.add_argument(
        "--states",
        action="store_true",
        help="simulate how often each verdict comes out where there is no difference",
    )
    parser.add_argument(
        "--sequential",
        action="store_true",
        help="simulate what `mner sweep --until-settled` finds, and how many seeds it takes",
    )
    parser.add_argument("--margin", type=points, help="points of F1 (default: verify.margin of params.yaml)")


def run(options: argparse.Namespace) -> None:
    from mner.reporting.power_table import (
        DEVIATIONS,
        SIMULATED_DEVIATIONS,
        power_table,
        sequential_table,
        states_table,
    )

    verify = settings_anywhere().verify
    if options.states or options.sequential:
        table = states_table if options.states else sequential_table
        show(table(options.sd or SIMULATED_DEVIATIONS, options.margin or verify.margin, verify.alpha), end="")
        return
    show(power_table(options.sd or DEVIATIONS, options.margin or verify.margin, verify.alpha), end="")
