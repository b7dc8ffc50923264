"""Records, curves and run folders of one cell, and the calls that training makes to its observer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mner.tracking.mlflow_tracker import TrackedCell
from mner.tracking.record import Record

SETTINGS: dict[str, Any] = {
    "recipe": {"epochs": 2, "views": ["own"], "rate": 3e-5},
    "options": {"gate": True, "context": None},
    "encoder": {"name": "tiny", "source": "embedded", "sha256": "00"},
    "data_copy": "planted",
    "visual_input": "none",
}
RATES = ("train_sentences_per_second", "inference_sentences_per_second", "peak_memory_gib")
THROUGHPUT = {**dict.fromkeys(RATES, 20.5), "device": "cpu: a processor", "joules": None, "utilisation": None}
CURVE = [{"train_loss": 2.0, "dev_f1": 41.5}, {"train_loss": 1.0 / 3.0, "dev_f1": 60.25}]


def record_of(seed: int = 1, best: float = 60.25, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "key": f"{seed:064x}",
        "profile": "test",
        "dataset": "planted",
        "system": "bert-crf",
        "seed": seed,
        "status": "finished",
        "reason": None,
        **{name: {} for name in ("inputs", "sources", "environment")},
        "versions": {"system": 1, "protocol": 1},
        **SETTINGS,
        "dev_f1": (41.5, best),
        "best_epoch": 1,
        "predictions": {"dev.own": "01"},
        "throughput": THROUGHPUT,
        "duration_seconds": 12.5,
        "git": {"commit": "c" * 40, "dirty": False},
        "finished_at": "2024-05-06T07:08:09.000+00:00",
        "command": "mner run",
    }
    return Record(**{**values, **changes})


def curve_of(record: Record) -> list[dict[str, float]]:
    return [{**row, "dev_f1": value} for row, value in zip(CURVE, record.dev_f1, strict=False)]


def write_run(runs: Path, record: Record) -> Path:
    folder = runs / record.profile / record.dataset / record.system / str(record.seed)
    record.write(folder / "record.json")
    rows = [f"{step},{row['train_loss']:.10g},{row['dev_f1']:.10g}" for step, row in enumerate(curve_of(record))]
    if record.status == "finished":
        (folder / "curve.csv").write_text("\n".join(["epoch,train_loss,dev_f1", *rows]) + "\n")
    return folder


def train(cell: TrackedCell, runs: Path, record: Record, epochs: int = 2) -> None:
    """What training does to its observer; fewer than two epochs stand for a run that was killed."""
    settings = {name: getattr(record, name) for name in SETTINGS}
    observer = cell.seed(record.seed, record.key, **settings)
    for step, metrics in enumerate(curve_of(record)[:epochs]):
        observer.epoch(metrics, step)
    if epochs == 2:
        observer.finish(record, write_run(runs, record))
