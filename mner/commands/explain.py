"""Say what stands behind a cell or a number: rows, runs, commits, data, lenses, waterfall."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings
from mner.escaping import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", help="<data set>/<system>, such as twitter2017/rgcn, or a number as printed, such as 87.11"
    )


def run(options: argparse.Namespace) -> None:
    from mner.evaluation.requirements import requirements
    from mner.paper import load_paper
    from mner.reporting.explain import explain
    from mner.reporting.results import Results

    config = settings()
    paper = load_paper(Path("reports/paper.yaml")).requiring(requirements(config.systems))
    show(explain(options.what, Results.read(config.active.name), paper, config), end="")
