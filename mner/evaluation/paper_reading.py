"""Read ``reports/paper.yaml`` strictly: a misspelt key is an error, not a default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mner.config.strict import ConfigError, EachKeyOnce, known
from mner.evaluation.author_logs import LogVerdict
from mner.evaluation.paper import (
    METRICS,
    UNKNOWN,
    Figure,
    Paper,
    PaperLog,
    PaperRow,
    PaperTable,
    Scorer,
    Used,
    Weights,
)

USED_FIELDS = ("encoder", "visual", "scorer", "copy")
MODALITIES = ("text", "text+image")
STATUSES = ("printed", "quoted", "second-hand", "not-read", "not-in-paper")


class PaperError(ValueError):
    """``paper.yaml`` does not say what it must; the message names the place inside the file."""


def load_paper(path: Path) -> Paper:
    """Read ``reports/paper.yaml``.

    Raises:
        PaperError: no YAML; unknown, missing or doubled key, unknown data set, metric, scorer or mark, or a
            number that is not a percentage; the message names file and place.
    """
    try:
        return _paper(yaml.load(path.read_text(encoding="utf-8"), Loader=EachKeyOnce))
    except (ConfigError, PaperError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PaperError(f"{path}: {error}") from error


def _paper(root: Any) -> Paper:
    fields = _fields(root, "top level", ("format", "scorers", "tables"), ("encoders", "logs"))
    if fields["format"] != 1:
        raise PaperError(f"format {fields['format']!r}; this program reads format 1")
    scorers = {name: _scorer(name, entry) for name, entry in _mapping(fields["scorers"], "scorers").items()}
    tables = tuple(_table(entry, scorers) for entry in _listed(fields["tables"], "tables"))
    datasets = dict.fromkeys(dataset for table in tables for dataset in table.datasets)
    for scorer in scorers.values():
        for dataset in scorer.same_as_ours:
            known(dataset, datasets, f"scorers.{scorer.name}.same_as_ours")
    weights = {
        name: _weights(name, entry) for name, entry in _mapping(fields.get("encoders", {}), "encoders").items()
    }
    logs = tuple(_log(entry, tables) for entry in _listed(fields.get("logs", []), "logs"))
    return Paper(tables, scorers, weights, logs=logs)


def _weights(name: str, entry: Any) -> Weights:
    place = f"encoders.{name}"
    fields = _fields(entry, place, ("origin", "revision", "sha256"))
    for key, digits in (("revision", 40), ("sha256", 64)):
        value = fields[key]
        if value is not None and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", str(value)):
            raise PaperError(f"{place}.{key}: {value!r} is not {digits} hexadecimal digits; write null if unknown")
    return Weights(name, fields["origin"], fields["revision"], fields["sha256"])


def _log(entry: Any, tables: Sequence[PaperTable]) -> PaperLog:
    place = f"logs.{entry.get('id', '?') if isinstance(entry, dict) else '?'}"
    required = ("id", "row", "dataset", "source", "epochs", "chosen", "best")
    fields = _fields(entry, place, required, ("again",))
    rows = {row.id: row for table in reversed(tables) for row in table.rows}
    known(fields["row"], rows, f"{place}.row")
    printed = rows[fields["row"]].figure(fields["dataset"], "F1")
    if printed is None:
        raise PaperError(f"{place}: row {fields['row']} prints no F1 on {fields['dataset']!r}")
    epochs = {name: _fields(fields[name], f"{place}.{name}", ("epoch", "f1")) for name in ("chosen", "best")}
    numbers = [fields["epochs"], *(one["epoch"] for one in epochs.values())]
    if not all(type(number) is int for number in numbers):
        raise PaperError(f"{place}: epochs are whole numbers, found {numbers}")
    f1 = {name: _percentage(one["f1"], f"{place}.{name}.f1") for name, one in epochs.items()}
    again = _percentage(fields["again"], f"{place}.again") if "again" in fields else None
    chosen, best = epochs["chosen"]["epoch"], epochs["best"]["epoch"]
    verdict = LogVerdict(printed.value, chosen, f1["chosen"], again, best, f1["best"], fields["epochs"])
    return PaperLog(fields["id"], fields["row"], fields["dataset"], fields["source"], verdict)


def _scorer(name: str, entry: Any) -> Scorer:
    fields = _fields(entry, f"scorers.{name}", ("same_as_ours", "note"))
    return Scorer(name, _listed(fields["same_as_ours"], f"scorers.{name}.same_as_ours"), fields["note"])


def _table(entry: Any, scorers: Mapping[str, Scorer]) -> PaperTable:
    place = f"tables.{entry.get('id', '?') if isinstance(entry, dict) else '?'}"
    fields = _fields(entry, place, ("id", "title", "source", "datasets", "marks", "rows"))
    datasets = _listed(fields["datasets"], f"{place}.datasets")
    entries = _listed(fields["rows"], f"{place}.rows")
    rows = tuple(_row(row, place, datasets, fields["marks"], scorers) for row in entries)
    ids = [row.id for row in rows]
    doubled = sorted({name for name in ids if ids.count(name) > 1})
    if doubled:
        raise PaperError(f"{place}: row id {doubled[0]!r} is given twice")
    return PaperTable(fields["id"], fields["title"], fields["source"], datasets, dict(fields["marks"]), rows)


def _row(
    entry: Any,
    table: str,
    datasets: Sequence[str],
    known_marks: Mapping[str, str],
    scorers: Mapping[str, Scorer],
) -> PaperRow:
    place = f"{table}.{entry.get('id', '?') if isinstance(entry, dict) else '?'}"
    required = (
        "id",
        "system",
        "label",
        "mark",
        "modality",
        "title",
        "source",
        "status",
        "used",
        "printed",
        "notes",
    )
    fields = _fields(entry, place, required, ("spread", "marks", "also", "runs"))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", fields["id"]):
        raise PaperError(f"{place}: row id must be lower-case letters, digits and hyphens")
    known(fields["modality"], MODALITIES, f"{place}.modality")
    known(fields["status"], STATUSES, f"{place}.status")
    marks = [fields["mark"], *(mark for cell in fields.get("marks", {}).values() for mark in cell.values())]
    for mark in marks:
        if mark and mark not in known_marks:
            raise PaperError(f"{place}: mark {mark!r} is not explained in the table's marks")
    used = {dataset: _used(fields["used"], dataset, datasets, place, scorers) for dataset in datasets}
    printed = _printed(fields, datasets, place)
    names = ("id", "system", "label", "mark", "modality", "title", "source", "status")
    notes = _listed(fields["notes"], f"{place}.notes")
    also, runs = _listed(fields.get("also", []), f"{place}.also"), fields.get("runs")
    if runs is not None and (not isinstance(runs, int) or isinstance(runs, bool) or runs < 1):
        raise PaperError(f"{place}.runs: {runs!r} is no number of runs")
    own = {name: fields[name] for name in names}
    return PaperRow(**own, used=used, printed=printed, notes=notes, also=also, runs=runs)


def _used(entry: Any, dataset: str, datasets: Sequence[str], place: str, scorers: Mapping[str, Scorer]) -> Used:
    fields = _fields(entry, f"{place}.used", USED_FIELDS, ("inferred",))
    values = {}
    for name in USED_FIELDS:
        value = fields[name]
        if isinstance(value, dict):
            value = _fields(value, f"{place}.used.{name}", datasets)[dataset]
        if not isinstance(value, str) or not value:
            raise PaperError(f"{place}.used.{name}: {value!r} is no name; write {UNKNOWN!r} where nothing tells")
        values[name] = value
    known(values["scorer"], (*scorers, UNKNOWN), f"{place}.used.scorer")
    inferred = _listed(fields.get("inferred", []), f"{place}.used.inferred")
    for name in inferred:
        known(name, USED_FIELDS, f"{place}.used.inferred")
    return Used(**values, inferred=inferred)


def _printed(fields: Mapping[str, Any], datasets: Sequence[str], place: str) -> dict[str, dict[str, Figure]]:
    cells = _fields(fields["printed"], f"{place}.printed", datasets)
    numbers = {dataset: values for dataset, values in cells.items() if values is not None}
    # What stands beside a number needs that number.
    spreads, marks = (
        _fields(fields.get(name, {}), f"{place}.{name}", (), [*numbers]) for name in ("spread", "marks")
    )
    printed: dict[str, dict[str, Figure]] = {}
    for dataset, values in numbers.items():
        where = f"{place}.printed.{dataset}"
        _fields(values, where, (), METRICS)
        spread = _fields(spreads.get(dataset, {}), f"{place}.spread.{dataset}", (), [*values])
        mark = _fields(marks.get(dataset, {}), f"{place}.marks.{dataset}", (), [*values])
        printed[dataset] = {
            metric: Figure(
                _percentage(values[metric], f"{where}.{metric}"),
                _percentage(spread[metric], f"{place}.spread.{dataset}.{metric}") if metric in spread else None,
                mark.get(metric, ""),
            )
            for metric in METRICS
            if metric in values
        }
    return printed


def _percentage(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise PaperError(f"{place}: {value!r} is not a percentage")
    return float(value)


def _listed(value: Any, place: str) -> tuple[Any, ...]:
    """The items of a list; a text, which would fall into its letters, is none."""
    if not isinstance(value, list):
        raise PaperError(f"{place}: expected a list, found {value!r}")
    return tuple(value)


def _fields(entry: Any, place: str, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    for key in _mapping(entry, place):
        known(key, (*required, *optional), place)
    missing = [key for key in required if key not in entry]
    if missing:
        raise PaperError(f"{place}: lacks {', '.join(missing)}")
    return entry


def _mapping(entry: Any, place: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise PaperError(f"{place}: expected a mapping, found {type(entry).__name__}")
    return entry
