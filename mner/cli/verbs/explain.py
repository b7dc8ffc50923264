"""Say what stands behind a cell or a number, or where a number of your own stands (--dataset)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.json_output import json_argument, prints_only_json, write_answer

if TYPE_CHECKING:
    from mner.evaluation.paper import Paper

GROUP, EXAMPLE = "results", "mner explain twitter2017/rgcn"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", help="<data set>/<system>, such as twitter2017/rgcn, or a number as printed, such as 87.11"
    )
    parser.add_argument("--dataset", help="the number is an F1 of your own on this data set")
    parser.add_argument("--system", help="with --dataset: the row that your number belongs to, such as umt")
    json_argument(parser)


def run(options: argparse.Namespace) -> None:
    if options.dataset is not None or options.system is not None:
        _own_number(options)
        return
    from mner.base.shipped_files import shipped
    from mner.evaluation.kept_results import NoResultsError
    from mner.evaluation.paper_reading import load_paper
    from mner.evaluation.published_recipes import requirements
    from mner.reporting.explanation import explain, explain_printed
    from mner.reporting.json_answers import explained
    from mner.reporting.results import Results

    config = settings()
    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    results: Results | None = None
    try:
        results = Results.read(config.active.name)
        text = explain(options.what, results, paper, config)
    except NoResultsError as missing:
        if results is not None or "/" in options.what:
            raise
        text = explain_printed(options.what, paper, missing)
    if not prints_only_json(options):
        show(text, end="")
    write_answer(options, explained(options.what, results, paper, config))


def _own_number(options: argparse.Namespace) -> None:
    from mner.base.shipped_files import shipped
    from mner.evaluation.paper_reading import load_paper
    from mner.predictions.own_number import OwnNumberError, explain_own_number

    if options.dataset is None:
        raise OwnNumberError("--system goes with --dataset: mner explain 73.4 --dataset twitter2015 --system umt")
    try:
        value = float(options.what)
    except ValueError as error:
        raise OwnNumberError(
            f"{options.what!r} is no number; with --dataset an F1 in percent is expected"
        ) from error
    paper, results = load_paper(shipped("paper.yaml")), shipped("results")
    text = explain_own_number(value, options.dataset, options.system, paper, results)
    if not prints_only_json(options):
        show(text, end="")
    write_answer(options, _own_answer(value, options, paper, results))


def _own_answer(value: float, options: argparse.Namespace, paper: Paper, results: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from mner.predictions.own_number import kept_moves, printed_rows

    rows = [(row, row.figure(options.dataset, "F1")) for row in printed_rows(paper, options.dataset)]
    moves = kept_moves(results, options.dataset, options.system) if options.system else None
    return {
        "f1": value,
        "dataset": options.dataset,
        "system": options.system,
        "printed": [
            {
                "system": row.system,
                "label": row.label,
                "f1": figure.value,
                "distance": round(value - figure.value, 4),
            }
            for row, figure in rows
            if figure is not None
        ],
        "moves": None if moves is None else asdict(moves),
    }
