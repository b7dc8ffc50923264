"""The benchmark as a table for a terminal and as JSON; every number beside what it is to be read against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mner.benchmarking.measure import Clock
from mner.benchmarking.released import ANCHOR_THREADS
from mner.benchmarking.speed import Line
from mner.columns import aligned
from mner.training.meters import describe_device
from mner.training.precision import has_bfloat16


@dataclass(frozen=True, slots=True)
class Machine:
    """What the numbers were measured on; ``ceilings`` are measured matrix products per second by precision."""

    device: str
    threads: int
    torch: str
    native_bfloat16: bool
    cpu_time: bool
    ceilings: Mapping[str, float]

    @property
    def like_the_anchors(self) -> bool:
        """Whether the anchors, measured with 2 CPU threads, may be compared with."""
        return self.device.startswith("cpu") and self.threads == ANCHOR_THREADS and not self.cpu_time


def machine_of(clock: Clock, ceilings: Mapping[str, float]) -> Machine:
    """This machine, and what its seconds are."""
    device, threads = clock.device, torch.get_num_threads()
    return Machine(
        describe_device(device), threads, torch.__version__, has_bfloat16(device), clock.cpu_time, ceilings
    )


HEADER = ("system", "what", "size", "ours", "beside", "ratio", "anchor", "ratio", "precision", "MFU")


def table(lines: Sequence[Line], machine: Machine) -> str:
    """Aligned columns, then what they mean."""
    rows = [HEADER, *(_row(line, machine) for line in lines)]
    text = aligned(rows, numbers={3, 4, 5, 6, 7, 9}, header=True)
    return "\n".join([*text, "", *_notes(lines, machine)]) + "\n"


def _row(line: Line, machine: Machine) -> tuple[str, ...]:
    comparable = line.anchor is not None and machine.like_the_anchors
    ceiling = machine.ceilings.get(line.precision)
    share = None if line.flops is None or ceiling is None else line.ours.median * line.flops / ceiling
    return (
        line.system,
        line.task,
        line.size,
        _rate(line.ours.median),
        _rate(line.beside.median),
        f"{line.ours.over(line.beside):.1f} x",
        "-" if line.anchor is None else f"{line.anchor:g}",
        f"{line.ours.median / line.anchor:.1f} x" if comparable and line.anchor else "-",
        line.precision,
        "-" if share is None else f"{100 * share:.0f} %",
    )


def _rate(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _notes(lines: Sequence[Line], machine: Machine) -> list[str]:
    unit = "second of CPU time" if machine.cpu_time else "second"
    rounds = len(lines[0].ours.rounds) if lines else 0
    notes = [
        f"device: {machine.device}; torch {machine.torch}; bfloat16 in hardware: "
        f"{'yes' if machine.native_bfloat16 else 'no'}; matrix products "
        + ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in machine.ceilings.items()),
        f"ours, beside, anchor: sentences per {unit}; median of {rounds} rounds, ours and beside in turns; "
        "warm-up left out, CUDA waited for",
    ]
    for source in dict.fromkeys(line.source for line in lines):
        notes.append(f"batches: {source}; regions, where read: random, 49 x 2048, 5 + 5 neighbours")
    for system, name in dict.fromkeys((line.system, line.beside_name) for line in lines):
        notes.append(f"beside {system}: {name}")
    anchors = dict.fromkeys((line.anchor_name, line.task, line.anchor) for line in lines if line.anchor)
    notes.append(
        "anchors, measured on 2 CPU cores: "
        + "; ".join(f"{name} {task} {anchor:g}" for name, task, anchor in anchors)
    )
    if not machine.like_the_anchors:
        notes.append("other hardware, threads or clock than the anchors': no ratio to them")
    notes.append("MFU: share of the matrix rate above that the products of forward and backward pass use")
    return notes


def as_json(lines: Sequence[Line], machine: Machine, command: str) -> dict[str, Any]:
    """Everything measured, every round included."""
    return {"command": command, "machine": asdict(machine), "lines": [asdict(line) for line in lines]}
