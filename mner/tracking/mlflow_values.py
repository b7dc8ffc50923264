"""What of a record MLflow shows: numbers, tags, parameters, names and inputs."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mner.tracking.record import Record

PARAMETER_LENGTH = 6000  # characters; MLflow cuts what is longer, and we look runs up by their parameters
DIGEST_LENGTH = 36
"""Characters of a hash that MLflow keeps of a data set."""
CONTEXTS = {"train.jsonl": "training", "dev.jsonl": "validation", "test.blind.jsonl": "evaluation"}

Point = tuple[str, int, float]


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a run read, in the words of MLflow's data sets."""

    name: str
    digest: str
    source: str
    context: str


def inputs_of(record: Record) -> list[Input]:
    """The files a run read, in their order."""
    return [
        Input(
            path, digest[:DIGEST_LENGTH], json.dumps({"uri": path}), CONTEXTS.get(path.rpartition("/")[2], "input")
        )
        for path, digest in record.inputs.items()
    ]


def name_of(dataset: str, system: str, seed: int | None = None) -> str:
    """The name of a cell's run, or of a seed's: ``twitter2017/rgcn/seed 1``."""
    return f"{dataset}/{system}" if seed is None else f"{dataset}/{system}/seed {seed}"


def milliseconds(moment: str) -> int:
    """An ISO 8601 instant as MLflow counts time: milliseconds since 1970."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as MLflow parameters: dotted names, strings as they are, all else as JSON."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            flat[prefix + name] = text[:PARAMETER_LENGTH]
    return flat


def results_of(record: Record) -> list[Point]:
    """A record's single numbers as points at step 0."""
    values: dict[str, Any] = {
        "best_dev_f1": record.best_dev_f1,
        "best_epoch": record.best_epoch,
        "duration_seconds": record.duration_seconds,
        **{f"throughput/{name}": value for name, value in (record.throughput or {}).items() if name != "device"},
    }
    if (values.get("throughput/mfu") or 0.0) > 1:  # more than all of the hardware is a measurement error
        del values["throughput/mfu"]
    return [(name, 0, float(value)) for name, value in values.items() if value is not None]


def tags_of(record: Record) -> dict[str, str]:
    """A record's words as tags; git's commit under MLflow's own name, which its pages show."""
    tags = {
        "mner.status": record.status if record.reason is None else f"{record.status}: {record.reason}",
        "mner.command": record.command,
        "mner.device": None if record.throughput is None else record.throughput["device"],
        "mner.git.dirty": None if record.git["dirty"] is None else json.dumps(record.git["dirty"]),
        "mlflow.source.git.commit": record.git["commit"],
        "mlflow.source.name": record.command,
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
    }
    return {name: value for name, value in tags.items() if value is not None}


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that has no name
        return None
