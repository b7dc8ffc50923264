"""How fast runs trained and predicted, by device: numbers of different hardware bear different marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mner.reporting.cells import Cell, State, cited

MARKS = "abcdefghij"


def device_marks(cells: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Footnote mark of every device that a speed of these cells of ``scores.json`` was measured on."""
    names = sorted({name for cell in cells for name in cell.get("throughput") or {}})
    return {name: MARKS[i] if i < len(MARKS) else f"({name})" for i, name in enumerate(names)}


def training_speed(cell: Mapping[str, Any] | None, devices: Mapping[str, str]) -> Cell:
    """Sentences per second while training, marked as soon as ``devices`` are more than one."""
    measured = (cell or {}).get("throughput") or {}
    if not measured:
        return State("–", "no speed was measured")
    if len(measured) > 1:
        return State("see cost.md", "measured on several devices")
    ((device, values),) = measured.items()
    mark = f" ({devices[device]})" if len(devices) > 1 else ""
    return cited(values["train_sentences_per_second"], digits=0, mark=mark)


def speed_note(devices: Mapping[str, str]) -> str:
    """What the column of speeds holds, and on which hardware; empty where nothing was timed."""
    if not devices:
        return ""
    what = "Sentences/s: while training, mean ± s.d. over runs, on"
    if len(devices) == 1:
        return f"{what} {next(iter(devices))}."
    named = ", ".join(f"({mark}) {name}" for name, mark in devices.items())
    return f"{what} several devices; numbers with different marks are not comparable: {named}."
