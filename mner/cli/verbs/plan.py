"""Say which runs of the active profile are missing, and what they will cost."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.json_output import json_argument, prints_only_json, write_answer

GROUP, EXAMPLE = "start", "mner plan --json plan.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    json_argument(parser)


def run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from mner.base.hardware import device_of
    from mner.base.meters import describe_device
    from mner.sweeping.run_plan import plan_of, render

    config = settings()
    plan = plan_of(config, Path(), describe_device(device_of()))
    if not prints_only_json(options):
        show(render(plan, config.active.name), end="")
    write_answer(options, {"profile": config.active.name, "cells": [asdict(cell) for cell in plan]})
