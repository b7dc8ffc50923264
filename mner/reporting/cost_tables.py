"""What runs cost, per cell and per device, as a table and as a chart of F1 against cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from mner.evaluation.score_results import ScoredCell, Summary
from mner.reporting import charts as svg
from mner.reporting.cells import Cell, Cited, State, Words, cited
from mner.reporting.results import Results, mean_of
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table

NOT_MEASURED = State("not measured", "no run of this cell measured it; energy needs a GPU that counts it")

# Field of a record's throughput, heading with its unit, factor, digits. What no run measured makes no column.
MEASURES: tuple[tuple[str, str, float, int], ...] = (
    ("train_sentences_per_second", "Training, sentences/s", 1, 1),
    ("inference_sentences_per_second", "Inference, sentences/s", 1, 0),
    ("peak_memory_gib", "Peak memory, GiB", 1, 2),
    ("joules", "Energy of training, kJ", 1e-3, 1),
    ("utilisation", "Utilisation, %", 1, 0),
    ("mfu", "MFU, %", 100, 1),
)
RATE_NOTE = "Mean ± s.d. over runs. Rates leave warm-up out."
MFU_NOTE = "MFU: share of the rate at which the same device multiplied matrices, measured in the same run."
ENERGY_NOTE = "Energy is the whole GPU's while the run trained; of runs that shared a device it is not known."
DEVICE_NOTE = "Rows under different devices are not comparable; runs that shared a device each got a part of it."


def cost_table(results: Results, dataset: str) -> Table | None:
    """One row a (device, system), grouped by device, with minutes a run; None where no speed was measured."""
    rows = []
    cells = [cell for cell in results.scores.cells if cell.dataset == dataset and cell.throughput]
    measured = [values for cell in cells for values in cell.throughput.values()]
    present = {name for values in measured for name, found in values.items() if found is not None}
    measures = [measure for measure in MEASURES if measure[0] in present]
    for device in devices(results, dataset):
        for cell in cells:
            if device not in cell.throughput:
                continue
            shown: list[Cell] = [Words(cell.system), minutes_of(results, cell, device)]
            rates = cell.throughput[device]
            shown += [_measured(rates.get(name), factor, digits) for name, _, factor, digits in measures]
            rows.append(Row(f"{cell.system}@{device}", tuple(shown), device))
    if not rows:
        return None
    columns = [Column("system", "System", "words"), Column("minutes", "Minutes a run", "ours")]
    columns += [Column(name, title, "ours") for name, title, *_ in measures]
    wanted_by_note = {MFU_NOTE: "mfu" in present, ENERGY_NOTE: "joules" in present}
    wanted_by_note[DEVICE_NOTE] = len({row.group for row in rows}) > 1
    notes = (RATE_NOTE, *(note for note, wanted in wanted_by_note.items() if wanted))
    title = f"{dataset_title(dataset)}: what a run costs"
    return Table(f"cost-{dataset}", title, dataset, tuple(columns), tuple(rows), results.records, notes)


def devices(results: Results, dataset: str) -> list[str]:
    """Devices that runs of a data set were measured on, in alphabetical order."""
    cells = [cell for cell in results.scores.cells if cell.dataset == dataset]
    return sorted({device for cell in cells for device in cell.throughput})


def minutes_of(results: Results, cell: ScoredCell, device: str) -> Cited:
    """Minutes a run took, evaluation and every process of it included, over the cell's runs on one device."""
    runs = [
        run
        for run in results.scores.runs
        if (run.dataset, run.system) == (cell.dataset, cell.system)
        and run.throughput is not None
        and run.throughput["device"] == device
    ]
    values = tuple(run.duration_seconds / 60 for run in runs)
    return mean_of(values, tuple(run.record for run in runs), digits=1)


def f1_on(results: Results, cell: ScoredCell, device: str) -> Cited:
    """Test F1 (own pictures, standard scorer) over the cell's runs on one device."""
    minutes = minutes_of(results, cell, device)
    whole = cell.own_f1
    by_record = dict(zip(whole.records, whole.values, strict=True))
    return mean_of(tuple(by_record[record] for record in minutes.records), minutes.records)


def _measured(summary: Summary | None, factor: float, digits: int) -> Cell:
    if summary is None:
        return NOT_MEASURED
    if factor == 1:
        return cited(summary, digits=digits)
    values = tuple(factor * value for value in summary.values)
    return mean_of(values, tuple(summary.records), digits=digits)


LEFT, PLOT, RIGHT, TOP, HEIGHT = 56, 568, 16, 14, 300
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
MOST_NAMES = 10  # where there are more systems, only those that nothing cheaper beats are named
LETTER, LINE = 6.6, 13.0  # size of a letter of a name


@dataclass(frozen=True, slots=True)
class CostPoint:
    """A system: minutes a run and test F1, over the same runs."""

    label: str
    minutes: Cited
    f1: Cited

    def hover(self) -> str:
        """What pointing at the dot says."""
        return (
            f"{self.label}: F1 {self.f1.plain()} in {self.minutes.plain()} minutes · {', '.join(self.f1.records)}"
        )


def cost_points(results: Results, dataset: str) -> dict[str, list[CostPoint]]:
    """By device, every system that was measured on it; empty where nothing was."""
    return {
        device: [
            CostPoint(cell.system, minutes_of(results, cell, device), f1_on(results, cell, device))
            for cell in results.scores.cells
            if cell.dataset == dataset and device in (cell.throughput)
        ]
        for device in devices(results, dataset)
    }


