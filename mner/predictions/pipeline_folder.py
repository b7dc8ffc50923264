"""Lay out a pipeline in an empty folder, from the files that come with the program."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import yaml

import mner
from mner.base.files import write_text_atomically
from mner.config import composed, profiles

PACKAGE = Path(next(iter(mner.__path__))).resolve()
REPORTS = ("paper.yaml", "references.yaml", "templates", "results")
COPIED = ("stages", *(f"reports/{name}" for name in REPORTS), ".dvcignore")
VERSION_FILE = "mner-version.txt"
CODE = ("mner/", "baselines")


class PipelineFolderError(ValueError):
    """A pipeline cannot be laid out here. The message names what is in the way."""


def lay_pipeline(folder: Path, profile: str) -> list[Path]:
    """Write params.yaml, dvc.yaml and what the stages read.

    A stage of the new pipeline depends on the installed version of this program in place of its source files.

    Args:
        folder: Where to; made if it is missing.
        profile: The profile to make active.

    Returns:
        The files and folders written.

    Raises:
        PipelineFolderError: One of them exists already, or the installation does not carry them.
        ConfigError: No such profile.
    """
    params = composed(profile)
    names = (*COPIED, "dvc.yaml", "params.yaml", VERSION_FILE)
    present = next((folder / name for name in names if (folder / name).exists()), None)
    if present is not None:
        raise PipelineFolderError(f"{present} exists already; name an empty folder")
    sources = {name: _source(name) for name in (*COPIED, "dvc.yaml")}
    for name in COPIED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if sources[name].is_dir():
            shutil.copytree(sources[name], target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(sources[name], target)
    profiles.write(folder / "params.yaml", params)
    write_text_atomically(folder / VERSION_FILE, version("mner") + "\n")
    pipeline = yaml.safe_load(sources["dvc.yaml"].read_text(encoding="utf-8"))
    for stage in pipeline["stages"].values():
        stage["deps"] = [*_without_code(stage["deps"]), VERSION_FILE]
    text = yaml.safe_dump(pipeline, sort_keys=False, allow_unicode=True, width=float("inf"))
    write_text_atomically(folder / "dvc.yaml", text)
    return [folder / name for name in names]


def _source(name: str) -> Path:
    """Find a file beside the package (a checkout), or inside it (a wheel)."""
    places = [root / name for root in (PACKAGE.parent, PACKAGE)]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise PipelineFolderError(f"{name} is neither in {PACKAGE.parent} nor in {PACKAGE}")
    return found


def _without_code(deps: list[str]) -> Iterator[str]:
    return (dep for dep in deps if not dep.startswith(CODE))
