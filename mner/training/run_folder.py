"""Write what a run leaves behind: tags, curve, weights, and last the record, which marks the run as complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from mner.base.files import sha256_of, write_atomically, write_text_atomically
from mner.base.swapped_folder import swapped
from mner.data.corpus import write_tags
from mner.tracking.evidence import files_beside
from mner.tracking.identity import CellIdentity
from mner.tracking.record import Record
from mner.tracking.run_environment import describe_environment, describe_git, now
from mner.tracking.source_hashes import describe_sources
from mner.training.experiment import Cell
from mner.training.loaded_inputs import loaded
from mner.training.loop import Outcome
from mner.training.trackers import CellTracker


def write_run(
    cell: Cell,
    identity: CellIdentity,
    seed: int,
    outcome: Outcome,
    folder: Path,
    command: str,
    seconds: float,
    precision: str,
    measured: Mapping[str, Any] | None,
) -> Record:
    """Write tags, weights if wanted, and the curve into ``folder``; the record comes last."""
    predictions = {}
    for name, tags in outcome.predictions.items():
        path = folder / f"{name}.jsonl"
        write_tags(path, tags)
        predictions[name] = sha256_of(path)
    if cell.recipe.keep_weights:
        write_atomically(folder / "weights.safetensors", lambda part: save_file(dict(outcome.weights), part))
    curve = outcome.progress.curve
    header = list(curve[0])
    rows = [",".join(header), *(",".join(f"{row[column]:.10g}" for column in header) for row in curve)]
    write_text_atomically(folder / "curve.csv", "\n".join(rows) + "\n")
    record = _record(
        cell,
        identity,
        seed,
        environment={**describe_environment(), "precision": precision, "loaded": loaded(cell)},
        status="finished",
        reason=None,
        dev_f1=tuple(row["dev_f1"] for row in curve),
        best_epoch=outcome.progress.best_epoch,
        predictions=predictions,
        throughput=measured,
        duration_seconds=seconds,
        command=command,
    ).sealed(files_beside(folder))
    record.write(folder / "record.json")
    return record


def write_skipped(
    cell: Cell, identity: CellIdentity, seed: int, reason: str, command: str, tracked: CellTracker
) -> Record:
    """Write a record that says why the run was not made."""
    folder = cell.run_folder(seed)
    record = _record(
        cell,
        identity,
        seed,
        environment=describe_environment(),
        status="skipped",
        reason=reason,
        dev_f1=(),
        best_epoch=None,
        predictions={},
        throughput=None,
        duration_seconds=0.0,
        command=command,
    ).sealed({})
    with swapped(folder) as made:
        record.write(made / "record.json")
    tracked.log(record, folder)
    return record


def described_encoder(cell: Cell, identity: CellIdentity) -> dict[str, str]:
    """The encoder as a record states it: the name of its row, where it is from, and the hash of its files."""
    return {"name": cell.encoder.name, "source": cell.encoder.describe(), "sha256": identity.encoder}


def _record(cell: Cell, identity: CellIdentity, seed: int, **reached: Any) -> Record:
    return Record(
        key=identity.key(seed),
        profile=cell.config.active.name,
        dataset=cell.dataset,
        system=cell.system,
        seed=seed,
        inputs=identity.files,
        versions=identity.versions,
        sources=describe_sources(cell.module),
        recipe=asdict(cell.recipe),
        options=cell.options,
        encoder=described_encoder(cell, identity),
        data_copy=cell.config.data.copy,
        visual_input=cell.visual_input(),
        git=describe_git(cell.root),
        finished_at=now(),
        **reached,
    )
