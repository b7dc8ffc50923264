"""Say which runs of the active profile are missing, and what they will cost."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings


def run(options: argparse.Namespace) -> None:
    from mner.base.hardware import device_of
    from mner.base.meters import describe_device
    from mner.sweeping.run_plan import plan_of, render

    config = settings()
    show(render(plan_of(config, Path(), describe_device(device_of())), config.active.name), end="")
