"""Committed reference results: the scores and records a later run of the same profile is held against."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

REFERENCE = Path("reports/results")


class NoResultsError(ValueError):
    """Results that a command needs are not there; the message says how to make them."""


def scores_of(profile: str) -> dict[str, Any]:
    """What the score stage wrote for a profile."""
    path = Path("results") / profile / "scores.json"
    if not path.is_file():
        raise NoResultsError(f"{path} is missing; run `dvc repro` first")
    return json.loads(path.read_text(encoding="utf-8"))


def reference_of(profile: str) -> dict[str, Any] | None:
    """The committed scores of a profile, None where none were committed."""
    path = REFERENCE / profile / "scores.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def keep(profile: str) -> str:
    """Copy the profile's scores, records and curves to reports/results; says what was written.

    Predicted tags stay out: ``dvc repro`` makes them again, and the records pin their hashes.
    """
    scores_of(profile)
    target = REFERENCE / profile
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copy(Path("results") / profile / "scores.json", target / "scores.json")
    runs = Path("runs") / profile
    files = sorted([*runs.rglob("record.json"), *runs.rglob("curve.csv")])
    for file in files:
        copy = target / "runs" / file.relative_to(runs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return f"{target}: scores and {len(files)} files of runs; review and commit them"
