"""Which device work goes to, on machines with GPUs that are pretended; a CPU never takes a named one's place."""

from __future__ import annotations

import pytest
import torch

from mner.base.hardware import DeviceError, device_of


@pytest.mark.parametrize(
    ("gpus", "named", "device"),
    [
        (0, None, "cpu"),
        (0, "cpu", "cpu"),
        (2, None, "cuda"),
        (2, "cuda", "cuda"),
        (2, "cuda:1", "cuda:1"),
        (2, "cpu", "cpu"),
    ],
)
def test_work_goes_to_the_named_device_or_else_to_a_gpu(
    monkeypatch: pytest.MonkeyPatch, gpus: int, named: str | None, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert device_of(named) == torch.device(device)


@pytest.mark.parametrize(
    ("gpus", "named", "held"),
    [
        (0, "cuda", "cpu"),
        (0, "cuda:0", "cpu"),
        (2, "cuda:2", "cpu, cuda, cuda:0, cuda:1"),
        (1, "mps", "cpu, cuda, cuda:0"),
        (1, "", "cpu, cuda, cuda:0"),
    ],
)
def test_a_device_that_is_not_there_is_named_beside_those_that_are(
    monkeypatch: pytest.MonkeyPatch, gpus: int, named: str, held: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(DeviceError) as raised:
        device_of(named)
    assert (raised.value.named, ", ".join(raised.value.held)) == (named, held)
    assert held in str(raised.value)
