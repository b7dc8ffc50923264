"""Take the runs of an archive that `mner pack` wrote; runs this checkout would not make are kept apart.

Exit code 1 if any was kept apart.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings

GROUP, EXAMPLE = "run", "mner unpack runs.tar.gz"
TERMINATED = 143


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", type=Path)


def run(options: argparse.Namespace) -> int:
    from mner.tracking.run_archive import render, unpack
    from mner.training.arrival import objections

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED))  # leaves nothing half unpacked
    arrivals = unpack(options.archive, Path(), objections(settings(), Path()))
    show(render(arrivals), end="")
    return 1 if any(arrival.state == "apart" for arrival in arrivals) else 0
