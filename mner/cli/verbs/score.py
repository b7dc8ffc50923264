"""Score predictions of your own (PREDICTIONS...), or all runs of the active profile and render its tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show as say
from mner.cli import settings
from mner.cli.json_output import json_argument, prints_only_json, write_answer

GROUP, EXAMPLE = "own", "mner score predictions.txt --dataset twitter2017 --baseline bert-crf"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "predictions",
        type=Path,
        nargs="*",
        metavar="PREDICTIONS",
        help="files of your own: CoNLL with word and predicted tag, or word, gold and predicted; or JSON lines of "
        "tag lists; several files are several seeds. Without any, the runs of the active profile are scored",
    )
    parser.add_argument(
        "--dataset", help="whose test split the files tag: twitter2015, twitter2017, or a prepared one"
    )
    parser.add_argument(
        "--baseline",
        metavar="SYSTEM",
        help="compare with kept runs of SYSTEM or PROFILE/SYSTEM, paired by sentence",
    )
    json_argument(parser)
    parser.add_argument(
        "--scheme", help="the scheme of the tags (bio, iob1, iobes, bmes, bilou, io) where they do not tell it"
    )
    parser.add_argument(
        "--columns", metavar="NAMES", help="names of the columns, such as word,pos,chunk,gold,predicted"
    )
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
    if options.predictions:
        _score_files(options)
        return
    from mner.base.shipped_files import shipped
    from mner.cli.verbs import show
    from mner.evaluation.kept_results import HOW_TO_GET_RESULTS, NoResultsError
    from mner.evaluation.paper_reading import load_paper
    from mner.evaluation.profile_scores import score_reference, score_runs
    from mner.evaluation.published_recipes import requirements
    from mner.reporting.profile_report import report_profile

    for flag in ("dataset", "baseline", "json", "scheme", "columns"):
        if getattr(options, flag) is not None:
            raise NoResultsError(
                f"--{flag} goes with files of predictions: mner score PREDICTIONS... --{flag} ..."
            )
    if options.accept and not options.from_reference:
        raise NoResultsError("--accept goes with --from-reference; `mner keep` keeps the results of runs")
    config = settings()
    name = config.active.name
    if not options.from_reference and not any(Path("runs", name).glob("*/*/*/record.json")):
        raise NoResultsError(f"runs/{name} holds no run to score; {HOW_TO_GET_RESULTS}")
    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    say(score_reference(config, options.accept) if options.from_reference else score_runs(config, paper))
    report_profile(config)
    show.run(options)


def _score_files(options: argparse.Namespace) -> None:
    from mner.config.places import Places
    from mner.config.strict import ConfigError, known
    from mner.data.label_schemes import SCHEMES
    from mner.predictions.own_predictions import report_on
    from mner.predictions.own_report import render, to_json

    if options.from_reference or options.accept:
        raise ConfigError("--from-reference and --accept score kept runs; leave them out for files of your own")
    if options.scheme is not None:
        known(options.scheme, SCHEMES, "--scheme")
    columns = [name.strip() for name in options.columns.split(",")] if options.columns else None
    report = report_on(
        options.predictions,
        options.dataset,
        Places.from_environment(),
        baseline=options.baseline,
        scheme=options.scheme,
        columns=columns,
    )
    if not prints_only_json(options):
        say(render(report), end="")
    write_answer(options, to_json(report))
