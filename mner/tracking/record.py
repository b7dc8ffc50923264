"""The record of one run: what it read, what it ran, what it reached, and on which machine.

A record is the proof behind every printed number, so it is strict both ways: a field that is missing, unknown
or of the wrong kind is an error that names it, when a record is made as well as when it is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mner.base.files import sha256_of_json, write_json_atomically

FORMAT = 3
MOVED_BY = "python -m mner.parity.migrate_results"
STATUSES = ("finished", "skipped")
CONTENT = "record"
"""The name under which ``evidence`` holds the digest of the record's own fields."""

_PARTS: dict[str, tuple[str, ...]] = {
    "encoder": ("name", "source", "sha256"),
    "git": ("commit", "dirty"),
    "versions": ("system", "protocol"),
    "throughput": (
        "train_sentences_per_second",
        "inference_sentences_per_second",
        "peak_memory_gib",
        "device",
        "joules",
        "utilisation",
    ),
}
# Counted since these records were first made: absent from older ones, and from models that cannot be counted.
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "throughput": ("train_flops_per_sentence", "matrix_flops_per_second", "mfu"),
}


class RecordError(ValueError):
    """A record that cannot be believed; the message names the file (if any), the field and what to do.

    ``field`` is the first field that is wrong, empty where the file is no record at all.
    """

    def __init__(self, message: str, field: str = "") -> None:
        self.field = field
        super().__init__(message)


class OutdatedRecordError(RecordError):
    """A record that an earlier version of mner wrote; the message names the command that moves it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One run, as ``record.json`` holds it (with its format in front).

    ``key`` is the hash of the run's identity (``tracking.identity``). ``inputs`` and ``predictions`` map files to
    the SHA-256 of their bytes. ``versions`` are those of the system and of the training protocol. ``sources`` maps
    source files to SHA-256, for audit only; it is empty where a run was made before they were recorded; ``git``
    names the commit either way. ``dev_f1`` is in
    percent, one value an epoch; ``best_epoch`` counts from 0. ``reason`` says why a run was skipped and is None
    for a finished one. ``throughput`` is what ``training.meters.throughput`` gives, None where it was not
    measured. ``finished_at`` is UTC in ISO 8601. ``evidence`` maps the files beside the record (predictions apart)
    to SHA-256, and ``record`` to the digest of all other fields; None in records from before it was kept
    (:mod:`mner.tracking.evidence` checks it). The test F1 is not here: training does not know it.

    Raises:
        RecordError: a field is of the wrong kind or contradicts another one.
    """

    key: str
    profile: str
    dataset: str
    system: str
    seed: int
    status: str
    reason: str | None
    inputs: Mapping[str, str]
    versions: Mapping[str, int]
    sources: Mapping[str, str]
    recipe: Mapping[str, Any]
    options: Mapping[str, Any]
    encoder: Mapping[str, Any]
    data_copy: str
    visual_input: str
    dev_f1: tuple[float, ...]
    best_epoch: int | None
    predictions: Mapping[str, str]
    throughput: Mapping[str, Any] | None
    duration_seconds: float
    environment: Mapping[str, Any]
    git: Mapping[str, Any]
    finished_at: str
    command: str
    evidence: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Mapping):
                value = _plain_json(field.name, value)
            elif field.name == "dev_f1" and isinstance(value, (list, tuple)):
                value = tuple(value)
            object.__setattr__(self, field.name, value)
        _check_kinds(self)
        _check_meaning(self)

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Profile, data set, system and seed: the last four parts of the folder this record belongs in."""
        return self.profile, self.dataset, self.system, str(self.seed)

    @property
    def best_dev_f1(self) -> float | None:
        """Dev F1 in percent at the epoch whose weights made the predictions."""
        return None if self.best_epoch is None else self.dev_f1[self.best_epoch]

    @property
    def finished(self) -> datetime:
        """``finished_at`` as an instant."""
        return datetime.fromisoformat(self.finished_at)

    @property
    def started(self) -> datetime:
        """``finished_at`` less the duration."""
        return self.finished - timedelta(seconds=self.duration_seconds)

    def content_digest(self) -> str:
        """SHA-256 of all fields except ``evidence``."""
        return sha256_of_json(
            {one.name: getattr(self, one.name) for one in fields(self) if one.name != "evidence"}
        )

    def sealed(self, beside: Mapping[str, str]) -> Record:
        """The same record with the digests of its own fields and of the files ``beside`` it (name to SHA-256)."""
        return replace(self, evidence={**beside, CONTENT: self.content_digest()})

    def write(self, path: Path) -> None:
        """Write canonical JSON (sorted keys), whole or not at all."""
        row = {"format": FORMAT, **asdict(self)}
        if self.evidence is None:
            del row["evidence"]
        write_json_atomically(path, row)

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read what :meth:`write` wrote.

        Raises:
            RecordError: no JSON, another format, or a field that is missing, unknown or of the wrong kind.
        """
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise RecordError(f"{path}:{error.lineno}: not JSON ({error.msg}); delete it and run again") from error
        except UnicodeDecodeError as error:
            raise RecordError(f"{path}: not UTF-8 ({error.reason}); delete it and run again") from error
        try:
            return cls(**_fields_of(row))
        except RecordError as error:
            raise type(error)(f"{path}: {error}", error.field) from error


