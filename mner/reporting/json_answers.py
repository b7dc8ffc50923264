"""Give the answers of ``mner explain`` and ``mner compare`` as plain data, from the same numbers as their text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mner.evaluation.kept_results import NoResultsError
from mner.evaluation.paper import Paper
from mner.evaluation.result_files import as_json
from mner.reporting.dvc_metrics import metrics
from mner.reporting.explanation import where_ours, where_printed
from mner.reporting.log_tables import logs_of
from mner.reporting.results import Results, Settings
from mner.reporting.text_only import primary_pair

RUN = ("seed", "key", "record", "finished_at", "best_epoch", "dev_f1", "views")


def explained(query: str, results: Results | None, paper: Paper, settings: Settings) -> Mapping[str, Any]:
    """Give what stands behind a cell (``twitter2017/rgcn``) or a number (``87.11``).

    Without ``results`` a number has its printed places, and None for ours.

    Raises:
        NoResultsError: The profile has no such cell.
    """
    if results is not None and "/" in query:
        return _cell(query, results, paper, settings)
    printed = where_printed(query, paper)
    return {
        "number": query,
        "printed": [
            dict(zip(("row", "dataset", "metric", "text", "system"), found, strict=True)) for found in printed
        ],
        "logs": [
            {"id": log.id, "source": log.source, **as_json(log.verdict)}
            for _, dataset, metric, _, system in printed
            if metric == "F1"
            for log in logs_of(query, dataset, system, paper)
        ],
        "ours": None
        if results is None
        else [
            dict(zip(("table", "dataset", "row", "column", "text", "records"), found, strict=True))
            for found in where_ours(query, results, paper, settings)
        ],
    }


def _cell(query: str, results: Results, paper: Paper, settings: Settings) -> Mapping[str, Any]:
    dataset, _, system = query.partition("/")
    cells = results.scores.cells_by_place
    if (dataset, system) not in cells:
        known = ", ".join("/".join(place) for place in cells)
        raise NoResultsError(f"no cell {query} in profile {results.scores.profile}; there are {known}")
    runs = [run for run in results.scores.runs if (run.dataset, run.system) == (dataset, system)]
    return {
        "profile": results.scores.profile,
        "cell": as_json(cells[dataset, system]),
        "against_the_paper": metrics(results, paper, settings).get(query),
        "runs": [{name: as_json(getattr(run, name)) for name in RUN} for run in runs],
        "scorers": [
            {"seed": run.seed, "versions": as_json(run.versions)} for run in results.runs(dataset, system)
        ],
    }


def compared(a: str, b: str, results: Results, dataset: str | None = None) -> list[Mapping[str, Any]]:
    """Give the paired comparison of two systems, ``a`` minus ``b``, on every data set or on one."""
    return [
        {
            "dataset": name,
            "comparison": as_json(results.statistics.datasets[name].pair(a, b)),
            "primary": as_json(primary_pair(results, name, a, b)),
        }
        for name in ([dataset] if dataset else results.scores.datasets)
    ]
