"""Make the active profile's results the committed reference."""

from __future__ import annotations

import argparse

from mner.commands import settings
from mner.escaping import show


def run(options: argparse.Namespace) -> None:
    from mner.reporting.reference import keep

    show(keep(settings().active.name))
