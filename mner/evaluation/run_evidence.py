"""Check the runs behind scores before their numbers are shown, judged or kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mner.base.files import sha256_of
from mner.evaluation.score_results import ScoredRun
from mner.tracking.evidence import EvidenceError, check_evidence
from mner.tracking.record import Record

COPIED = ("key", "dev_f1", "best_epoch", "predictions", "throughput", "duration_seconds", "recipe", "encoder")
"""What an entry of ``scores.json`` repeats of its record."""


def check_scored_run(scored: ScoredRun, record: Path, data: Path | None = None, *, believed: bool = False) -> bool:
    """Check the run of one entry of ``scores.json``.

    Args:
        scored: the entry.
        record: the run's record.
        data: see :func:`mner.tracking.evidence.check_evidence`.
        believed: the record was checked already; only what the entry repeats of it is compared.

    Returns:
        Whether it was checked: not where the record is absent, or another than the one that was scored.

    Raises:
        EvidenceError: the run contradicts its record, or the entry repeats the record wrongly.
    """
    if not record.is_file() or sha256_of(record) != scored.record_sha256:
        return False
    checked = Record.read(record) if believed else check_evidence(record.parent, data).record
    for name in COPIED:
        if not _same(getattr(scored, name), getattr(checked, name)):
            raise EvidenceError(record, name, f"scores.json repeats field {name} of this record wrongly")
    return True


def _same(one: Any, other: Any) -> bool:
    """Whether both are the same as JSON, where tuples are lists."""
    return one == other or json.loads(json.dumps(one)) == json.loads(json.dumps(other))
