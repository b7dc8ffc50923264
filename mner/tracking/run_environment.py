"""What a record says of the machine and the repository: versions, hardware, commit, and the time."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from mner.base.machine import GIB, cpu_name
from mner.config import ConfigError, loading, profiles

GIT_TIMEOUT_SECONDS = 10.0


def now() -> str:
    """This instant in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def describe_environment() -> dict[str, Any]:
    """Versions and hardware a run's numbers and speed depend on; None stands for what is not there.

    ``threads`` are those torch computes with, ``cores`` those the process may use, ``memory_gib`` is the
    machine's. ``gpu`` lists every visible device by name.
    """
    import torch  # reading a record must not cost the import of torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        # Its package's version leaves out what it was built for, as in 2.11.0+cu130.
        "torch": str(torch.__version__),
        **{package: _version(package) for package in ("transformers", "torch-geometric", "numpy")},
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "gpu": ", ".join(gpus) or None,
        "cuda": torch.version.cuda if gpus else None,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe_git(root: Path) -> dict[str, Any]:
    """Commit of the repository at ``root`` and whether its files differ from it.

    Both are None where git is absent, slow or broken, where ``root`` is no repository's top folder (a copy
    unpacked inside somebody else's repository must not claim that one's commit) or where nothing is committed.
    """
    unknown: dict[str, Any] = {"commit": None, "dirty": None}
    found = _git(root, "rev-parse", "--show-toplevel", "HEAD")
    if found is None:
        return unknown
    top, commit = found.splitlines()
    if Path(top).resolve() != root.resolve():
        return unknown
    # dvc rewrites its lock file after every stage: counted in, all runs of a sweep but the first would be dirty.
    # The active profile, which `mner profile` writes into params.yaml, is a field of the record of its own.
    others = _git(root, "status", "--porcelain", "--", ".", ":(exclude)dvc.lock", ":(exclude)params.yaml")
    parameters = _git(root, "status", "--porcelain", "--", "params.yaml")
    if others is None or parameters is None:
        return {"commit": commit, "dirty": None}
    return {"commit": commit, "dirty": bool(others or (parameters and not _another_profile_alone(root)))}


def _another_profile_alone(root: Path) -> bool:
    """Whether params.yaml differs from the committed one by another profile of the package alone."""
    committed = _git(root, "show", "HEAD:params.yaml")
    try:
        before, now = yaml.safe_load(committed or ""), loading.read(root / "params.yaml")
    except (ConfigError, OSError, yaml.YAMLError):
        return False
    if not isinstance(before, dict) or not profiles.is_as_declared(now):
        return False
    return profiles.switched(before, now["active"]["name"]) == now


def _git(root: Path, *arguments: str) -> str | None:
    """What a git command prints, None if it cannot be had; takes no lock, as runs call it side by side."""
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
