"""Lay a pipeline in a folder: dvc.yaml, params.yaml, stages, printed numbers and kept results.

Nothing that is there is replaced. Then: `git init && dvc init && dvc repro`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show

GROUP, EXAMPLE = "start", "mner init my-study --profile controls"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="default: the current folder")
    parser.add_argument("--profile", default="quick", help="the profile to make active (default: quick)")


def run(options: argparse.Namespace) -> None:
    from mner.predictions.pipeline_folder import lay_pipeline

    for path in lay_pipeline(options.folder, options.profile):
        show(str(path))
