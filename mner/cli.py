"""The ``mner`` command. Every sub-command is a few lines over the library; ``dvc repro`` runs the pipeline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mner import config
from mner.config import Places

PARAMS = Path("params.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; errors of ours end as one line and exit code 2, anything else as a traceback."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except Exception as error:
        if not type(error).__module__.startswith(("mner.", "baselines.")):
            raise
        print(f"mner {options.command}: {error}", file=sys.stderr)
        return 2


def profile(options: argparse.Namespace) -> None:
    from mner.profiles import choose, switch

    settings = config.load(PARAMS)
    name = options.name
    if name == "auto":
        name, why = choose(settings, Places.from_environment())
        print(why)
    if name is not None:
        switch(PARAMS, name, settings)
        settings = config.load(PARAMS)
    for entry in settings.profiles.values():
        runs = len(entry.datasets) * len(entry.systems) * len(entry.seeds)
        mark = "*" if entry.name == settings.active.name else " "
        print(f"{mark} {entry.name:<10} {runs:>4} runs  {entry.note}")


def plan(options: argparse.Namespace) -> None:
    from mner.plan import plan_of, render

    print(render(plan_of(config.load(PARAMS), Path())), end="")


def run(options: argparse.Namespace) -> None:
    from stages import train

    settings = config.load(PARAMS)
    for dataset in [options.dataset] if options.dataset else settings.active.datasets:
        for system in [options.system] if options.system else settings.active.systems:
            train.main([dataset, system, *(f"--seed={seed}" for seed in options.seed or ())])


def show(options: argparse.Namespace) -> None:
    folder = Path("reports/rendered") / config.load(PARAMS).active.name
    for table in ("table1.md", "table2.md"):
        print((folder / table).read_text(encoding="utf-8"))
    print(f"the page: {folder / 'index.html'}   tracking: mlflow ui")


def score(options: argparse.Namespace) -> None:
    from stages import report, score

    name = config.load(PARAMS).active.name
    score.main([name])
    report.main([name])
    show(options)


def verify(options: argparse.Namespace) -> int:
    from mner.reporting.paper import load_paper
    from mner.reporting.reference import reference_of, scores_of
    from mner.reporting.verify import verify as check

    settings = config.load(PARAMS)
    name = settings.active.name
    report = check(scores_of(name), load_paper(Path("reports/paper.yaml")), reference_of(name), settings)
    print(report.render(), end="")
    return 0 if report.passed else 1


def explain(options: argparse.Namespace) -> None:
    from mner.reporting.explain import explain as answer
    from mner.reporting.paper import load_paper
    from mner.reporting.results import Results

    settings = config.load(PARAMS)
    paper = load_paper(Path("reports/paper.yaml"))
    print(answer(options.what, Results.read(settings.active.name), paper, settings), end="")


def compare(options: argparse.Namespace) -> None:
    from mner.reporting.explain import compare as answer
    from mner.reporting.results import Results

    results = Results.read(config.load(PARAMS).active.name)
    print(answer(options.a, options.b, results, options.dataset), end="")


def cases(options: argparse.Namespace) -> None:
    from mner.data.corpus import read_sentences
    from mner.evaluation.case_study import error_classes, find_cases
    from mner.evaluation.scoring import gold_reader
    from mner.evaluation.tagged import read_tagged
    from mner.reporting.explain import render_cases, render_classes
    from mner.reporting.reference import scores_of

    scores = scores_of(config.load(PARAMS).active.name)
    dataset = options.dataset or scores["datasets"][0]
    tagged = read_tagged(scores, Path(), gold_reader(Path("data")))
    if options.wrong:
        found = find_cases(tagged, dataset, options.right, options.wrong)
        place = dataset, "test"
        print(
            render_cases(found, tagged.gold[place], tagged.sentences[place], options.right, options.words), end=""
        )
    else:
        training = read_sentences(Path("data") / dataset / "corpus" / "train.jsonl")
        errors = error_classes(tagged, dataset, options.right, training)
        print(render_classes(errors, tagged.sentences[dataset, "test"], options.words), end="")


def keep(options: argparse.Namespace) -> None:
    from mner.reporting.reference import keep as keep_results

    print(keep_results(config.load(PARAMS).active.name))


def which(options: argparse.Namespace) -> None:
    from mner.data.which import render
    from mner.data.which import which as identify

    places = Places.from_environment()
    print(render(identify(options.file, cache=places.cache, mirrors=places.mirrors)), end="")


def parity(options: argparse.Namespace) -> int:
    from mner.parity import check, render

    reports = [report for path in options.paths for report in check(options.system, path, options.corpus)]
    for report in reports:
        print(render(report))
    return 0 if all(report.passed for report in reports) else 1


def card(options: argparse.Namespace) -> None:
    from mner.models.system import load_system
    from mner.reporting.card import render

    settings = config.load(PARAMS)
    if options.system not in settings.systems:
        raise config.ConfigError(f"no system {options.system!r} in {PARAMS}: {', '.join(settings.systems)}")
    row = settings.systems[options.system]
    print(render(options.system, row, load_system(row.file).CARD, settings.recipe_of(options.system)), end="")


def track(options: argparse.Namespace) -> None:
    from mner.tracking.mlflow import rebuild

    count = rebuild(Path("runs"), config.load(PARAMS).active.name, options.uri)
    print(f"{count} runs are in {options.uri}; look at them with: mlflow ui")


def images(options: argparse.Namespace) -> None:
    from mner.data.corpus import SPLITS, read_corpus
    from mner.data.image_sources import obtain_images

    corpus = read_corpus(Path("data") / options.dataset / "corpus", options.dataset)
    wanted = sorted({sentence.image for split in SPLITS for sentence in corpus.split(split)})
    got = obtain_images(options.dataset, options.to, method=options.method, wanted=wanted)
    print(f"{len(got.downloaded)} downloaded, {len(got.present)} were there, {len(got.failed)} failed")
    print(f"now run: MNER_IMAGES={got.folder} dvc repro")


def parser() -> argparse.ArgumentParser:
    """All sub-commands and their arguments."""
    top = argparse.ArgumentParser(prog="mner", description="Benchmark and reproduce multimodal NER.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(run: Callable, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(run.__name__, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    add(profile, "show the profiles, or make one active").add_argument(
        "name", nargs="?", help="controls, quick, full, paper, or auto: real data if it can be had, else controls"
    )
    add(plan, "say which runs of the active profile are missing")
    sub = add(run, "train missing runs of the active profile")
    sub.add_argument("dataset", nargs="?")
    sub.add_argument("system", nargs="?")
    sub.add_argument("--seed", type=int, action="append", help="only this seed of the profile; may be repeated")
    add(score, "score all runs of the active profile and render its tables")
    add(show, "print the rendered tables of the active profile")
    add(verify, "compare with the paper and with the committed reference; exit code 1 on a regression")
    add(
        explain, "say what stands behind a cell or a number: rows, runs, commits, data, lenses, waterfall"
    ).add_argument(
        "what", help="<data set>/<system>, such as twitter2017/rgcn, or a number as printed, such as 87.11"
    )
    sub = add(compare, "compare two systems, paired by sentence")
    sub.add_argument("a")
    sub.add_argument("b")
    sub.add_argument("--dataset")
    sub = add(cases, "find test sentences that one system alone reads right, or (alone named) its errors by class")
    sub.add_argument("right", metavar="SYSTEM")
    sub.add_argument("wrong", nargs="*", metavar="OTHER", help="systems that read the sentence wrong")
    sub.add_argument("--dataset", help="default: the profile's first")
    sub.add_argument("--words", action="store_true", help="show the words too; they are not ours to publish")
    add(keep, "make the active profile's results the committed reference")
    add(which, "say which known copy of Twitter-2015 or Twitter-2017 a file is").add_argument("file", type=Path)
    sub = add(parity, "compare a system with its authors' program on stored vectors")
    sub.add_argument("system", help="rgcn, ita, scorers, ...")
    sub.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="golden vectors, or their folder")
    sub.add_argument("--corpus", type=Path, help="scorers: R-GCN's copy of the Twitter-2015 test split")
    add(card, "print a system's card").add_argument("system")
    sub = add(track, "fill MLflow from the records of finished runs")
    sub.add_argument("--rebuild", action="store_true", required=True, help="from the files alone; safe to repeat")
    sub.add_argument("--uri", default="sqlite:///mlflow.db")
    sub = add(images, "download the pictures of a data set from their published sources")
    sub.add_argument("dataset")
    sub.add_argument("--to", type=Path, required=True)
    sub.add_argument("--method", choices=("github", "google-drive"), required=True)
    return top


if __name__ == "__main__":
    sys.exit(main())
