"""Cost: every number cited, hardware kept apart, the frontier is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_runs
from support.filled_results import changed

from mner.reporting.cells import Cited, State
from mner.reporting.cost_tables import CostPoint, cost_chart, cost_points, cost_table, f1_on, frontier
from mner.reporting.results import Results
from mner.reporting.tables import to_markdown

FABRICATED = vars(fabricated_runs)
SYSTEMS = ("bert-crf", "umt", "rgcn", "iaik")
ACTIVE = FABRICATED["Active"]("tiny", ("twitter2017",), SYSTEMS, (1, 2))
CPU, GPU = "cpu: Intel Xeon, 2 threads", "cuda: <H200>"


def _throughput(dataset: str, system: str, seed: int) -> dict[str, Any] | None:
    speeds = FABRICATED["record_fields"]("tiny", dataset, system, seed, {})["throughput"]
    if system == "iaik":
        return None
    on_gpu = system == "umt" or (system == "rgcn" and seed == 2)
    return speeds | ({"device": GPU, "joules": 5000.0 * seed} if on_gpu else {})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    root = tmp_path_factory.mktemp("results")
    FABRICATED["make_runs"](
        root,
        ACTIVE,
        lambda dataset, system, seed, view: 0.1 + 0.02 * seed,
        throughput=_throughput,
        duration_seconds=lambda dataset, system, seed: 60.0 * seed * (1 + SYSTEMS.index(system)),
    )
    return FABRICATED["evaluated"](root, ACTIVE)


def test_a_cell_measured_on_two_devices_has_a_row_on_each(results: Results) -> None:
    table = cost_table(results, "twitter2017")
    rows = {row.id: row for row in table.rows}
    assert set(rows) == {f"bert-crf@{CPU}", f"rgcn@{CPU}", f"rgcn@{GPU}", f"umt@{GPU}"}
    assert {row.group for row in table.rows} == {CPU, GPU}
    minutes = {name: row.cells[1] for name, row in rows.items()}
    assert minutes[f"bert-crf@{CPU}"].values == (1.0, 2.0)
    assert minutes[f"rgcn@{CPU}"].values == (3.0,)
    assert minutes[f"rgcn@{GPU}"].values == (6.0,)
    for name, cell in minutes.items():
        assert all(name.split("@")[0] in record for record in cell.records)


def test_energy_is_a_number_where_measured_and_a_state_elsewhere(results: Results) -> None:
    table = cost_table(results, "twitter2017")
    place = [column.key for column in table.columns].index("joules")
    energy = {row.id: row.cells[place] for row in table.rows}
    assert energy[f"umt@{GPU}"].values == pytest.approx((5.0, 10.0)), "kilojoules"
    assert isinstance(energy[f"bert-crf@{CPU}"], State)
    assert "mfu" not in [column.key for column in table.columns], "no run has it, so it makes no column"
    assert "Energy of training, kJ" in to_markdown(table)
    assert any("of runs that shared a device" in note for note in table.notes)


def test_units_stand_in_the_headings_alone_and_what_no_run_measured_has_no_column(results: Results) -> None:
    table = cost_table(results, "twitter2017")
    titles = [column.title for column in table.columns]
    assert not any("tilisation" in title for title in titles), "every record says None"
    text = to_markdown(table).split("\n\n")[1]
    for unit in ("minutes", "sentences per second", "GiB", "kJ"):
        assert unit not in "".join(row for row in text.splitlines()[2:])
    assert "Training, sentences/s" in titles
    assert any(note.startswith("Rows under different devices") for note in table.notes)


def test_a_table_of_one_cpu_says_nothing_of_energy_or_of_other_devices(tmp_path: Path) -> None:
    active = FABRICATED["Active"]("tiny", ("twitter2017",), ("umt",), (1,))
    FABRICATED["make_runs"](tmp_path, active, lambda *_: 0.2)
    table = cost_table(FABRICATED["evaluated"](tmp_path, active), "twitter2017")
    assert table.notes == ("Mean ± s.d. over runs. Rates leave warm-up out.",)
    assert not any("nergy" in column.title for column in table.columns)


def test_f1_against_cost_is_of_the_runs_on_that_device_alone(results: Results) -> None:
    cell = next(one for one in results.scores.cells if one.system == "rgcn")
    (cpu, gpu) = cell.views["test.own"].f1.values
    assert cpu != gpu
    assert [f1_on(results, cell, device).values for device in (CPU, GPU)] == [(cpu,), (gpu,)]


def test_a_share_of_the_matrix_rate_is_printed_in_percent(results: Results) -> None:
    def measure(scores: dict[str, Any]) -> None:
        meters = next(one for one in scores["cells"] if one["system"] == "umt")["throughput"][GPU]
        meters["mfu"] = meters["joules"] | {"mean": 0.25, "sd": 0.0, "values": [0.25, 0.25]}

    scores = changed(results.scores, measure)
    table = cost_table(replace(results, scores=scores), "twitter2017")
    place = [column.key for column in table.columns].index("mfu")
    shown = {row.id: row.cells[place].plain() for row in table.rows}
    assert shown[f"umt@{GPU}"] == "25.0 ± 0.0"


def test_nothing_timed_makes_no_table(tmp_path: Path) -> None:
    active = FABRICATED["Active"]("tiny", ("twitter2017",), ("iaik",), (1,))
    FABRICATED["make_runs"](tmp_path, active, lambda *_: 0.2, throughput=None)
    found = FABRICATED["evaluated"](tmp_path, active)
    assert cost_table(found, "twitter2017") is None
    assert cost_points(found, "twitter2017") == {}
    with pytest.raises(ValueError, match="no run was timed"):
        cost_chart("cost", [])


def _point(label: str, minutes: float, f1: float) -> CostPoint:
    record = (f"runs/{label}/record.json",)
    return CostPoint(label, Cited(minutes, record, (minutes,)), Cited(f1, record, (f1,)))


def test_the_frontier_holds_what_nothing_cheaper_beats() -> None:
    points = [
        _point("slow", 9.0, 80.0),
        _point("cheap", 1.0, 70.0),
        _point("waste", 5.0, 69.0),
        _point("mid", 3.0, 75.0),
    ]
    best = frontier(points)
    assert [point.label for point in best] == ["cheap", "mid", "slow"]
    for point in points:
        beaten = any(o.minutes.value <= point.minutes.value and o.f1.value > point.f1.value for o in points)
        assert (point in best) != beaten


def test_the_drawing_places_cheap_left_and_good_high_and_escapes(results: Results) -> None:
    drawing = str(cost_chart("cost on <x>", [_point("a", 1.0, 60.0), _point("b", 10.0, 80.0)]))
    dots = [part.split('"') for part in drawing.split("<circle ")[1:]]
    (left, low), (right, high) = (
        (float(dot[1]), float(dot[3])) for dot in sorted(dots, key=lambda d: float(d[1]))
    )
    assert left < right
    assert low > high, "SVG counts downwards"
    assert "&lt;x&gt;" in drawing
    assert "runs/a/record.json" in drawing
    for points in cost_points(results, "twitter2017").values():
        assert len(points) == 2
        assert "&lt;H200&gt;" in str(cost_chart(f"minutes on {GPU}", points))
        assert GPU not in str(cost_chart(f"minutes on {GPU}", points))
