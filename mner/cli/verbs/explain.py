"""Say what stands behind a cell or a number, or where a number of your own stands (--dataset)."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", help="<data set>/<system>, such as twitter2017/rgcn, or a number as printed, such as 87.11"
    )
    parser.add_argument("--dataset", help="the number is an F1 of your own on this data set")
    parser.add_argument("--system", help="with --dataset: the row that your number belongs to, such as umt")


def run(options: argparse.Namespace) -> None:
    from mner.evaluation.paper import load_paper

    if options.dataset is not None or options.system is not None:
        _own_number(options)
        return
    from mner.reporting.explanation import explain
    from mner.reporting.results import Results

    config = settings()
    from mner.evaluation.published_recipes import requirements

    paper = load_paper(Path("reports/paper.yaml")).requiring(requirements(config.systems))
    show(explain(options.what, Results.read(config.active.name), paper, config), end="")


def _own_number(options: argparse.Namespace) -> None:
    from mner.evaluation.paper import load_paper
    from mner.predictions.own_number import OwnNumberError, explain_own_number
    from mner.predictions.shipped_files import shipped

    if options.dataset is None:
        raise OwnNumberError("--system goes with --dataset: mner explain 73.4 --dataset twitter2015 --system umt")
    try:
        value = float(options.what)
    except ValueError as error:
        raise OwnNumberError(
            f"{options.what!r} is no number; with --dataset an F1 in percent is expected"
        ) from error
    paper = load_paper(shipped("paper.yaml"))
    show(explain_own_number(value, options.dataset, options.system, paper, shipped("results")), end="")
