"""Say what a profile needs of this machine: what is available, what is missing, and the command for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import PARAMS, settings

GROUP, EXAMPLE = "check", "mner doctor paper"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("profile", nargs="?", help="a profile of the package (default: the active one)")


def run(options: argparse.Namespace) -> int:
    from mner.base.hardware import device_of
    from mner.config import Places, profiles
    from mner.config.loading import settings_of
    from mner.sweeping.readiness import State, needs_of, render

    name = options.profile
    config = settings() if name is None else settings_of(profiles.composed(name), PARAMS)
    needs = needs_of(config, Path(), Places.from_environment(), device_of())
    show(render(needs, config.active.name), end="")
    return int(any(need.state is State.MISSING for need in needs if need.what != "GPU"))
