"""Refuse meters that no machine can reach: a typing error or a forgery, never a fast run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mner.tracking.record import Record

MOST_PER_THREAD = 5_000.0
"""Training sentences a second of one CPU thread. The fastest kept run trains a seventh of it."""
MEMORY_SLACK = 1.05
RATES = ("train_sentences_per_second", "inference_sentences_per_second")


def implausible(record: Record) -> tuple[str, str] | None:
    """Name the first impossible meter of a record.

    Returns:
        The field and what is wrong with it; None where every meter is possible.
    """
    meters = record.throughput
    if meters is None:
        return None
    checks = (_ranges(meters), _beyond_hardware(meters), _contradiction(meters, record.environment))
    return next((found for found in checks if found is not None), None)


def _ranges(meters: Mapping[str, Any]) -> tuple[str, str] | None:
    """Each number by itself: finite, positive, and a share of at most one."""
    for name, value in meters.items():
        if name == "device" or value is None:
            continue
        if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            return f"throughput.{name}", f"throughput.{name} is {value!r}, not a number from 0 on"
    if (share := meters.get("mfu")) is not None and share > 1:
        return "throughput.mfu", f"throughput.mfu is {share:.3f}: no run uses more than all of its hardware"
    if (percent := meters["utilisation"]) is not None and percent > 100:
        return "throughput.utilisation", f"throughput.utilisation is {percent:.1f} percent"
    return None


def _beyond_hardware(meters: Mapping[str, Any]) -> tuple[str, str] | None:
    """Speed beyond the measured rate of matrix products or, where that was not measured, any thread's speed."""
    field, rate = "throughput.train_sentences_per_second", meters["train_sentences_per_second"]
    work, ceiling = meters.get("train_flops_per_sentence"), meters.get("matrix_flops_per_second")
    if work and ceiling and rate * work > ceiling:
        return field, f"{rate:.0f} sentences a second take {rate * work / ceiling:.1f} times the hardware's rate"
    threads = _threads(meters["device"])
    if threads and rate > MOST_PER_THREAD * threads:
        return field, f"{rate:.0f} sentences a second are more than {threads} threads of a CPU can train"
    return None


def _contradiction(meters: Mapping[str, Any], environment: Mapping[str, Any]) -> tuple[str, str] | None:
    """The device and its memory against the machine that the record describes."""
    kind, _, name = str(meters["device"]).partition(": ")
    names = {"cuda": environment.get("gpu"), "cpu": environment.get("cpu")}
    known = names.get(kind)
    if kind in names and kind in ("cuda",) and "gpu" in environment and (known is None or not _same(name, known)):
        return "throughput.device", f"throughput.device is {meters['device']!r}, the machine's GPU {known!r}"
    memory = environment.get("memory_gib")
    if kind == "cpu" and memory and meters["peak_memory_gib"] > MEMORY_SLACK * memory:
        return "throughput.peak_memory_gib", f"{meters['peak_memory_gib']:.1f} GiB of {memory:.1f} GiB were used"
    return None


def _same(name: str, listed: str) -> bool:
    """Whether a device is one of those listed; ``, 2 runs at a time`` may follow its name."""
    return any(name == one or name.startswith(f"{one},") for one in listed.split(", "))


def _threads(device: str) -> int | None:
    """How many threads ``cpu: name, 2 threads`` has, with what may follow; None for another device."""
    if not device.startswith("cpu: "):
        return None
    for part in device.split(", "):
        count, _, unit = part.partition(" ")
        if unit in ("thread", "threads") and count.isdigit():
            return int(count)
    return None
