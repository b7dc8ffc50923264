"""Score stage: ``python -m stages.score <profile>`` writes ``results/<profile>/*.json``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mner.base.escaping import show
from mner.base.exits import end_with
from mner.base.shipped_files import shipped
from mner.config import load
from mner.config.names import require_active
from mner.evaluation.paper_reading import load_paper
from mner.evaluation.profile_scores import score_reference, score_runs
from mner.evaluation.published_recipes import requirements


def main(arguments: Sequence[str] | None = None) -> None:
    """Score every run of the profile below the current folder, or the runs that were kept as its reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", help="name of the active profile")
    parser.add_argument("--from-reference", action="store_true", help="score what reports/results keeps")
    parser.add_argument("--accept", action="store_true", help="replace the committed numbers")
    options = parser.parse_args(arguments)
    if options.accept and not options.from_reference:
        parser.error("--accept goes with --from-reference; `mner keep` keeps the results of runs")
    config = require_active(load(Path("params.yaml")), options.profile)
    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    show(score_reference(config, options.accept) if options.from_reference else score_runs(config, paper))


if __name__ == "__main__":
    end_with("stages.score", main)
