"""Show every kept result with its printed number, without data and without a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mner.base.files import COMMITTED
from mner.base.terminal import aligned
from mner.evaluation.error_results import AuditResults, ErrorResults
from mner.evaluation.kept_results import KEPT
from mner.evaluation.paper import Paper
from mner.evaluation.power import POWER
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.result_files import FILES, read_results
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.statistics import DRAWS, LEVEL
from mner.evaluation.statistics_results import StatisticsResults
from mner.reporting.dvc_metrics import metrics
from mner.reporting.results import Results, Settings

HEADER = ("cell", "F1 printed", "F1 ours", "s.d.", "difference", "verdict")
Metrics = Mapping[str, Mapping[str, float | str]]


def kept_metrics(folder: Path, paper: Paper, settings: Settings) -> dict[str, Metrics]:
    """Give the metrics of every profile below ``folder`` (``reports/results``), by the profile's name."""
    found: dict[str, Metrics] = {}
    for place in sorted(folder.iterdir()):
        scores, rescored = (place / FILES[cls] for cls in KEPT)
        if scores.is_file() and rescored.is_file():
            results = Results(
                read_results(ScoreResults, scores, COMMITTED),
                read_results(RescoredResults, rescored, COMMITTED),
                StatisticsResults(place.name, DRAWS, LEVEL, POWER, {}),
                ErrorResults(place.name, (), {}),
                AuditResults(place.name, {}, ()),
            )
            found[place.name] = metrics(results, paper, settings)
    return found


def render(kept: Mapping[str, Metrics]) -> str:
    """Give one aligned table for each profile."""
    lines = ["kept results that come with the program; `mner init` lays a pipeline here"]
    for profile, cells in kept.items():
        rows = [HEADER, *((cell, *_numbers(values)) for cell, values in cells.items())]
        lines += ["", f"profile {profile}", *aligned(rows, numbers=range(1, 5))]
    return "\n".join(lines) + "\n"


def _numbers(values: Mapping[str, float | str]) -> tuple[str, ...]:
    formats = {"f1_printed": ".2f", "f1": ".2f", "f1_sd": ".2f", "difference": "+.2f", "verdict": ""}
    return tuple(format(values[name], style) if name in values else "–" for name, style in formats.items())
