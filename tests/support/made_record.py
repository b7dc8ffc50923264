"""A finished record with every field filled, for tests that need one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mner.tracking.identity import identity_of_record
from mner.tracking.record import Record


def example(**changes: Any) -> Record:
    """A valid finished record; ``changes`` replace its fields."""
    values: dict[str, Any] = {
        "key": "ab" * 32,
        "profile": "controls",
        "dataset": "planted",
        "system": "bert-crf",
        "seed": 3,
        "status": "finished",
        "reason": None,
        "inputs": {"data/planted/corpus/train.jsonl": "cd" * 32},
        "versions": {"system": 1, "protocol": 1},
        "sources": {"baselines/bert_crf.py": "ef" * 32},
        "recipe": {"epochs": 2, "views": ("own", "none"), "encoder_learning_rate": 3e-5},
        "options": {},
        "encoder": {"name": "tiny", "source": "embedded", "sha256": None},
        "data_copy": "planted",
        "visual_input": "none",
        "dev_f1": (41.5, 60.25),
        "best_epoch": 1,
        "predictions": {"dev.own": "01" * 32},
        "throughput": {
            "train_sentences_per_second": 20.5,
            "inference_sentences_per_second": 80.0,
            "peak_memory_gib": 0.5,
            "device": "cpu: some processor, 2 threads",
            "joules": None,
            "utilisation": None,
        },
        "duration_seconds": 12.5,
        "environment": {"python": "3.11.2"},
        "git": {"commit": None, "dirty": None},
        "finished_at": "2024-05-06T07:08:09.123+00:00",
        "command": "mner run",
    }
    return Record(**{**values, **changes})


def with_own_key(record: Record) -> Record:
    """The same record with the key of the data, versions and parameters that it states, as honest ones have it."""
    return replace(record, key=identity_of_record(record).key)
