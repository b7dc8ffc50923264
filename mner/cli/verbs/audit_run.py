"""Train one run of a cell again, chosen at random, and compare it tag for tag with the one that lies here.

Runs that came by archive are marked in tables until their cell has passed. Exit code 1 if a tag differs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings

GROUP, EXAMPLE = "check", "mner audit-run runs/quick/twitter2017/rgcn"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="runs/<profile>/<data set>/<system>, or one run in it")


def run(options: argparse.Namespace) -> int:
    from mner.base.hardware import device_of
    from mner.training.determinism import make_deterministic
    from mner.training.rerun_audit import audit_cell, render

    make_deterministic()
    audit = audit_cell(settings(), Path(), options.folder, device_of(), show)
    show(render(audit), end="")
    return 0 if audit.passed else 1
