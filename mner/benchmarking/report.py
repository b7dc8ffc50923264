"""The answers of ``mner bench`` as text: speed beside anchors, a step's profile, packing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from mner.asked import require_system
from mner.benchmarking import packing, profiling, render
from mner.benchmarking.levers import Levers
from mner.benchmarking.measure import Clock
from mner.benchmarking.models import build_model, speed_recipe
from mner.benchmarking.released import RELEASED
from mner.benchmarking.speed import FULL, QUICK, Trainee, plain_line, system_lines
from mner.benchmarking.workload import make_workload
from mner.config import Config, ConfigError
from mner.files import write_json_atomically
from mner.models.encoders import tokenizer_of
from mner.models.system import load_system
from mner.training.flops import matrix_ceiling

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
    machine = render.machine_of(clock, ceilings(clock))
    if options.json is not None:
        write_json_atomically(options.json, render.as_json(lines, machine, command))
    return render.table(lines, machine)


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
