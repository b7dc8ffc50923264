"""Say which runs of the active profile are missing, and what they will cost."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings
from mner.escaping import show


def run(options: argparse.Namespace) -> None:
    from mner.devices import device_of
    from mner.plan import plan_of, render
    from mner.training.meters import describe_device

    config = settings()
    show(render(plan_of(config, Path(), describe_device(device_of())), config.active.name), end="")
