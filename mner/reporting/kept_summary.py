"""Show every kept result with its printed number, without data and without a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mner.base.files import COMMITTED, read_json
from mner.base.terminal import aligned
from mner.evaluation.kept_results import KEPT
from mner.evaluation.paper import Paper
from mner.evaluation.results_schema import AuditResults, ErrorResults
from mner.reporting.dvc_metrics import metrics
from mner.reporting.results import Results, Settings

HEADER = ("cell", "F1 printed", "F1 ours", "s.d.", "difference", "verdict")
Metrics = Mapping[str, Mapping[str, float | str]]


def kept_metrics(folder: Path, paper: Paper, settings: Settings) -> dict[str, Metrics]:
    """Give the metrics of every profile below ``folder`` (``reports/results``), by the profile's name."""
    found: dict[str, Metrics] = {}
    for place in sorted(folder.iterdir()):
        files = {name: place / f"{name}.json" for name in KEPT}
        if all(file.is_file() for file in files.values()):
            held = {name: read_json(file, COMMITTED) for name, file in files.items()}
            results = Results(
                **held,
                statistics={},
                errors=ErrorResults(place.name, (), {}),
                audit=AuditResults(place.name, {}, ()),
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
