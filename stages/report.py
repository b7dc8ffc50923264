"""Report stage: ``python -m stages.report <profile>`` writes ``reports/rendered/<profile>/`` and the overview."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mner.base.exits import end_with
from mner.config import load
from mner.evaluation.kept_results import RESULTS
from mner.evaluation.paper import load_paper
from mner.evaluation.published_recipes import requirements
from mner.models.system import load_system
from mner.reporting.card_text import card_text
from mner.reporting.overview import write_overview
from mner.reporting.report import write_report
from mner.reporting.results import Results


def main(arguments: Sequence[str] | None = None) -> None:
    """Render the profile's results below the current folder, then the page over all profiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", help="name of the active profile")
    name = parser.parse_args(arguments).profile
    config = load(Path("params.yaml"))
    if config.active.name != name:
        parser.error(f"params.yaml makes {config.active.name!r} active, not {name!r}; type: mner profile {name}")
    reports = Path("reports")
    paper = load_paper(reports / "paper.yaml").requiring(requirements(config.systems))
    cards = [
        card_text(
            system, row, load_system(row.file).CARD, config.recipe_of(system), config.active.encoder_of(system)
        )
        for system, row in config.systems.items()
    ]
    write_report(Results.read(name), paper, config, cards, reports / "templates", reports / "rendered" / name)
    write_overview(reports / "rendered", paper, RESULTS)


if __name__ == "__main__":
    end_with("stages.report", main)
