"""Check the numbers of ``scores.json`` against the tags and the gold that they came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from mner.data.spans import sentence_counts
from mner.evaluation.score_results import ScoredRun, ScoreResults, Summary
from mner.tracking.evidence import EvidenceError, encoded, gold_tags

TEST = "test."
REMEDY = "or run `mner score`"
SAME = 1e-9
"""Percent by which the same F1, added up in another order, may differ."""


def check_cells(scores: ScoreResults, path: Path) -> None:
    """Compare F1 of every cell and view with that of the runs it averages.

    Args:
        scores: Content of the file.
        path: The file, for the error.

    Raises:
        EvidenceError: A value is not that of its run, or a mean is not that of its values.
    """
    f1 = {run.record: {view: found.f1 for view, found in run.views.items()} for run in scores.runs}
    for cell in scores.finished_cells.values():
        for view, summary in cell.views.items():
            if summary.f1 is not None and not _averages(summary.f1, view, f1):
                why = f"F1 of {cell.dataset} x {cell.system}, {view}, is not the mean over its runs"
                raise EvidenceError(path, "cells", why, REMEDY)


def _averages(summary: Summary, view: str, f1: Mapping[str, Mapping[str, float | None]]) -> bool:
    # A record that no run of the file has may be cited nowhere: its value is not looked for.
    pairs = [(value, f1[of][view]) for of, value in zip(summary.records, summary.values, strict=True) if of in f1]
    right = all(value == of_run for value, of_run in pairs)
    return right and math.isclose(fmean(summary.values), summary.mean, abs_tol=SAME)


def check_f1(run: ScoredRun, tags: Mapping[str, str], gold: Path, path: Path) -> None:
    """Score the test tags of a run again and compare.

    Args:
        run: The run's entry in the file.
        tags: Its predicted tags by name, as the text of their files.
        gold: The gold that they were scored with.
        path: The file, for the error.

    Raises:
        EvidenceError: F1 of a view is another.
    """
    wanted = gold_tags(gold)
    for view in sorted(name for name in run.views.keys() & tags.keys() if name.startswith(TEST)):
        right, named, held = sentence_counts(wanted, encoded(gold.parent, view, tags[view])).sum(axis=0).tolist()
        f1 = 200 * right / (named + held) if named + held else 0.0
        if not math.isclose(f1, run.views[view].f1 or 0.0, abs_tol=SAME):
            why = f"states F1 {run.views[view].f1:.2f} for {run.record}, {view}, but its tags score {f1:.2f}"
            raise EvidenceError(path, "runs", why, REMEDY)
