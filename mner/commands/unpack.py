"""Take the runs of an archive that `mner pack` wrote; runs this checkout would not make are kept apart.

Exit code 1 if any was kept apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", type=Path)


def run(options: argparse.Namespace) -> int:
    from mner.tracking.archive import render, unpack
    from mner.training.arrival import objections

    arrivals = unpack(options.archive, Path(), objections(settings(), Path()))
    print(render(arrivals), end="")
    return 1 if any(arrival.state == "apart" for arrival in arrivals) else 0
