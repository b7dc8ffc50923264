"""Where a run lies below a repository's root, and the locks of those who train it."""

from __future__ import annotations

from pathlib import Path

RUNS = "runs"


def cell_folder(root: Path, profile: str, dataset: str, system: str) -> Path:
    """Folder of a cell's runs."""
    return root / RUNS / profile / dataset / system


def run_folder(root: Path, profile: str, dataset: str, system: str, seed: int) -> Path:
    """Folder of one run."""
    return cell_folder(root, profile, dataset, system) / str(seed)


def cell_lock_file(root: Path, profile: str, dataset: str, system: str) -> Path:
    """Lock that all processes that train runs of a cell share."""
    return _locks(root, profile, dataset, system) / "cell.lock"


def run_lock_file(root: Path, profile: str, dataset: str, system: str, seed: int) -> Path:
    """Lock of the one process that trains a run, or puts one in its folder."""
    return _locks(root, profile, dataset, system) / f"{seed}.lock"


def _locks(root: Path, profile: str, dataset: str, system: str) -> Path:
    return root / ".locks" / profile / f"{dataset}-{system}"
