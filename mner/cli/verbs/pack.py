"""Pack all finished runs of the active profile into a small archive, to be unpacked on another machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings

GROUP, EXAMPLE = "run", "mner pack runs.tar.gz"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", type=Path, help="file to write, ending in .tar.gz")
    parser.add_argument("--weights", action="store_true", help="with the best weights, where they are kept")


def run(options: argparse.Namespace) -> None:
    from mner.tracking.run_archive import pack

    runs = pack(Path(), settings().active.name, options.archive, weights=options.weights)
    show(f"{options.archive}: {len(runs)} runs, {options.archive.stat().st_size / 1e6:.1f} MB")
