"""Compare what a run is about to read with the hashes that DVC noted when it was prepared.

A flipped bit in a data file gives every run another key: the finished runs would be trained again on damaged
data. So training asks here first. Without ``dvc.lock`` there is nothing to compare with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

LOCK = Path("dvc.lock")
CACHE = Path(".dvc/cache/files/md5")
FOLDER = ".dir"


class ChangedInputError(RuntimeError):
    """An input is not what its stage wrote.

    Attributes:
        path: the file, or the folder that holds it where DVC's cache does not list the files.
        expected: the MD5 in dvc.lock, or in DVC's list of the folder.
        found: the MD5 of what is there.
    """

    def __init__(self, path: Path, expected: str, found: str) -> None:
        self.path, self.expected, self.found = path, expected, found
        super().__init__(
            f"{path} has MD5 {found[:12]}, but {LOCK} says its stage wrote {expected[:12]}; nothing was trained "
            "or deleted. To restore it: `dvc checkout`, or delete it and `dvc repro`. If the change is meant: "
            "`dvc commit`"
        )


def check_inputs(root: Path, files: Iterable[Path]) -> None:
    """Compare input files with ``dvc.lock``.

    Args:
        root: the folder that holds ``dvc.lock``.
        files: paths relative to it. A file that no stage wrote is not compared.

    Raises:
        ChangedInputError: the first file that differs.
    """
    outputs = _outputs(root / LOCK)
    wanted: dict[Path, list[Path]] = {}
    for file in files:
        owner = next((path for path in (file, *file.parents) if path in outputs), None)
        if owner is not None:
            wanted.setdefault(owner, []).append(file)
    for output, inside in wanted.items():
        _check_output(root, output, outputs[output], inside)


def _check_output(root: Path, output: Path, expected: str, files: Iterable[Path]) -> None:
    if not expected.endswith(FOLDER):
        _compare(output, expected, _md5(root / output))
        return
    listed = _listed(root, expected)
    if listed is None:
        _compare(output, expected, folder_md5(root / output))
        return
    for file in files:
        name = file.relative_to(output).as_posix()
        if name in listed:
            _compare(file, listed[name], _md5(root / file))


def _compare(path: Path, expected: str, found: str) -> None:
    if expected != found:
        raise ChangedInputError(path, expected, found)


def folder_md5(folder: Path) -> str:
    """MD5 of a folder as DVC computes it: of the list of its files with their MD5s."""
    files = sorted(
        (path.relative_to(folder) for path in folder.rglob("*") if path.is_file()), key=lambda p: p.parts
    )
    rows = [{"md5": _md5(folder / path), "relpath": path.as_posix()} for path in files]
    return hashlib.md5(json.dumps(rows, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + FOLDER


def _listed(root: Path, expected: str) -> Mapping[str, str] | None:
    """MD5 by file of a folder, from DVC's cache; None where the cache does not hold the list."""
    path = root / CACHE / expected[:2] / expected[2:]
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {row["relpath"]: row["md5"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _outputs(lock: Path) -> dict[Path, str]:
    """MD5 by path of everything that the stages in ``dvc.lock`` wrote; nothing where it cannot be read."""
    try:
        content: Any = yaml.load(
            lock.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    stages = content.get("stages") if isinstance(content, dict) else None
    return {
        Path(output["path"]): output["md5"]
        for stage in (stages or {}).values()
        for output in stage.get("outs", ())
        if isinstance(output.get("md5"), str)
    }


def _md5(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
