"""Make the active profile's results the committed reference."""

from __future__ import annotations

import argparse

from mner.base.escaping import show
from mner.cli import settings

GROUP, EXAMPLE = "results", "mner keep"


def run(options: argparse.Namespace) -> None:
    from mner.evaluation.kept_results import keep

    show(keep(settings().active.name))
