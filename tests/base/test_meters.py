"""Meters: what counts as time, what does not, and what happens without a GPU or without NVML."""

from __future__ import annotations

import sys
import types

import pytest
import torch

from mner.base import meters
from mner.base.meters import GpuCounters, Meter, Meters, describe_device, throughput

CPU = torch.device("cpu")


class Clock:
    """Stands in for the ``time`` module of meters: it moves only when told to."""

    def __init__(self) -> None:
        self.moment = 100.0

    def perf_counter(self) -> float:
        return self.moment


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(meters, "time", clock)
    return clock


def run_batches(meter: Meter, clock: Clock, seconds: list[float], sentences: int = 10) -> None:
    for duration in seconds:
        clock.moment += duration
        meter.count(sentences)


def test_warmup_batches_are_not_timed(clock: Clock) -> None:
    meter = Meter(CPU, warmup=2)
    with meter.phase():
        run_batches(meter, clock, [50.0, 30.0, 1.0, 1.0, 2.0])
    assert meter.sentences_per_second() == pytest.approx(30 / 4)


def test_time_between_phases_is_not_counted_and_warmup_happens_once(clock: Clock) -> None:
    meter = Meter(CPU, warmup=1)
    with meter.phase():
        run_batches(meter, clock, [9.0, 1.0])
    clock.moment += 1000
    with meter.phase():
        run_batches(meter, clock, [1.0, 3.0])
    assert meter.sentences_per_second() == pytest.approx(30 / 5)


def test_warmup_may_span_phases(clock: Clock) -> None:
    meter = Meter(CPU, warmup=3)
    with meter.phase():
        run_batches(meter, clock, [5.0, 5.0])
    assert meter.sentences_per_second() is None
    with meter.phase():
        run_batches(meter, clock, [5.0, 2.0])
    assert meter.sentences_per_second() == pytest.approx(10 / 2)


def test_nothing_timed_is_none_and_not_zero(clock: Clock) -> None:
    meter = Meter(CPU, warmup=3)
    with meter.phase():
        run_batches(meter, clock, [1.0])
    assert meter.sentences_per_second() is None
    assert throughput(meter, meter) is None


def test_count_outside_a_phase_is_refused() -> None:
    meter = Meter(CPU)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"outside Meter\.phase"):
            meter.count(1)
        with meter.phase():
            meter.count(1)


def test_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="only cpu and cuda"):
        Meter(torch.device("meta"))


def test_throughput_on_a_cpu_has_no_energy(clock: Clock) -> None:
    training, inference = Meter(CPU, warmup=0), Meter(CPU, warmup=0)
    with training.phase():
        run_batches(training, clock, [2.0])
    with inference.phase():
        run_batches(inference, clock, [0.5])
    measured = throughput(training, inference)
    assert measured is not None
    assert measured["train_sentences_per_second"] == pytest.approx(5.0)
    assert measured["inference_sentences_per_second"] == pytest.approx(20.0)
    assert measured["joules"] is None
    assert measured["utilisation"] is None
    assert measured["device"] == describe_device(CPU)


def test_cpu_is_described_by_name_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_device(CPU).startswith("cpu: ")
    for threads, told in ((1, ", 1 thread"), (2, ", 2 threads")):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert describe_device(CPU).endswith(told)


class FakeNvml(types.ModuleType):
    """One GPU with a known UUID that draws 50 J between two looks and is 80 % busy."""

    class NVMLError(Exception):
        pass

    def __init__(self, energy: bool = True, driver: bool = True) -> None:
        super().__init__("pynvml")
        self.energy, self.driver, self.millijoules, self.busy = energy, driver, 1_000_000, 80

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise self.NVMLError("Library Not Found")

    def nvmlDeviceGetHandleByUUID(self, identity: str) -> str:  # noqa: N802
        if identity != "GPU-1234":
            raise self.NVMLError("Not Found")
        return "handle"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        if not self.energy:
            raise self.NVMLError("Not Supported")
        self.millijoules += 50_000
        return self.millijoules

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> types.SimpleNamespace:  # noqa: N802
        return types.SimpleNamespace(gpu=self.busy, memory=10)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """torch.cuda as far as meters touch it; gives the list of synchronisations."""
    waits: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waits.append(str(device)))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Fake GPU")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * 2**30)
    properties = types.SimpleNamespace(uuid="1234")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    return waits


def measure_on_gpu(clock: Clock) -> Meter:
    meter = Meter(torch.device("cuda"), warmup=1)
    for _ in range(2):
        with meter.phase():
            run_batches(meter, clock, [2.0, 2.0, 2.0])
    return meter


