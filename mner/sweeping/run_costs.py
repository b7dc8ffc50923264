"""What a run will cost, from records of the same hardware: time, memory, energy, and on what basis."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mner.base.files import sha256_of_json
from mner.config.training_recipe import Recipe
from mner.data.corpus import views_for
from mner.models.encoders import location_of
from mner.tracking.record import Record, RecordError
from mner.training.experiment import Cell

SPLIT_FILES = {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.blind.jsonl"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Expected cost of one run: seconds, peak GiB, joules of the GPU while training (None: not measured).

    ``differs`` names what the runs it was computed from do not share with this one; empty: nothing, so these are
    means of the same cell's runs. Anything else is a scaled number and must be marked.
    """

    seconds: float
    memory_gib: float
    joules: float | None
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of disk that a run takes: ``kept`` for good, ``scratch`` for its checkpoint until it has finished."""

    kept: int
    scratch: int


# A checkpoint holds the weights, those of the best epoch, and two moments; the next one is written beside it.
NO_ROOM_NEEDED = Room(0, 0)
_COPIES_OF_WEIGHTS = 4 * 2
_WEIGHTS_OF_HEADS = 50_000_000
_KEPT_BESIDE_TAGS = 100_000


def room_of(cell: Cell) -> Room:
    """At most what one run of ``cell`` takes of the disk; an encoder that only the hub has counts as its heads.

    A file of tags is no longer than the sentences it tags.
    """
    corpus = cell.root / "data" / cell.dataset / "corpus"
    recipe = cell.recipe
    sizes = {name: _size(corpus / file) for name, file in SPLIT_FILES.items()}
    tags = (sizes["dev"] + sizes["test"]) * len(recipe.views)
    tags += sizes["test"] * recipe.epochs if recipe.predict_every_epoch else 0
    weights = _WEIGHTS_OF_HEADS + _size(Path(location_of(cell.encoder)) / "model.safetensors")
    kept = tags + _KEPT_BESIDE_TAGS + (weights if recipe.keep_weights else 0)
    return Room(kept, _COPIES_OF_WEIGHTS * weights)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@dataclass(frozen=True, slots=True)
class Work:
    """Sentences a run reads: with a backward pass, and without."""

    trained: int
    inferred: int


def work_of(recipe: Recipe, sizes: Mapping[str, int], needs: Collection[str]) -> Work:
    """Sentences of a whole run (all epochs, final predictions included) on splits of these ``sizes``.

    ``needs`` are the system's visual inputs: they decide which views are predicted.
    """
    train = min(sizes["train"], recipe.train_sentences or sizes["train"])
    select, views = len(views_for(recipe.select, needs)), len(views_for(recipe.views, needs))
    each_epoch = sizes["dev"] * select + (sizes["test"] if recipe.predict_every_epoch else 0)
    return Work(recipe.epochs * train, recipe.epochs * each_epoch + sizes["dev"] * select + sizes["test"] * views)


def split_sizes(data: Path, dataset: str) -> dict[str, int] | None:
    """Sentences of each split below ``data``; None where the data stage has not run."""
    files = {name: data / dataset / "corpus" / file for name, file in SPLIT_FILES.items()}
    if not all(file.is_file() for file in files.values()):
        return None
    return {name: file.read_bytes().count(b"\n") for name, file in files.items()}


def past_records(folders: Iterable[Path]) -> list[Record]:
    """Records of finished and timed runs below ``folders``, each run once; unreadable ones say nothing of cost."""
    found: dict[tuple[str, str], Record] = {}
    for folder in folders:
        for path in sorted(folder.rglob("record.json")):
            try:
                record = Record.read(path)
            except RecordError:
                continue
            if record.status == "finished" and record.throughput is not None:
                found[record.key, record.finished_at] = record
    return list(found.values())


def cost_of(cell: Cell, past: Sequence[Record], device: str) -> Cost | None:
    """Expected cost of one run of ``cell`` on ``device`` (in the words of ``describe_device``); None: unknown.

    How many threads ``device`` has now does not matter: a run has those of its recipe.

    Only runs with the same encoder on the same hardware tell anything. Among them the nearest count: of this
    system and data set if there are any, else of this system, else of others; their sentences a second are
    applied to the sentences this run will read.
    """
    sizes = split_sizes(cell.root / "data", cell.dataset)
    known = [record for record in past if _comparable(record, cell, device)]
    if sizes is None or not known:
        return None
    nearest = min(_differences(record, cell) for record in known)
    used = [record for record in known if _differences(record, cell) == nearest]
    work = work_of(cell.recipe, sizes, cell.needs())
    slow = fmean(1 / _measured(record, "train_sentences_per_second") for record in used)
    slow_inference = fmean(1 / _measured(record, "inference_sentences_per_second") for record in used)
    energies = [_joules_per_sentence(record, cell.root / "data") for record in used]
    energy = [value for value in energies if value is not None]
    return Cost(
        work.trained * slow + work.inferred * slow_inference,
        max(_measured(record, "peak_memory_gib") for record in used),
        work.trained * fmean(energy) if len(energy) == len(used) else None,
        tuple(name for name, different in zip(_NAMES, nearest, strict=True) if different),
    )


# The nearest run is the one that differs latest in this list.
_NAMES = ("system", "data set", "frozen layers", "precision", "batch size", "options", "threads")


def _differences(record: Record, cell: Cell) -> tuple[bool, ...]:
    recipe = asdict(cell.recipe)
    return (
        record.system != cell.system,
        record.dataset != cell.dataset,
        record.recipe["frozen_layers"] != recipe["frozen_layers"],
        record.recipe["precision"] != recipe["precision"],
        record.recipe["batch_size"] != recipe["batch_size"],
        sha256_of_json(record.options) != sha256_of_json(dict(cell.options)),
        record.recipe.get("threads") != recipe["threads"],
    )


def _comparable(record: Record, cell: Cell, device: str) -> bool:
    meters = _meters_of(record)
    rates = (meters["train_sentences_per_second"], meters["inference_sentences_per_second"])
    return (
        _hardware(meters["device"]) == _hardware(device)
        and record.encoder["name"] == cell.encoder.name
        and all(rate is not None and rate > 0 for rate in rates)
    )


def _hardware(device: str) -> str:
    """The device without its number of threads, or of runs that shared it."""
    return re.sub(r", \d+ (threads?|runs at a time)$", "", device)


def _meters_of(record: Record) -> Mapping[str, Any]:
    return record.throughput or {}


def _measured(record: Record, name: str) -> float:
    return float(_meters_of(record)[name])


def _joules_per_sentence(record: Record, data: Path) -> float | None:
    """Energy of training for each sentence trained on; None where it was not measured."""
    joules, sizes = _meters_of(record)["joules"], split_sizes(data, record.dataset)
    if joules is None or sizes is None:
        return None
    an_epoch = min(sizes["train"], record.recipe["train_sentences"] or sizes["train"])
    return joules / (len(record.dev_f1) * an_epoch)
