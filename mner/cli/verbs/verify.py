"""Compare with the paper and with the committed reference; exit code 1 on a regression."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.base.terminal import wrapped
from mner.cli import settings
from mner.cli.json_output import json_argument, prints_only_json, write_answer

GROUP, EXAMPLE = "check", "mner verify --runs"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs", action="store_true", help="also list every run here beside the committed one of its place"
    )
    json_argument(parser)


def run(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from mner.base.shipped_files import shipped
    from mner.evaluation.kept_results import (
        kept_of,
        other_runs,
        record_file,
        results_of,
        unsealed_runs,
        without_runs,
    )
    from mner.evaluation.paper_reading import load_paper
    from mner.evaluation.published_recipes import requirements
    from mner.evaluation.rescored_results import RescoredResults
    from mner.evaluation.score_results import ScoreResults
    from mner.evaluation.scored_inputs import other_gold
    from mner.models.cards import card_of
    from mner.reporting.provenance import origins
    from mner.reporting.repetition import repetition_of
    from mner.reporting.verification import verify
    from mner.sweeping.run_plan import outdated_runs

    config = settings()
    name = config.active.name
    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    absence = {row: card_of(config.systems[row].file).absence for row in config.active.systems}
    scores = results_of(ScoreResults, name, data=Path("data"))
    rescored = results_of(RescoredResults, name), kept_of(RescoredResults, name)
    reference = kept_of(ScoreResults, name, believed={record_file(run) for run in scores.runs})
    report = verify(scores, paper, reference, config, absence, rescored)
    repetition = repetition_of(scores, reference)
    made, outdated, changed = origins(config, Path()), outdated_runs(config, Path()), other_runs(scores)
    unsealed, gold = unsealed_runs(scores), other_gold(scores.inputs)
    passed = report.passed and not changed and not gold
    write_answer(
        options,
        {
            "profile": name,
            "passed": passed,
            "checks": [asdict(check) for check in report.checks],
            "repeats": [asdict(repeat) for repeat in repetition.repeats],
            "outdated_runs": list(outdated),
            "changed_runs": list(changed),
            "unsealed_runs": unsealed,
            "changed_gold": gold,
        },
    )
    if prints_only_json(options):
        return 0 if passed else 1
    if scores.runs and len(without_runs(scores)) == len(scores.runs):
        show(f"no run of {name} is here: these are the committed results, compared with themselves")
    show(report.render(), end="")
    show(repetition.render(), end="")
    if options.runs:
        show(repetition.table(), end="")
    arrived = sorted({str(Path(run.record).parents[1]) for run in scores.runs if run.origin})
    if arrived:
        note = f"{len(arrived)} cells hold runs that came by archive and were not trained again here; the first:"
        show("\n".join(wrapped(f"{note} `mner audit-run {arrived[0]}`")))
    if made:
        show("\n".join(wrapped(made.render())))
    if outdated:
        note = f"note: {len(outdated)} runs here come from other parameters, versions or data than now "
        note += f"(the first: {outdated[0]}); `dvc repro` trains them anew"
        show("\n".join(wrapped(note)))
    if unsealed:
        note = (
            f"note: {len(unsealed)} records hold no digest of themselves (the first: {unsealed[0]}), so a change "
        )
        note += "of their fields shows only where tags, curve or meters contradict it"
        show("\n".join(wrapped(note)))
    if gold:
        show(
            f"FAIL: {gold[0]} is not the file that these results were scored with; restore it, or run `mner score`"
        )
    if changed:
        show(f"FAIL: {changed[0]} is not the run that was scored ({len(changed)} such); run `mner score` first")
    return 0 if passed else 1