def test_gpu_is_waited_for_only_where_the_clock_is_read(
    monkeypatch: pytest.MonkeyPatch, gpu: list[str], clock: Clock
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    meter = measure_on_gpu(clock)
    assert gpu == ["cuda"] * 4, "two timed stretches, two ends each"
    assert meter.joules() == pytest.approx(100.0)
    assert meter.utilisation() == pytest.approx(80.0)
    measured = throughput(meter, meter)
    assert measured is not None
    assert measured["peak_memory_gib"] == 3
    assert measured["device"] == "cuda: Fake GPU"
    assert measured["joules"] == pytest.approx(100.0)


@pytest.mark.parametrize("nvml", [None, FakeNvml(driver=False)], ids=["not installed", "no driver"])
def test_absent_nvml_is_a_normal_state(
    monkeypatch: pytest.MonkeyPatch, gpu: list[str], clock: Clock, nvml: FakeNvml | None
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    meter = measure_on_gpu(clock)
    assert meter.joules() is None
    assert meter.utilisation() is None
    assert meter.sentences_per_second() == pytest.approx(50 / 10)


def test_gpu_without_an_energy_counter_still_tells_its_utilisation(
    monkeypatch: pytest.MonkeyPatch, gpu: list[str], clock: Clock
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(energy=False))
    meter = measure_on_gpu(clock)
    assert meter.joules() is None
    assert meter.utilisation() == pytest.approx(80.0)


def test_other_errors_of_nvml_are_not_swallowed(monkeypatch: pytest.MonkeyPatch, gpu: list[str]) -> None:
    broken = FakeNvml()
    monkeypatch.setattr(broken, "nvmlInit", lambda: 1 / 0)
    monkeypatch.setitem(sys.modules, "pynvml", broken)
    with pytest.raises(ZeroDivisionError):
        GpuCounters.open(torch.device("cuda"))


def test_real_nvml_answers_or_is_absent() -> None:
    pynvml = pytest.importorskip("pynvml")
    if torch.cuda.is_available():
        counters = GpuCounters.open(torch.device("cuda"))
        assert counters is not None
        assert 0 <= counters.utilisation() <= 100
    else:
        with pytest.raises(pynvml.NVMLError):
            pynvml.nvmlInit()


def test_a_resumed_meter_goes_on_where_the_other_stopped(clock: Clock) -> None:
    first, second = Meter(CPU, warmup=1), Meter(CPU, warmup=1)
    with first.phase():
        run_batches(first, clock, [9.0, 1.0, 1.0])
    second.resume(first.spent())
    assert second.sentences_per_second() == pytest.approx(20 / 2)
    with second.phase():
        run_batches(second, clock, [9.0, 4.0])
    assert second.sentences_per_second() == pytest.approx(30 / 6)
    assert second.joules() is None


def test_meters_of_a_resumed_run_cover_both_processes(
    monkeypatch: pytest.MonkeyPatch, gpu: list[str], clock: Clock
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    resets: list[str] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: resets.append(str(device)))
    spent: meters.Spent = {}
    for _ in range(2):
        run = Meters(torch.device("cuda"), spent)
        for meter, seconds in ((run.training, 1.0), (run.inference, 0.5)):
            with meter.phase():
                run_batches(meter, clock, [seconds] * 5)
        clock.moment += 10
        spent = run.spent()
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 2**30)
    assert resets == ["cuda"] * 2, "the peak starts anew with every run"
    assert spent["run"]["seconds"] == pytest.approx(2 * (5 + 2.5 + 10))
    assert run.earlier_seconds == pytest.approx(17.5)
    measured = run.throughput()
    assert measured is not None
    assert measured["joules"] == pytest.approx(100.0)
    assert measured["utilisation"] == pytest.approx(80.0)
    assert measured["peak_memory_gib"] == 3, "the larger peak of the two processes"
    assert measured["train_sentences_per_second"] == pytest.approx(10.0)
    assert measured["inference_sentences_per_second"] == pytest.approx(20.0)


def test_what_a_record_says_of_the_gpu_is_of_training(
    monkeypatch: pytest.MonkeyPatch, gpu: list[str], clock: Clock
) -> None:
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    training, inference = measure_on_gpu(clock), Meter(torch.device("cuda"), warmup=0)
    nvml.busy = 20
    with inference.phase():
        run_batches(inference, clock, [2.0])
    assert (inference.joules(), inference.utilisation()) == (50.0, 20.0)
    measured = throughput(training, inference)
    assert (measured["joules"], measured["utilisation"]) == (100.0, 80.0)


def test_utilisation_is_asked_for_once_a_second(
    monkeypatch: pytest.MonkeyPatch, gpu: list[str], clock: Clock
) -> None:
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    meter = Meter(torch.device("cuda"))
    with meter.phase():
        for busy in (10, 99, 99, 99, 40, 99):
            nvml.busy = busy
            run_batches(meter, clock, [0.25])
    assert meter.utilisation() == pytest.approx((10 + 40) / 2)
