"""Durations, memory and energy of training and inference. A meter measures and never decides anything."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mner.base.machine import GIB, cpu_name

UTILISATION_INTERVAL_SECONDS = 1.0
PROCESS_STATUS = Path("/proc/self/status")
PROCESS_RESET = Path("/proc/self/clear_refs")
Spent = dict[str, dict[str, float | None]]
"""What a run has used so far, by part (``training``, ``inference``, ``run``), as a checkpoint keeps it."""


class GpuCounters:
    """NVML's view of one GPU as a whole, other processes on it included.

    ``open`` gives None where NVML is not there: no driver, no ``nvidia-ml-py``, or a device NVML does not list.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @classmethod
    def open(cls, device: torch.device) -> GpuCounters | None:
        try:
            import pynvml
        except ImportError:
            return None
        # By its UUID, as CUDA_VISIBLE_DEVICES renumbers torch's devices but not NVML's.
        identity = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        try:
            pynvml.nvmlInit()
            return cls(pynvml.nvmlDeviceGetHandleByUUID(identity))
        except pynvml.NVMLError:
            return None

    def joules(self) -> float | None:
        """Energy since the driver was loaded; None where the GPU does not count it."""
        import pynvml

        try:
            return pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000
        except pynvml.NVMLError:
            return None

    def utilisation(self) -> float | None:
        """Percent of the last moments (NVML: at most a second) in which some kernel ran."""
        import pynvml

        try:
            return float(pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu)
        except pynvml.NVMLError:
            return None


