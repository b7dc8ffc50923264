"""The record of one run: what it read, what it ran, what it reached, and on which machine.

A record is the proof behind every printed number, so it is strict both ways: a field that is missing, unknown
or of the wrong kind is an error that names it, when a record is made as well as when it is read.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from mner.base.files import write_json_atomically
from mner.base.machine import GIB, cpu_name
from mner.config import ConfigError, loading, profiles

FORMAT = 3
MOVED_BY = "python -m mner.parity.migrate_results"
STATUSES = ("finished", "skipped")
GIT_TIMEOUT_SECONDS = 10.0

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
    """A record that cannot be believed; the message names the file (if any), the field and what to do."""


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
    measured. ``finished_at`` is UTC in ISO 8601. The test F1 is not here: training does not know it.

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

    def write(self, path: Path) -> None:
        """Write canonical JSON (sorted keys), whole or not at all."""
        write_json_atomically(path, {"format": FORMAT, **asdict(self)})

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
            raise type(error)(f"{path}: {error}") from error


def _fields_of(row: Any) -> dict[str, Any]:
    """The fields of a parsed record, after its format and its names have been checked."""
    if not isinstance(row, dict) or "format" not in row:
        raise RecordError("no record: the field 'format' is missing; delete the file and run again")
    if row["format"] in (1, 2):
        raise OutdatedRecordError(
            f"format {row['format']} is from before runs were identified by version: `{MOVED_BY} FOLDER` moves "
            f"all records below a folder to format {FORMAT}"
        )
    if row["format"] != FORMAT:
        raise RecordError(
            f"format {row['format']!r} is not known, this version of mner reads format {FORMAT}: "
            "use the version that wrote it, or delete the run's folder and run again"
        )
    values = {name: value for name, value in row.items() if name != "format"}
    _check_names("", values, tuple(field.name for field in fields(Record)))
    return values


def _check_names(where: str, values: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    prefix = f"{where}." if where else ""
    for problem, names in (
        ("missing", [name for name in expected if name not in values]),
        ("unknown", [name for name in values if name not in expected]),
    ):
        if names:
            listed = ", ".join(repr(prefix + name) for name in names)
            raise RecordError(f"{problem} field {listed} in a record of format {FORMAT}")


def _plain_json(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` as it will read back from JSON, so that a record equals its own file."""
    try:
        return json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RecordError(f"field {name!r} does not fit into JSON: {error}") from error


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
            raise RecordError(f"field {field.name!r} should be {kind}, but is {value!r}")
    for name, parts in _PARTS.items():
        if getattr(record, name) is not None:
            optional = _OPTIONAL.get(name, ())
            _check_names(name, {k: v for k, v in getattr(record, name).items() if k not in optional}, parts)


def _check_meaning(record: Record) -> None:
    """Refuse records that contradict themselves."""
    if record.status not in STATUSES:
        raise RecordError(f"field 'status' is {record.status!r}, expected one of {', '.join(STATUSES)}")
    if (record.status == "skipped") != bool(record.reason):
        raise RecordError(
            f"field 'reason' is {record.reason!r}: a skipped run states one, a finished run does not"
        )
    if record.status == "finished" and not record.predictions:
        raise RecordError("field 'predictions' is empty, but the run is finished")
    if any(not 0 <= value <= 100 for value in record.dev_f1):
        raise RecordError(f"field 'dev_f1' is in percent, but holds {list(record.dev_f1)}")
    if record.best_epoch is not None and not 0 <= record.best_epoch < len(record.dev_f1):
        raise RecordError(f"field 'best_epoch' is {record.best_epoch}, but there are {len(record.dev_f1)} epochs")
    try:
        offset = record.finished.utcoffset()
    except ValueError as error:
        raise RecordError(f"field 'finished_at' is not an ISO 8601 time: {record.finished_at!r}") from error
    if offset != timedelta(0):
        raise RecordError(f"field 'finished_at' is not in UTC: {record.finished_at!r}")


def now() -> str:
    """This instant in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def describe_environment() -> dict[str, Any]:
    """Versions and hardware a run's numbers and speed depend on; None stands for what is not there.

    ``threads`` are those torch computes with, ``cores`` those the process may use, ``memory_gib`` is the
    machine's. ``gpu`` lists every visible device by name.
    """
    import torch  # reading a record must not cost the import of torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        # Its package's version leaves out what it was built for, as in 2.11.0+cu130.
        "torch": str(torch.__version__),
        **{package: _version(package) for package in ("transformers", "torch-geometric", "numpy")},
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "gpu": ", ".join(gpus) or None,
        "cuda": torch.version.cuda if gpus else None,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe_git(root: Path) -> dict[str, Any]:
    """Commit of the repository at ``root`` and whether its files differ from it.

    Both are None where git is absent, slow or broken, where ``root`` is no repository's top folder (a copy
    unpacked inside somebody else's repository must not claim that one's commit) or where nothing is committed.
    """
    unknown: dict[str, Any] = {"commit": None, "dirty": None}
    found = _git(root, "rev-parse", "--show-toplevel", "HEAD")
    if found is None:
        return unknown
    top, commit = found.splitlines()
    if Path(top).resolve() != root.resolve():
        return unknown
    # dvc rewrites its lock file after every stage: counted in, all runs of a sweep but the first would be dirty.
    # The active profile, which `mner profile` writes into params.yaml, is a field of the record of its own.
    others = _git(root, "status", "--porcelain", "--", ".", ":(exclude)dvc.lock", ":(exclude)params.yaml")
    parameters = _git(root, "status", "--porcelain", "--", "params.yaml")
    if others is None or parameters is None:
        return {"commit": commit, "dirty": None}
    return {"commit": commit, "dirty": bool(others or (parameters and not _another_profile_alone(root)))}


def _another_profile_alone(root: Path) -> bool:
    """Whether params.yaml differs from the committed one by another profile of the package alone."""
    committed = _git(root, "show", "HEAD:params.yaml")
    try:
        before, now = yaml.safe_load(committed or ""), loading.read(root / "params.yaml")
    except (ConfigError, OSError, yaml.YAMLError):
        return False
    if not isinstance(before, dict) or not profiles.is_as_declared(now):
        return False
    return profiles.switched(before, now["active"]["name"]) == now


def _git(root: Path, *arguments: str) -> str | None:
    """What a git command prints, None if it cannot be had; takes no lock, as runs call it side by side."""
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