def _fields_of(row: Any) -> dict[str, Any]:
    """The fields of a parsed record, after its format and its names have been checked."""
    if not isinstance(row, dict) or "format" not in row:
        raise RecordError("no record: the field 'format' is missing; delete the file and run again", "format")
    if row["format"] in (1, 2):
        raise OutdatedRecordError(
            f"format {row['format']} is from before runs were identified by version: `{MOVED_BY} FOLDER` moves "
            f"all records below a folder to format {FORMAT}",
            "format",
        )
    if row["format"] != FORMAT:
        raise RecordError(
            f"format {row['format']!r} is not known, this version of mner reads format {FORMAT}: "
            "use the version that wrote it, or delete the run's folder and run again",
            "format",
        )
    values = {name: value for name, value in row.items() if name != "format"}
    names = tuple(field.name for field in fields(Record) if field.name != "evidence")
    _check_names("", {name: value for name, value in values.items() if name != "evidence"}, names)
    return values


def _check_names(where: str, values: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    prefix = f"{where}." if where else ""
    for problem, names in (
        ("missing", [name for name in expected if name not in values]),
        ("unknown", [name for name in values if name not in expected]),
    ):
        if names:
            listed = ", ".join(repr(prefix + name) for name in names)
            raise RecordError(f"{problem} field {listed} in a record of format {FORMAT}", prefix + names[0])


def _plain_json(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` as it will read back from JSON, so that a record equals its own file."""
    try:
        return json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RecordError(f"field {name!r} does not fit into JSON: {error}", name) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_kinds(record: Record) -> None:
    """Compare every value with its annotation."""
    for field in fields(record):
        value, kind = getattr(record, field.name), str(field.type)
        if value is None and kind.endswith("| None"):
            continue
        good = {
            "str": isinstance(value, str),
            "int": _is_whole(value),
            "float": _is_number(value),
            "tuple[float, ...]": isinstance(value, tuple) and all(map(_is_number, value)),
            "Mapping[str, Any]": isinstance(value, dict),
            "Mapping[str, int]": isinstance(value, dict) and all(map(_is_whole, value.values())),
            "Mapping[str, str]": isinstance(value, dict) and all(isinstance(item, str) for item in value.values()),
        }[kind.removesuffix(" | None")]
        if not good:
            raise RecordError(f"field {field.name!r} should be {kind}, but is {value!r}", field.name)
    for name, parts in _PARTS.items():
        if getattr(record, name) is not None:
            optional = _OPTIONAL.get(name, ())
            _check_names(name, {k: v for k, v in getattr(record, name).items() if k not in optional}, parts)


def _check_meaning(record: Record) -> None:
    """Refuse records that contradict themselves."""
    if record.status not in STATUSES:
        raise RecordError(f"field 'status' is {record.status!r}, expected one of {', '.join(STATUSES)}", "status")
    if (record.status == "skipped") != bool(record.reason):
        raise RecordError(
            f"field 'reason' is {record.reason!r}: a skipped run states one, a finished run does not",
            "reason",
        )
    if record.status == "finished" and not record.predictions:
        raise RecordError("field 'predictions' is empty, but the run is finished", "predictions")
    if any(not 0 <= value <= 100 for value in record.dev_f1):
        raise RecordError(f"field 'dev_f1' is in percent, but holds {list(record.dev_f1)}", "dev_f1")
    if record.best_epoch is not None and not 0 <= record.best_epoch < len(record.dev_f1):
        raise RecordError(
            f"field 'best_epoch' is {record.best_epoch}, but there are {len(record.dev_f1)} epochs", "best_epoch"
        )
    try:
        offset = record.finished.utcoffset()
    except ValueError as error:
        why = f"field 'finished_at' is not an ISO 8601 time: {record.finished_at!r}"
        raise RecordError(why, "finished_at") from error
    if offset != timedelta(0):
        raise RecordError(f"field 'finished_at' is not in UTC: {record.finished_at!r}", "finished_at")
