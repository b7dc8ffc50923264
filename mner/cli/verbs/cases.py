"""Find test sentences that one system reads right and others do not, or (named alone) its errors by class."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.config.names import require

GROUP, EXAMPLE = "results", "mner cases rgcn bert-crf"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("right", metavar="SYSTEM")
    parser.add_argument("wrong", nargs="*", metavar="OTHER", help="systems that read the sentence wrong")
    parser.add_argument("--dataset", help="default: the profile's first")
    parser.add_argument("--words", action="store_true", help="show the words too; they are not ours to publish")


def run(options: argparse.Namespace) -> None:
    from mner.data.corpus import read_sentences
    from mner.evaluation.error_counts import error_classes, find_cases
    from mner.evaluation.kept_results import NoResultsError, results_of, runs_at_hand
    from mner.evaluation.score_results import ScoreResults
    from mner.evaluation.scoring import gold_reader
    from mner.evaluation.tagged import read_tagged
    from mner.reporting.error_tables import render_cases, render_classes

    config = settings()
    require(config, systems=[options.right, *options.wrong])
    scores = results_of(ScoreResults, config.active.name)
    dataset = options.dataset or scores.datasets[0]
    if dataset not in scores.datasets:
        raise NoResultsError(f"no data set {dataset} in this profile; there are {', '.join(scores.datasets)}")
    with runs_at_hand(scores, config.active.name) as root:
        tagged = read_tagged(scores, root, gold_reader(Path("data")))
    sentences = tagged.sentences[dataset, "test"]
    if options.wrong:
        right, wrong = options.right, options.wrong
        found = find_cases(tagged, dataset, right, wrong)
        other_way = len(find_cases(tagged, dataset, wrong[0], [right])) if len(wrong) == 1 else None
        gold = tagged.gold[dataset, "test"]
        text = render_cases(dataset, found, other_way, gold, sentences, right, wrong, options.words)
    else:
        training = read_sentences(Path("data") / dataset / "corpus" / "train.jsonl")
        errors = error_classes(tagged, dataset, options.right, training)
        text = render_classes(dataset, options.right, errors, sentences, options.words)
    show(text, end="")
