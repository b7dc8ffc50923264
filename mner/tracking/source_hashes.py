"""Hashes of the source files that made a run: for audit only, no part of a run's identity."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from mner.base.files import cached_sha256_of, sha256_of_folder

PACKAGE = Path(__file__).resolve().parent.parent


def describe_sources(system: ModuleType) -> dict[str, str]:
    """SHA-256 of the bytes of the system's file, and one over all Python files of this package, by name."""
    file = Path(str(system.__file__))
    return {
        f"{system.__name__.replace('.', '/')}.py": cached_sha256_of(file),
        f"{PACKAGE.name}/": sha256_of_folder(PACKAGE, lambda path: path.suffix == ".py"),
    }
