"""Compare with the paper and with the committed reference; exit code 1 on a regression."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.base.terminal import wrapped
from mner.cli import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs", action="store_true", help="also list every run here beside the committed one of its place"
    )


def run(options: argparse.Namespace) -> int:
    from mner.evaluation.kept_results import other_runs, record_file, reference_of, scores_of, without_runs
    from mner.evaluation.paper import load_paper
    from mner.evaluation.published_recipes import requirements
    from mner.evaluation.run_evidence import check_scored_run
    from mner.models.system import load_system
    from mner.reporting.provenance import origins
    from mner.reporting.repetition import repetition_of
    from mner.reporting.verification import verify
    from mner.sweeping.run_plan import outdated_runs

    config = settings()
    name = config.active.name
    paper = load_paper(Path("reports/paper.yaml")).requiring(requirements(config.systems))
    absence = {row: load_system(config.systems[row].file).CARD.absence for row in config.active.systems}
    scores = scores_of(name)
    for run in scores["runs"]:
        check_scored_run(run, record_file(run), Path("data"))
    lenses = scores_of(name, "lenses"), reference_of(name, "lenses")
    reference = reference_of(name)
    if scores["runs"] and len(without_runs(scores)) == len(scores["runs"]):
        show(f"no run of {name} is here: these are the committed results, held against themselves")
    report = verify(scores, paper, reference, config, absence, lenses)
    show(report.render(), end="")
    repetition = repetition_of(scores, reference)
    show(repetition.render(), end="")
    if options.runs:
        show(repetition.table(), end="")
    if made := origins(config, Path()):
        show("\n".join(wrapped(made.render())))
    if outdated := outdated_runs(config, Path()):
        note = f"note: {len(outdated)} runs here were made by other parameters, versions or data than stand here "
        note += f"now (the first: {outdated[0]}); `dvc repro` trains them anew"
        show("\n".join(wrapped(note)))
    changed = other_runs(scores)
    if changed:
        show(f"FAIL: {changed[0]} is not the run that was scored ({len(changed)} such); run `mner score` first")
    return 0 if report.passed and not changed else 1
