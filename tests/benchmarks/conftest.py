"""Benchmarks wait to be asked: ``--benchmark-only`` measures, ``--benchmark-disable`` runs each once as a test."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROUNDS = 7


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip everything in this folder unless benchmarks are asked for in words."""
    if config.getoption("benchmark_only", False) or config.getoption("benchmark_disable", False):
        return
    reason = pytest.mark.skip(reason="a benchmark: make bench, or pytest tests/benchmarks --benchmark-disable")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(reason)


@pytest.fixture
def beside(benchmark: Any) -> Callable[..., Any]:
    """Benchmark one way beside another: times are reported, only their ratio is asserted.

    ``beside(ours, other, at_least=r)`` wants ours to be r times as fast as ``other`` (below 1: at most that much
    slower), by the median ratio of rounds run in turn in this process. Gives back what ours returned.
    """

    def run(ours: Callable[[], Any], other: Callable[[], Any], *, at_least: float) -> Any:
        result = benchmark(ours)
        if benchmark.enabled:
            ratio = statistics.median(_seconds(other) / _seconds(ours) for _ in range(ROUNDS))
            benchmark.extra_info["times as fast as the other way"] = round(ratio, 3)
            assert ratio >= at_least, f"{ratio:.2f} times as fast as the other way, wanted {at_least}"
        return result

    return run


def _seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
