"""Dev F1 by epoch of the headline systems' kept runs, as one small drawing a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from mner.reporting import charts as svg
from mner.reporting.kept_cells import KeptCells
from mner.reporting.run_facts import dataset_title

SYSTEMS = {"bert-crf": "BERT-CRF", "rgcn": "R-GCN", "ita-all-cva": "ITA"}
WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 40, 112, 14, 34
LABEL_ROOM = 17.0


@dataclass(frozen=True, slots=True)
class Curve:
    """Dev F1 in percent by epoch of one run."""

    system: str
    profile: str
    values: tuple[float, ...]


def curves_of(kept: KeptCells, dataset: str) -> tuple[Curve, ...]:
    """Give the curves of the preferred profile's runs of each system."""
    found = []
    for system in SYSTEMS:
        cell = kept.best(dataset, system)
        for record in cell.level.records if cell else ():
            run = kept.runs[record]
            if len(run.dev_f1) > 1:
                found.append(Curve(system, run.profile, run.dev_f1))
    return tuple(found)


def curve_chart(dataset: str, curves: Sequence[Curve]) -> Markup:
    """Epochs from left to right, dev F1 upwards; one line a run, one colour a system."""
    low = min(min(curve.values) for curve in curves)
    high = max(max(curve.values) for curve in curves)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    epochs = max(len(curve.values) for curve in curves)

    def x(epoch: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * epoch / (epochs - 1)

    def y(f1: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - f1) / (high - low)

    parts = _axes(epochs, low, high, x, y)
    ends: dict[str, float] = {}
    for curve in curves:
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in enumerate(curve.values))
        style = f"run series{list(SYSTEMS).index(curve.system)}"
        parts.append(Markup('<polyline points="{}" class="{}"/>').format(points, style))
        ends[curve.system] = y(curve.values[-1])
    below = TOP - LABEL_ROOM
    for system, place in sorted(ends.items(), key=lambda end: end[1]):
        below = max(place + 4, below + LABEL_ROOM)
        style = f"name series{list(SYSTEMS).index(system)}"
        parts.append(svg.text(WIDTH - RIGHT + 10, below, SYSTEMS[system], style))
    said = f"Dev F1 by epoch on {dataset_title(dataset)}, one line a run"
    return svg.drawing("curves", WIDTH, HEIGHT, said, parts)


def _axes(epochs: int, low: float, high: float, x: Any, y: Any) -> list[Markup]:
    parts = []
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= 6)
    tick = -(-low // step) * step
    while tick <= high:
        parts.append(svg.line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "tick"))
        parts.append(svg.text(LEFT - 8, y(tick) + 4, f"{tick:g}", "under", "end"))
        tick += step
    every = -(-epochs // 12)
    for epoch in range(0, epochs, every):
        parts.append(svg.text(x(epoch), HEIGHT - 14, str(epoch + 1), "under", "middle"))
    parts.append(svg.text(WIDTH - RIGHT + 10, HEIGHT - 14, "epoch", "under"))
    return parts
