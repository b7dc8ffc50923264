"""Say which runs of the active profile are missing."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings


def run(options: argparse.Namespace) -> None:
    from mner.plan import plan_of, render

    print(render(plan_of(settings(), Path())), end="")
