"""Fixtures that find the public data and the golden vectors, or skip with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent


def _folder(variable: str, default: Path, what: str) -> Path:
    path = Path(os.environ.get(variable, default))
    if not path.is_dir():
        pytest.skip(f"{what} not at hand: set {variable} to their folder")
    return path


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder that holds the public data files under owner/repository/commit/path."""
    return _folder("MNER_MIRROR", ROOT.parent / "shared" / "mirror", "the public data files")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of golden vectors made by the authors' released programs."""
    return _folder("MNER_GOLDEN", ROOT.parent / "shared" / "golden", "the golden vectors")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tests run side by side; threads of one would only wait for those of another."""
    torch.set_num_threads(1)
