"""Score all runs of the active profile and render its tables."""

from __future__ import annotations

import argparse

from mner.commands import settings


def run(options: argparse.Namespace) -> None:
    from mner.commands import show
    from stages import report, score

    name = settings().active.name
    score.main([name])
    report.main([name])
    show.run(options)
