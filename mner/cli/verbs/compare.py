"""Compare two systems, paired by sentence."""

from __future__ import annotations

import argparse

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.json_output import json_argument, prints_only_json, write_answer
from mner.config.names import require

GROUP, EXAMPLE = "results", "mner compare rgcn bert-crf --dataset twitter2017"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--dataset")
    json_argument(parser)


def run(options: argparse.Namespace) -> None:
    from mner.reporting.explanation import compare
    from mner.reporting.json_answers import compared
    from mner.reporting.results import Results

    config = settings()
    require(config, systems=[options.a, options.b])
    results = Results.read(config.active.name)
    text = compare(options.a, options.b, results, options.dataset)
    if not prints_only_json(options):
        show(text, end="")
    write_answer(options, compared(options.a, options.b, results, options.dataset))