class Meter:
    """Sentences per second over phases (epochs of training, passes of inference), warm-up batches left out.

    The first ``warmup`` batches of the first phases are not timed. A timed stretch runs from the end of warm-up,
    or from the start of its phase, to the end of the phase, loading of batches included; the device is waited
    for at both ends only, so measuring does not slow the work. Where several runs share a device each one's rate
    is what it got beside the others.

    Raises:
        ValueError: a device other than cpu and cuda, which we could not wait for.
    """

    def __init__(self, device: torch.device, warmup: int = 3) -> None:
        if device.type not in ("cpu", "cuda"):
            raise ValueError(f"cannot measure on device {device}: only cpu and cuda can be waited for")
        self.device = device
        self._warmup_left = warmup
        self._started: float | None = None
        self._pending = 0
        self._sentences = 0
        self._seconds = 0.0
        self._inside = False
        self._counters = GpuCounters.open(device) if device.type == "cuda" else None
        self._joules: float | None = None
        self._utilisation = 0.0
        self._samples = 0
        self._sampled = 0.0

    @contextmanager
    def phase(self) -> Iterator[None]:
        """Time the batches counted inside; evaluation, writing and waiting belong outside."""
        self._inside = True
        before = self._counters.joules() if self._counters else None
        self._pending = 0
        self._started = None if self._warmup_left > 0 else self._time()
        try:
            yield
        finally:
            if self._started is not None and self._pending:
                self._seconds += self._time() - self._started
                self._sentences += self._pending
            self._inside = False
            self._add_energy(before)

    def count(self, sentences: int) -> None:
        """Say that a batch of ``sentences`` is done; call it once a batch, inside :meth:`phase`."""
        if not self._inside:
            raise RuntimeError("Meter.count was called outside Meter.phase")
        if self._warmup_left > 0:
            self._warmup_left -= 1
            if self._warmup_left == 0:
                self._started = self._time()
        else:
            self._pending += sentences
        self._sample_utilisation()

    def sentences_per_second(self) -> float | None:
        """Over all phases so far; None when no batch after the warm-up was timed."""
        return self._sentences / self._seconds if self._seconds > 0 else None

    def joules(self) -> float | None:
        """Energy the whole GPU drew during the phases, warm-up included; None where NVML does not tell."""
        return self._joules

    def utilisation(self) -> float | None:
        """Mean of the GPU's utilisation in percent, asked for once a second; None where NVML does not tell."""
        return self._utilisation / self._samples if self._samples else None

    def spent(self) -> dict[str, float | None]:
        """Everything measured so far, for :meth:`resume` in the next process of the same run."""
        return {
            "sentences": float(self._sentences),
            "seconds": self._seconds,
            "joules": self._joules,
            "utilisation": self._utilisation,
            "samples": float(self._samples),
        }

    def resume(self, spent: Mapping[str, float | None]) -> None:
        """Go on from what an earlier process measured; this process's own warm-up is left out again."""
        self._sentences += int(spent["sentences"] or 0)
        self._seconds += spent["seconds"] or 0.0
        self._utilisation += spent["utilisation"] or 0.0
        self._samples += int(spent["samples"] or 0)
        if spent["joules"] is not None:
            self._joules = (self._joules or 0.0) + spent["joules"]

    def _time(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def _add_energy(self, before: float | None) -> None:
        after = self._counters.joules() if self._counters else None
        if before is not None and after is not None:
            self._joules = (self._joules or 0.0) + after - before

    def _sample_utilisation(self) -> None:
        moment = time.perf_counter()
        if self._counters is None or moment - self._sampled < UTILISATION_INTERVAL_SECONDS:
            return
        self._sampled = moment
        percent = self._counters.utilisation()
        if percent is not None:
            self._utilisation += percent
            self._samples += 1


class Meters:
    """All meters of one run, over every process that worked on it.

    ``spent`` is what a checkpoint holds of the processes before this one (empty in the first). Work that a killed
    process had not saved is in none of the numbers. Making the meters starts the memory peak anew.
    """

    def __init__(self, device: torch.device, spent: Spent) -> None:
        reset_peak_memory(device)
        self.training, self.inference = Meter(device), Meter(device)
        self._device = device
        self._started = time.perf_counter()
        self.earlier_seconds, self._earlier_peak = 0.0, 0.0
        if spent:
            self.training.resume(spent["training"])
            self.inference.resume(spent["inference"])
            self.earlier_seconds = spent["run"]["seconds"] or 0.0
            self._earlier_peak = spent["run"]["peak_memory_gib"] or 0.0

    def peak_memory_gib(self) -> float:
        """The largest peak of any process of the run (see :func:`peak_memory_gib`)."""
        return max(self._earlier_peak, peak_memory_gib(self._device))

    def spent(self) -> Spent:
        """What the next process of the run needs to go on; JSON-like, so that a checkpoint can hold it."""
        seconds = self.earlier_seconds + time.perf_counter() - self._started
        run: dict[str, float | None] = {"seconds": seconds, "peak_memory_gib": self.peak_memory_gib()}
        return {"training": self.training.spent(), "inference": self.inference.spent(), "run": run}

    def throughput(self) -> dict[str, Any] | None:
        """The ``throughput`` of the run's record, or None where one of the rates could not be measured."""
        measured = throughput(self.training, self.inference)
        return None if measured is None else measured | {"peak_memory_gib": self.peak_memory_gib()}


def reset_peak_memory(device: torch.device) -> None:
    """Let the memory peak start anew: of this process's tensors on a GPU, of the whole process on Linux.

    Other systems cannot set a process's peak back; there it stays the highest ever.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        try:
            PROCESS_RESET.write_text("5", encoding="ascii")
        except OSError:  # a sandbox may forbid it: then the peak is the highest ever, as on other systems
            return


def peak_memory_gib(device: torch.device) -> float:
    """Most memory held at once since the last reset, in GiB: tensors on a GPU, the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    if PROCESS_STATUS.is_file():
        for line in PROCESS_STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / GIB
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / GIB
    import resource  # Unix only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / GIB


def describe_device(device: torch.device) -> str:
    """A device in words: ``cpu: <processor>, <n> threads`` or ``cuda: <name>``."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"{device.type}: {cpu_name()}, {threads} thread{'s' if threads != 1 else ''}"


def on_shared_device(measured: Mapping[str, Any], runs: int) -> dict[str, Any]:
    """A record's ``throughput`` where the device trained several runs at once, and says so.

    The energy and the ceiling of matrix products are the whole device's, not this run's, and are left out.
    """
    kept = {name: value for name, value in measured.items() if name not in ("matrix_flops_per_second", "mfu")}
    return {**kept, "device": f"{measured['device']}, {runs} runs at a time", "joules": None}


def throughput(training: Meter, inference: Meter) -> dict[str, Any] | None:
    """The ``throughput`` of a record, or None where one of the rates could not be measured.

    ``joules`` and ``utilisation`` (percent) are those of training, for the whole GPU; None without NVML.
    """
    train_rate, inference_rate = training.sentences_per_second(), inference.sentences_per_second()
    if train_rate is None or inference_rate is None:
        return None
    return {
        "train_sentences_per_second": train_rate,
        "inference_sentences_per_second": inference_rate,
        "peak_memory_gib": peak_memory_gib(training.device),
        "device": describe_device(training.device),
        "joules": training.joules(),
        "utilisation": training.utilisation(),
    }
