"""Score predictions of your own (PREDICTIONS...), or all runs of the active profile and render its tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings


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
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON; - is standard output")
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
    from mner.cli.verbs import show
    from mner.evaluation.kept_results import HOW_TO_GET_RESULTS, NoResultsError
    from stages import report, score

    for flag in ("dataset", "baseline", "json", "scheme", "columns"):
        if getattr(options, flag) is not None:
            raise NoResultsError(
                f"--{flag} goes with files of predictions: mner score PREDICTIONS... --{flag} ..."
            )
    name = settings().active.name
    if not options.from_reference and not any(Path("runs", name).glob("*/*/*/record.json")):
        raise NoResultsError(f"runs/{name} holds no run to score; {HOW_TO_GET_RESULTS}")
    flags = {"--from-reference": options.from_reference, "--accept": options.accept}
    score.main([name, *(flag for flag, given in flags.items() if given)])
    report.main([name])
    show.run(options)


def _score_files(options: argparse.Namespace) -> None:
    import json

    from mner.base.files import write_json_atomically
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
    if options.json is not None and str(options.json) == "-":
        print(json.dumps(to_json(report), indent=1))
        return
    show(render(report), end="")
    if options.json is not None:
        write_json_atomically(options.json, to_json(report))
