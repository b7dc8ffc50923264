"""A copy of everything the pipeline starts from: what tests that run `dvc repro` work in."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.profile_settings import write_profile

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("mner", "baselines", "stages", "reports", "dvc.yaml", ".dvcignore")


def copy_pipeline(folder: Path) -> Path:
    """Copy the parts of this repository that stages read, nothing that they made, to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "rendered"))
        else:
            shutil.copy(ROOT / part, folder / part)
    write_profile(folder)
    return folder
