"""Packages and files an extractor needs: there with the right bytes, or an error that says how to get them."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from mner.features.extractor import ExtractorError
from mner.files import sha256_of

INSTALL = "pip install -e '.[pixels]'"


def needed(module: str, extractor: str) -> ModuleType:
    """An optional package.

    Raises:
        ExtractorError: it is not installed, or lacks something of its own.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ExtractorError(
            f"extractor {extractor} needs the Python package {module} ({error}): {INSTALL}"
        ) from error


def versions(*distributions: str) -> dict[str, str]:
    """Installed versions by distribution name, for provenance."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError as error:
            raise ExtractorError(f"the package {name} is not installed: {INSTALL}") from error
    return found


def checked_weights(path: Path, sha256: str, distribution: str) -> Path:
    """A weight file that a package carries, if its bytes are the ones this project was measured with.

    Raises:
        ExtractorError: the file is missing or another one.
    """
    if not path.is_file():
        raise ExtractorError(f"{distribution} carries no {path.name}; install the pinned version: {INSTALL}")
    found = sha256_of(path)
    if found != sha256:
        raise ExtractorError(
            f"{path.name} of {distribution} has SHA-256 {found}, expected {sha256}: another version of the "
            f"package; install the one of constraints.txt: {INSTALL} -c constraints.txt"
        )
    return path