def frontier(points: Sequence[CostPoint]) -> list[CostPoint]:
    """The systems that no other beats in F1 at the same cost or less, cheapest first."""
    best: list[CostPoint] = []
    for point in sorted(points, key=lambda one: (one.minutes.value, -one.f1.value)):
        if not best or point.f1.value > best[-1].f1.value:
            best.append(point)
    return best


def cost_chart(title: str, points: Sequence[CostPoint]) -> Markup:
    """Minutes a run to the right (logarithmic), F1 upwards with its s.d.; a line joins those nothing beats.

    Those and, where there are few, all others are named next to their dots; pointing at a dot names any.

    Raises:
        ValueError: no point at all; say in words that nothing was measured.
    """
    if not points:
        raise ValueError(f"{title}: no run was timed, so there is nothing to draw")
    x, y = _Scale.of_minutes(points), _Scale.of_f1(points)
    best = frontier(points)
    steps = _steps(best, x, y)
    parts = [*_axes(x, y), *(svg.line(*step, "level") for step in steps)]
    for point in sorted(points, key=lambda one: one in best):
        parts += _dot(point, x(point.minutes.value), y(point.f1.value), y, point in best)
    named = [*best, *(point for point in points if point not in best and len(points) <= MOST_NAMES)]
    taken = [_Box.around(x(one.minutes.value), y(one.f1.value)) for one in points]
    taken += [_Box(min(a, c), min(b, d), max(a, c), max(b, d) + 1) for a, b, c, d in steps]
    parts += _names(named, taken, x, y)
    return svg.drawing("forest cost", LEFT + PLOT + RIGHT, TOP + HEIGHT + 40, title, parts)


@dataclass(frozen=True, slots=True)
class _Box:
    """The room that a dot or a name takes in the drawing."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float) -> _Box:
        """The box of a dot."""
        return cls(x - 6, y - 6, x + 6, y + 6)

    def meets(self, other: _Box) -> bool:
        apart = self.right < other.left or other.right < self.left
        return not apart and self.top < other.bottom and other.top < self.bottom

    def inside(self) -> bool:
        return self.left >= LEFT and self.right <= LEFT + PLOT + RIGHT and self.top >= 0


def _names(points: Sequence[CostPoint], covered: Sequence[_Box], x: _Scale, y: _Scale) -> list[Markup]:
    """The name of each near its dot, at the first place where it covers nothing."""
    taken, parts = list(covered), []
    for point in points:
        boxes = list(_places(point, x(point.minutes.value), y(point.f1.value)))
        box = next((b for b in boxes if b.inside() and not any(b.meets(other) for other in taken)), boxes[0])
        taken.append(box)
        parts.append(svg.text(box.left, box.bottom - 2.5, point.label, "label"))
    return parts


def _places(point: CostPoint, at: float, height: float) -> Iterator[_Box]:
    """Where the name of a dot may stand, nearest first."""
    width = LETTER * len(point.label)
    for line in (0, -1, 1, -2, 2, -3, 3):
        for start in (at - 10 - width, at + 10, at - width / 2):
            yield _Box(start, height + LINE * (line - 0.5), start + width, height + LINE * (line + 0.5))


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places in the drawing; logarithmic for minutes."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    @classmethod
    def of_minutes(cls, points: Sequence[CostPoint]) -> _Scale:
        values = [point.minutes.value for point in points]
        return cls(min(values) / 1.3, max(values) * 1.3, LEFT, LEFT + PLOT, True)

    @classmethod
    def of_f1(cls, points: Sequence[CostPoint]) -> _Scale:
        ends = [point.f1.value + sign * (point.f1.sd or 0.0) for point in points for sign in (-1, 1)]
        margin = max(0.5, 0.08 * (max(ends) - min(ends)))
        return cls(max(0.0, min(ends) - margin), min(100.0, max(ends) + 2 * margin), TOP + HEIGHT, TOP, False)

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            return [tick for tick in TICKS if self.low <= tick <= self.high] or [self.low * 1.3]
        return [self.low + share * (self.high - self.low) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]


def _axes(x: _Scale, y: _Scale) -> list[Markup]:
    bottom = TOP + HEIGHT
    parts = [svg.line(LEFT, bottom, LEFT + PLOT, bottom, "tick"), svg.line(LEFT, TOP, LEFT, bottom, "tick")]
    for tick in x.ticks():
        parts += [svg.line(x(tick), TOP, x(tick), bottom, "tick")]
        parts += [svg.text(x(tick), bottom + 15, f"{tick:g}", "under", "middle")]
    for tick in y.ticks():
        parts += [svg.text(LEFT - 7, y(tick) + 4, f"{tick:.1f}", "under", "end")]
    parts.append(svg.text(LEFT + PLOT, bottom + 32, "test F1 against minutes a run (logarithmic)", "under", "end"))
    return parts


def _steps(best: Sequence[CostPoint], x: _Scale, y: _Scale) -> list[tuple[float, float, float, float]]:
    """The lines between the best: to the right as far as the next costs, then up to its F1."""
    lines = []
    for one, after in pairwise(best):
        corner = x(after.minutes.value), y(one.f1.value)
        lines.append((x(one.minutes.value), y(one.f1.value), *corner))
        lines.append((*corner, corner[0], y(after.f1.value)))
    return lines


def _dot(point: CostPoint, at: float, height: float, y: _Scale, best: bool) -> list[Markup]:
    """The dot with its s.d., filled where nothing cheaper beats the system."""
    parts = []
    if point.f1.sd is not None:
        ends = [y(point.f1.value + sign * point.f1.sd) for sign in (-1, 1)]
        parts.append(svg.line(at, ends[0], at, ends[1], "interval series0"))
    return [*parts, svg.dot(at, height, "series0" if best else "beaten", point.hover())]
