"""Fill MLflow from the records of finished runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.tracking.mlflow_database import TrackingError
from mner.tracking.mlflow_tracker import REBUILD, shown, tracking_uri

GROUP, EXAMPLE = "run", "mner track --rebuild"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rebuild", action="store_true", help="from the files alone; safe to repeat")
    parser.add_argument(
        "--from-reference", action="store_true", help="from the committed results, with their scores"
    )
    parser.add_argument("--uri", help="the store to fill (default: MLFLOW_TRACKING_URI, or mlflow.db)")


def run(options: argparse.Namespace) -> None:
    from mner.base.shipped_files import shipped
    from mner.evaluation.kept_results import REFERENCE, kept_of
    from mner.evaluation.paper_reading import load_paper
    from mner.evaluation.printed_gaps import printed_gaps
    from mner.evaluation.published_recipes import requirements
    from mner.evaluation.rescored_results import RescoredResults
    from mner.evaluation.result_files import as_json
    from mner.evaluation.score_results import ScoreResults
    from mner.reporting.overview import PAGE
    from mner.reporting.profile_report import page_files
    from mner.tagger.mlflow_model import log_models
    from mner.tracking.mlflow_rebuild import log_report, log_scores, rebuild

    if not options.rebuild:
        raise TrackingError(f"training tracks by itself; to fill MLflow from the files of runs: {REBUILD}")
    config = settings()
    name, uri = config.active.name, options.uri or tracking_uri()
    reference = options.from_reference
    count = rebuild(REFERENCE / name / "runs" if reference else Path("runs", name), name, uri)
    scores = kept_of(ScoreResults, name) if reference else None
    if scores is not None:
        paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
        rescored = kept_of(RescoredResults, name)
        printed = {} if rescored is None else printed_gaps(scores, rescored, paper, config.verify)
        log_scores(as_json(scores), name, uri, printed)
    log_report(page_files(PAGE if reference else Path("reports/rendered", name)), name, uri)
    models, refused = (0, ()) if reference else log_models(Path("runs", name), name, uri)
    for line in refused:
        show(f"no model: {line}")
    with_models = f", {models} with a model" if models else ""
    show(
        f"{count} runs{with_models} are in {shown(uri)}; look at them with: "
        f"mlflow ui --backend-store-uri {shown(uri)}"
    )
