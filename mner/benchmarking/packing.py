"""Time several seeds on one device, as processes side by side."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import torch

from mner.base.terminal import aligned
from mner.benchmarking.bench_models import build_model, speed_recipe
from mner.benchmarking.speed import Trainee
from mner.benchmarking.workload import make_workload
from mner.config import Config
from mner.models.encoders import tokenizer_of
from mner.models.system import load_system
from mner.training.determinism import keep_freed_memory, make_deterministic

WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Packing:
    """Seconds for the same number of updates of every seed: one alone, and ``seeds`` processes at once."""

    seeds: int
    updates: int
    alone: float
    processes: float

    def render(self) -> str:
        """An aligned table; the last column is what packing is judged by."""
        rows = (
            ("one seed alone", self.alone, 1),
            (f"{self.seeds} seeds, one process each", self.processes, self.seeds),
        )
        shown = [
            (name, f"{seconds:.2f}", f"{seconds / seeds:.2f}", f"{seconds / self.alone:.2f} x")
            for name, seconds, seeds in rows
        ]
        lines = aligned([("way", "s", "s a seed", "times one alone"), *shown], numbers=(1, 2, 3))
        lines.append(f"{self.updates} updates a seed, batches of 16; starting the processes is left out")
        return "\n".join(lines) + "\n"


def measure_packing(
    config: Config, size: str, dataset: str, device: torch.device, seeds: int, updates: int
) -> Packing:
    """Measure ``bert`` (softmax) at ``size``; rounds of both alternate, so that load hits all alike."""
    job = _Job(config, size, dataset, str(device), torch.get_num_threads(), updates)
    seen: dict[str, list[float]] = {"alone": [], "processes": []}
    for _ in range(2):
        seen["alone"].append(side_by_side(job, 1))
        seen["processes"].append(side_by_side(job, seeds))
    times = {name: statistics.median(values) for name, values in seen.items()}
    return Packing(seeds, updates, times["alone"], times["processes"])


@dataclass(frozen=True, slots=True)
class _Job:
    config: Config
    size: str
    dataset: str
    device: str
    threads: int
    updates: int

    def trainee(self, seed: int) -> Trainee:
        """Model, optimiser and data of one seed."""
        settings, device = self.config.systems["bert"], torch.device(self.device)
        module, tokenizer = load_system(settings.file), tokenizer_of(self.config.encoders["minilm"])
        workload = make_workload(Path(), self.dataset, tokenizer, module, settings.options, device)
        torch.manual_seed(seed)
        model = build_model(module, settings.options, workload, self.size, device)
        return Trainee(model, speed_recipe(self.config, "bert"), workload, device)


def side_by_side(job: _Job, processes: int) -> float:
    """Seconds from the moment all are ready until the last of ``processes`` is done; threads are shared out."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.SimpleQueue()
    threads = max(1, job.threads // processes)
    workers = [
        context.Process(target=_work, args=(job, seed, threads, barrier, results)) for seed in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    failed = [worker.exitcode for worker in workers if worker.exitcode]
    if failed:
        raise RuntimeError(f"{len(failed)} of {processes} benchmark processes failed; their errors stand above")
    spans = [results.get() for _ in workers]
    return max(end for _, end in spans) - min(start for start, _ in spans)


def _work(job: _Job, seed: int, threads: int, barrier: Barrier, results: Any) -> None:
    try:
        make_deterministic()
        keep_freed_memory()
        torch.set_num_threads(threads)
        trainee = job.trainee(seed)
        batches = trainee.workload.batches(16, job.updates, training=True)
        for rows in batches[:WARM_UP]:
            trainee.train(trainee.workload.on(rows, trainee.device), trainee.recipe)
        _wait(trainee.device)
        barrier.wait(timeout=600)
        # The monotonic clock is the machine's, so moments of different processes may be subtracted.
        started = time.monotonic()
        for rows in _repeated(batches, job.updates):
            trainee.train(trainee.workload.on(rows, trainee.device), trainee.recipe)
        _wait(trainee.device)
        results.put((started, time.monotonic()))
    except BaseException:
        barrier.abort()
        raise


def _repeated(batches: Sequence[list[int]], count: int) -> list[list[int]]:
    return [batches[number % len(batches)] for number in range(count)]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
