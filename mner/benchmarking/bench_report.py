"""Run the benchmarks and render them as aligned tables."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mner.base.files import write_json_atomically
from mner.base.meters import describe_device
from mner.base.terminal import aligned
from mner.benchmarking import packing, profiling
from mner.benchmarking.bench_models import ANCHOR_THREADS, RELEASED, build_model, speed_recipe
from mner.benchmarking.levers import Levers
from mner.benchmarking.measure import Clock
from mner.benchmarking.speed import FULL, QUICK, Line, Trainee, plain_line, system_lines
from mner.benchmarking.workload import make_workload
from mner.config import Config, ConfigError
from mner.config.names import require_system
from mner.models.encoders import tokenizer_of
from mner.models.system import load_system
from mner.training.determinism import has_bfloat16
from mner.training.flops import matrix_ceiling


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


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PROFILED_STEPS, PACKED_UPDATES = 10, 20


def speed_report(
    config: Config, options: argparse.Namespace, root: Path, device: torch.device, command: str
) -> str:
    """The table; with ``--json`` every round is written to a file, too."""
    names = options.only or [*RELEASED, "bert-crf"]
    unknown = [name for name in names if name not in (*RELEASED, "bert-crf")]
    if unknown:
        raise ConfigError(f"bench: no anchor for {', '.join(unknown)}; choose {', '.join(RELEASED)} or bert-crf")
    effort, size, clock = QUICK if options.quick else FULL, options.size or "bert-base", _clock(options, device)
    lines = []
    for name in names:
        if name == "bert-crf":
            lines.append(plain_line(config, root, options.dataset, clock, effort))
        else:
            lines += system_lines(config, name, size, root, options.dataset, clock, effort)
    machine = machine_of(clock, ceilings(clock))
    if options.json is not None:
        write_json_atomically(options.json, as_json(lines, machine, command))
    return table(lines, machine)


def _clock(options: argparse.Namespace, device: torch.device) -> Clock:
    try:
        return Clock(device, options.cpu_time)
    except ValueError as error:
        raise ConfigError(f"bench: {error}") from error


def ceilings(clock: Clock) -> Mapping[str, float]:
    """Measured matrix products per second of both precisions."""
    return {name: matrix_ceiling(clock.device, dtype, clock) for name, dtype in DTYPES.items()}


def profile_report(config: Config, options: argparse.Namespace, root: Path, device: torch.device) -> str:
    """Where a training step's time goes, for any row of params.yaml."""
    name = options.profile
    require_system(name, config)
    size = options.size or ("minilm" if name == "bert-crf" else "bert-base")
    row = config.systems[name]
    module, tokenizer = load_system(row.file), tokenizer_of(config.encoders["minilm"])
    workload = make_workload(root, options.dataset, tokenizer, module, row.options, device)
    model = build_model(module, row.options, workload, size, device)
    trainee = Trainee(model, speed_recipe(config, name), workload, device)
    steps = 3 if options.quick else PROFILED_STEPS
    found = profiling.profile_step(trainee, name, workload.batches(16, steps, training=True))
    notes = f"{size}, {workload.source}, {torch.get_num_threads()} threads, {device}"
    return f"{profiling.render_profile(found)}{notes}"


def levers_report(config: Config, options: argparse.Namespace, root: Path, device: torch.device) -> str:
    """Each lever of ``bert-crf``'s step, pulled and not."""
    size = options.size or "minilm"
    levers = Levers(config, size, root, options.dataset, _clock(options, device))
    rounds, batches = (2, 3) if options.quick else (5, 12)
    for line in levers.table(rounds, batches):
        print(line, flush=True)
    of = "CPU time" if options.cpu_time else "the clock"
    return f"bert-crf, {size}, {torch.get_num_threads()} threads, {device}; {rounds} rounds in turns, by {of}"


def packing_report(config: Config, options: argparse.Namespace, device: torch.device) -> str:
    """Seeds at once against one alone."""
    size, updates = options.size or "minilm", 5 if options.quick else PACKED_UPDATES
    found = packing.measure_packing(config, size, options.dataset, device, options.seeds, updates)
    if options.json is not None:
        write_json_atomically(options.json, asdict(found))
    return found.render()
