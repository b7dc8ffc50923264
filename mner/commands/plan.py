"""Say which runs of the active profile are missing, and what they will cost."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings


def run(options: argparse.Namespace) -> None:
    import torch

    from mner.plan import plan_of, render
    from mner.training.meters import describe_device

    config = settings()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(render(plan_of(config, Path(), describe_device(device)), config.active.name), end="")
