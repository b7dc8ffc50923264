"""Say what a device is, and whether training on it repeats: ``python -m mner.benchmarking.device_check``."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from mner.base.exits import end_with
from mner.base.hardware import device_of
from mner.base.meters import GpuCounters, describe_device
from mner.base.terminal import aligned
from mner.benchmarking.bench_models import build_model, speed_recipe
from mner.benchmarking.speed import Trainee
from mner.benchmarking.workload import make_workload
from mner.config import Config
from mner.models.encoders import tokenizer_of
from mner.models.system import load_system
from mner.training.determinism import has_bfloat16, make_deterministic

SYSTEMS = ("bert-crf", "rgcn")
UPDATES = 3


@dataclass(frozen=True, slots=True)
class DeviceCheck:
    """What was found.

    Attributes:
        device: Its name.
        torch: Version and build.
        bfloat16: Whether it computes in bfloat16 by itself, which ``precision: auto`` then uses.
        energy: Whether its energy can be read; on a CPU it cannot.
        repeats: By system, whether two trainings from one seed end in the same weights, bit for bit.
    """

    device: str
    torch: str
    bfloat16: bool
    energy: bool
    repeats: dict[str, bool]

    @property
    def passed(self) -> bool:
        """Whether runs on this device can be believed to repeat."""
        return all(self.repeats.values())

    def render(self) -> str:
        """Lay out one line a finding."""
        rows = [(name, str(value)) for name, value in asdict(self).items() if name != "repeats"]
        rows += [(f"{name} repeats", str(value)) for name, value in self.repeats.items()]
        return "\n".join(aligned(rows)) + "\n"


def check(config: Config, device: torch.device, size: str = "tiny") -> DeviceCheck:
    """Check a device.

    Args:
        config: Says the options of the systems that are trained.
        device: The device.
        size: Of the encoder, one of ``bench_models.SIZES``.
    """
    make_deterministic()
    counters = GpuCounters.open(device) if device.type == "cuda" else None
    return DeviceCheck(
        describe_device(device),
        torch.__version__,
        has_bfloat16(device),
        counters is not None and counters.joules() is not None,
        {system: _repeats(config, system, device, size) for system in SYSTEMS},
    )


def _repeats(config: Config, system: str, device: torch.device, size: str) -> bool:
    settings = config.systems[system]
    module, tokenizer = load_system(settings.file), tokenizer_of(config.encoders["minilm"])
    workload = make_workload(Path(), "twitter2017", tokenizer, module, settings.options, device)
    recipe = speed_recipe(config, system)

    def trained() -> dict[str, torch.Tensor]:
        torch.manual_seed(1)
        trainee = Trainee(build_model(module, settings.options, workload, size, device), recipe, workload, device)
        for rows in workload.batches(16, UPDATES, training=True):
            trainee.train(workload.on(rows, device), recipe)
        return {name: value.detach().cpu() for name, value in trainee.model.state_dict().items()}

    first, second = trained(), trained()
    return all(torch.equal(value, second[name]) for name, value in first.items())


def main() -> int:
    """Check the device that was asked for; 1 if training on it does not repeat."""
    from mner.config import load

    parser = argparse.ArgumentParser(prog="python -m mner.benchmarking.device_check", description=__doc__)
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--size", choices=("tiny", "minilm", "bert-base"), default="tiny")
    options = parser.parse_args()
    found = check(load(Path("params.yaml")), device_of(options.device), options.size)
    print(found.render(), end="")
    return 0 if found.passed else 1


if __name__ == "__main__":
    end_with("device check", main)
