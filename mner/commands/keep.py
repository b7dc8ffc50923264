"""Make the active profile's results the committed reference."""

from __future__ import annotations

import argparse

from mner.commands import settings


def run(options: argparse.Namespace) -> None:
    from mner.reporting.reference import keep

    print(keep(settings().active.name))
