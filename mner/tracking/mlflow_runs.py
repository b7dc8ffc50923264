"""Log one run to an MLflow store from its record and the files beside it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mner.tracking.mlflow_database import TrackingError
from mner.tracking.mlflow_store import Child, Store
from mner.tracking.mlflow_values import Point, flatten, milliseconds
from mner.tracking.record import Record

STEP = "epoch"


def parameters_of(
    key: str,
    recipe: Mapping[str, Any],
    options: Mapping[str, Any],
    encoder: Mapping[str, Any],
    data_copy: str,
    visual_input: str,
) -> dict[str, str]:
    nested = {"recipe": recipe, "options": options, "encoder": encoder}
    return flatten({**nested, "data_copy": data_copy, "visual_input": visual_input, "key": key})


def child_of(store: Store, cell: str, record: Record) -> Child:
    parameters = parameters_of(
        record.key, record.recipe, record.options, record.encoder, record.data_copy, record.visual_input
    )
    return store.child(cell, record.key, record.seed, parameters, milliseconds(record.started.isoformat()))


def complete(store: Store, child: Child, record: Record, folder: Path) -> None:
    curve = folder / "curve.csv"
    if record.status == "finished" and not curve.is_file():
        raise TrackingError(f"{curve} is missing though the run is finished; delete the folder and run again")
    tags = [*sorted(folder.glob("*.jsonl")), folder / "tags.json.xz"]
    present = [file for file in (folder / "record.json", curve, *tags) if file.is_file()]
    store.complete(child, record, read_curve(curve) if curve in present else [], present)


def read_curve(path: Path) -> list[Point]:
    """The points of a ``curve.csv``: a column ``epoch`` (from 0) and one a metric; empty cells are left out.

    Raises:
        TrackingError: no such column, or a cell that is not a number.
    """
    points: list[Point] = []
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle)
        for row in rows:
            try:
                step = int(row.pop(STEP))
                points += [(name, step, float(value)) for name, value in row.items() if value]
            except (KeyError, TypeError, ValueError) as error:
                raise TrackingError(f"{path}:{rows.line_num}: not a row of a curve ({error!r})") from error
    return points
