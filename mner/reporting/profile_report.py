"""Render the tables of the active profile from what was scored."""

from __future__ import annotations

from pathlib import Path

from mner.base.files import json_bytes, write_all_atomically
from mner.base.shipped_files import shipped
from mner.config import Config
from mner.evaluation.kept_results import RESULTS
from mner.evaluation.paper_reading import load_paper
from mner.evaluation.published_recipes import requirements
from mner.models.cards import card_of
from mner.reporting.card_text import card_text
from mner.reporting.dvc_metrics import costs, learning_curves, metrics
from mner.reporting.overview import write_overview
from mner.reporting.rendered_files import write_report
from mner.reporting.results import Results
from mner.tracking.mlflow_rebuild import log_report
from mner.tracking.mlflow_tracker import has_store


def report_profile(config: Config) -> Path:
    """Write ``reports/rendered/<profile>/``, the overview and the metrics of DVC, below the current folder.

    Where runs are tracked, the page goes to MLflow, too.

    Returns:
        The folder of the rendered files.
    """
    name = config.active.name
    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    cards = [
        card_text(system, row, card_of(row.file), config.recipe_of(system), config.active.encoder_of(system))
        for system, row in config.systems.items()
    ]
    results = Results.read(name)
    target = Path("reports") / "rendered" / name
    write_report(results, paper, config, cards, shipped("templates"), target)
    write_overview(Path("reports") / "rendered", paper, RESULTS)
    shown = {
        "metrics": metrics(results, paper, config),
        "learning_curves": learning_curves(results.scores),
        "costs": costs(results.scores),
    }
    write_all_atomically({RESULTS / name / f"{kind}.json": json_bytes(content) for kind, content in shown.items()})
    if has_store():
        log_report(page_files(target), name)
    return target


def page_files(folder: Path) -> tuple[Path, ...]:
    """Give the page of a folder and its tables."""
    return tuple(folder / name for name in ("index.html", "tables.csv", "tables.json"))
