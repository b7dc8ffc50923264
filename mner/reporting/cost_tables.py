"""What a run costs, per cell and per device; numbers of different hardware stand in different rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mner.evaluation.averages import own_f1
from mner.reporting.cells import Cell, Cited, State, Words, cited
from mner.reporting.results import Results, mean_of
from mner.reporting.tables import Column, Row, Table
from mner.reporting.titles import dataset_title

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
    cells = [cell for cell in results.scores["cells"] if cell["dataset"] == dataset and cell.get("throughput")]
    measured = [values for cell in cells for values in cell["throughput"].values()]
    present = {name for values in measured for name, found in values.items() if found is not None}
    measures = [measure for measure in MEASURES if measure[0] in present]
    for device in devices(results, dataset):
        for cell in cells:
            if device not in cell["throughput"]:
                continue
            shown: list[Cell] = [Words(cell["system"]), minutes_of(results, cell, device)]
            shown += [_measured(cell["throughput"][device].get(name), *style) for name, _, *style in measures]
            rows.append(Row(f"{cell['system']}@{device}", tuple(shown), device))
    if not rows:
        return None
    columns = [Column("system", "System", "words"), Column("minutes", "Minutes a run", "ours")]
    columns += [Column(name, title, "ours") for name, title, *_ in measures]
    told = {MFU_NOTE: "mfu" in present, ENERGY_NOTE: "joules" in present}
    told[DEVICE_NOTE] = len({row.group for row in rows}) > 1
    notes = (RATE_NOTE, *(note for note, wanted in told.items() if wanted))
    title = f"{dataset_title(dataset)}: what a run costs"
    return Table(f"cost-{dataset}", title, dataset, tuple(columns), tuple(rows), results.records, notes)


def devices(results: Results, dataset: str) -> list[str]:
    """Devices that runs of a data set were measured on, in alphabetical order."""
    cells = [cell for cell in results.scores["cells"] if cell["dataset"] == dataset]
    return sorted({device for cell in cells for device in cell.get("throughput") or {}})


def minutes_of(results: Results, cell: Mapping[str, Any], device: str) -> Cited:
    """Minutes a run took, evaluation and every process of it included, over the cell's runs on one device."""
    runs = [
        run
        for run in results.scores["runs"]
        if (run["dataset"], run["system"]) == (cell["dataset"], cell["system"])
        and run["throughput"] is not None
        and run["throughput"]["device"] == device
    ]
    values = tuple(run["duration_seconds"] / 60 for run in runs)
    return mean_of(values, tuple(run["record"] for run in runs), digits=1)


def f1_on(results: Results, cell: Mapping[str, Any], device: str) -> Cited:
    """Test F1 (own pictures, standard lens) over the cell's runs on one device."""
    minutes = minutes_of(results, cell, device)
    whole = own_f1(cell)
    by_record = dict(zip(whole["records"], whole["values"], strict=True))
    return mean_of(tuple(by_record[record] for record in minutes.records), minutes.records)


def _measured(summary: Mapping[str, Any] | None, factor: float, digits: int) -> Cell:
    if summary is None:
        return NOT_MEASURED
    if factor == 1:
        return cited(summary, digits=digits)
    values = tuple(factor * value for value in summary["values"])
    return mean_of(values, tuple(summary["records"]), digits=digits)
