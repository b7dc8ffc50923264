"""Calls of models checked in all tests; fixtures: public data, golden vectors (or why not), a tiny world."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from jaxtyping import install_import_hook
from support import shape_checks  # not ``tiny``: that would import models before their calls are checked

ROOT = Path(__file__).resolve().parent.parent
CHECKED = ("baselines", "mner.models", "mner.systems")
"""Packages whose calls are held against their annotations, shapes of tensors included."""


def pytest_configure(config: pytest.Config) -> None:
    """Check them before anything is imported, but not where time is measured."""
    if not config.getoption("benchmark_only"):
        install_import_hook(list(CHECKED), f"{shape_checks.__name__}.checked")


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


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The tiny world to train in, ``tests/support/tiny.py``."""
    from support import tiny

    return tiny


@pytest.fixture(scope="module")
def original(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny world nobody trains in; everybody gets a copy."""
    root = tmp_path_factory.mktemp("original")
    tiny.make_world(root)
    return root


@pytest.fixture
def world(tiny: ModuleType, original: Path, tmp_path: Path) -> Path:
    """A copy of the module's world for one test alone."""
    return tiny.copy_of(original, tmp_path / "world")


@pytest.fixture(scope="module")
def uninterrupted(tiny: ModuleType, original: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Each system's run of seed 1, trained once without interruption: (folder, listener, record)."""
    trained = {}

    def of(system: str):
        if system not in trained:
            root = tiny.copy_of(original, tmp_path_factory.mktemp("uninterrupted") / system)
            listener = tiny.Listener()
            (record,) = tiny.train(root, system, listener)
            trained[system] = (root, listener, record)
        return trained[system]

    return of
