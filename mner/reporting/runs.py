"""What a report says of a single run: entries of ``runs`` in ``scores.json`` as cells and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mner.reporting.cells import Cited, State


def f1_on_test(run: Mapping[str, Any]) -> Cited:
    """F1 on test with the tweets' own pictures."""
    return _of(run, run["views"]["test.own"]["f1"])


def f1_on_dev(run: Mapping[str, Any]) -> Cited | State:
    """F1 on dev at the epoch that was picked by it; a dash where none was picked."""
    best = run["best_epoch"]
    return State("–") if best is None else _of(run, run["dev_f1"][best])


def epoch(run: Mapping[str, Any]) -> str:
    """The epoch that was picked, counted from one, and how many there were."""
    best = run["best_epoch"]
    return "–" if best is None else f"{best + 1} of {len(run['dev_f1'])}"


def commit(run: Mapping[str, Any]) -> str:
    """The commit a run was made from, and whether files differed from it."""
    git = run["git"]
    return (git["commit"] or "unknown")[:10] + (" (dirty)" if git["dirty"] else "")


def train_again(profile: str, dataset: str, system: str, seed: int | None = None) -> str:
    """The command that trains a cell, or one seed of it, in a fresh clone: its inputs are built before."""
    which = f"{dataset} {system}" if seed is None else f"{dataset} {system} --seed {seed}"
    return f"mner profile {profile} && dvc repro data features graphs && mner run {which}"


def _of(run: Mapping[str, Any], value: float) -> Cited:
    return Cited(value, (run["record"],), (value,))
