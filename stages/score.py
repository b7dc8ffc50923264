"""Score stage: ``python -m stages.score <profile>`` writes ``results/<profile>/scores.json``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mner.config import load
from mner.evaluation.scoring import gold_reader, score_profile
from mner.files import write_json_atomically
from mner.tracking.mlflow import log_scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Score every run of the profile below the current folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", help="name of the active profile")
    name = parser.parse_args(arguments).profile
    active = load(Path("params.yaml")).active
    if active.name != name:
        parser.error(f"params.yaml makes {active.name!r} active, not {name!r}; type: mner profile {name}")
    scores = score_profile(
        Path("runs"), gold_reader(Path("data")), name, active.datasets, active.systems, active.seeds
    )
    write_json_atomically(Path("results") / name / "scores.json", scores)
    if Path("mlflow.db").is_file():
        log_scores(scores, name)


if __name__ == "__main__":
    main()
