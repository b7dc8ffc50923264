"""A small results tree of our own making: corpora, gold, predictions of a wanted quality, and their records."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mner.base.files import sha256_of, sha256_of_json, write_bytes_atomically
from mner.data.corpus import TYPES, Sentence, write_sentences, write_tags
from mner.evaluation.evaluate import evaluate
from mner.evaluation.rescoring import SubwordCounter
from mner.evaluation.result_files import FILES, results_bytes
from mner.reporting.results import Results
from mner.tracking.record import Record
from support.profile_settings import write_profile

ROOT = Path(__file__).resolve().parents[2]
SENTENCES = 120


@dataclass(frozen=True)
class Active:
    name: str
    datasets: tuple[str, ...]
    systems: tuple[str, ...]
    seeds: tuple[int, ...]
    note: str = "fabricated for tests"


@dataclass(frozen=True)
class Verify:
    margin: float = 0.5
    alpha: float = 0.05
    reference_margin: float = 1.0
    control_gain: float = 5.0


@dataclass(frozen=True)
class Settings:
    active: Active
    verify: Verify = Verify()


def sentences() -> tuple[Sentence, ...]:
    """Each sentence holds two entities of two words; all types occur equally often."""
    made = []
    for i in range(SENTENCES):
        kinds = TYPES[i % 4], TYPES[(i + 1) % 4]
        tags = ("O", f"B-{kinds[0]}", f"I-{kinds[0]}", "O", f"B-{kinds[1]}", f"I-{kinds[1]}", "O")
        made.append(Sentence(i, f"image{i}", tuple(f"w{j}" for j in range(7)), tags))
    return tuple(made)


def predictions(share_wrong: float, seed: int) -> list[list[str]]:
    """Gold tags in which the given share of entities is missed."""
    rng = random.Random(seed)
    rows = [list(sentence.tags or ()) for sentence in sentences()]
    entities = [(i, j) for i in range(len(rows)) for j in (1, 4)]
    for i, j in rng.sample(entities, round(share_wrong * len(entities))):
        rows[i][j] = rows[i][j + 1] = "O"
    return rows


def make_runs(
    root: Path,
    active: Active,
    wrong: Callable[[str, str, int, str], float | None],
    epochs: int = 0,
    **changes: Any,
) -> None:
    """Write data and runs below ``root``; ``wrong(dataset, system, seed, view)`` is the share of missed entities.

    A None for view ``own`` means that the run does not exist, for another view that it was not predicted.
    With ``epochs`` the test tags of that many epochs are kept too; ``wrong`` is asked for views ``epoch-1``, ...
    ``changes`` replace fields of every record; a callable is called with (dataset, system, seed).
    """
    for dataset in active.datasets:
        for split in ("train", "dev"):
            write_sentences(root / "data" / dataset / "corpus" / f"{split}.jsonl", sentences())
        write_sentences(root / "data" / dataset / "gold" / "test.jsonl", sentences())
        for system in active.systems:
            for seed in active.seeds:
                kept = [f"epoch-{number + 1}" for number in range(epochs)]
                asked = ("own", "none", "shuffled", *kept)
                shares = {view: wrong(dataset, system, seed, view) for view in asked}
                if shares["own"] is not None:
                    folder = root / "runs" / active.name / dataset / system / str(seed)
                    _write_run(folder, active.name, dataset, system, seed, shares, changes)


def evaluated(root: Path, active: Active) -> Results:
    """What the score stage would say of the runs below ``root``, with a splitter of our own."""
    pieces = SubwordCounter("ours", lambda words: [1 + len(word) % 2 for word in words])
    return Results.of(evaluate(root, active.name, active.datasets, active.systems, active.seeds, lambda: pieces))


QUICK = Active("quick", ("twitter2017", "twitter2015"), ("bert-crf", "rgcn", "ita-all-cva"), (1, 2))


def make_repository(root: Path) -> None:
    """A repository in which the profile ``QUICK`` has results, as the score stage would leave it.

    bert-crf has no probes, and rgcn no run on Twitter-2015.
    """
    make_runs(root, QUICK, _share_wrong, epochs=2)
    held = evaluated(root, QUICK)
    for content in (held.scores, held.rescored, held.statistics, held.errors, held.audit):
        write_bytes_atomically(root / "results" / "quick" / FILES[type(content)], results_bytes(content))
    write_profile(root, "quick")
    (root / "reports").mkdir()
    shutil.copy(ROOT / "reports" / "paper.yaml", root / "reports")


def _share_wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
    if dataset == "twitter2015" and system == "rgcn":
        return None
    if system == "bert-crf" and view in ("none", "shuffled"):
        return None
    base = {"bert-crf": 0.2, "rgcn": 0.1, "ita-all-cva": 0.15}[system] + 0.02 * seed
    return base + {"own": 0.0, "none": 0.1, "shuffled": 0.2, "epoch-1": 0.05, "epoch-2": -0.02}[view]


def _write_run(
    folder: Path,
    profile: str,
    dataset: str,
    system: str,
    seed: int,
    shares: Mapping[str, float | None],
    changes: Mapping[str, Any],
) -> None:
    views = {
        f"{view}.test.own" if view.startswith("epoch") else f"test.{view}": share
        for view, share in shares.items()
        if share is not None
    }
    hashes = {}
    for view, share in {"dev.own": shares["own"], **views}.items():
        write_tags(folder / f"{view}.jsonl", predictions(share or 0.0, seed))
        hashes[view] = sha256_of(folder / f"{view}.jsonl")
    fields = record_fields(profile, dataset, system, seed, hashes)
    for name, change in changes.items():
        fields[name] = change(dataset, system, seed) if callable(change) else change
    Record(**fields).write(folder / "record.json")


def record_fields(profile: str, dataset: str, system: str, seed: int, hashes: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a finished record."""
    return {
        "key": sha256_of_json([profile, dataset, system, seed]),
        "profile": profile,
        "dataset": dataset,
        "system": system,
        "seed": seed,
        "status": "finished",
        "reason": None,
        "inputs": {"data": "0" * 64},
        "versions": {"system": 1, "protocol": 1},
        "sources": {"mner/": "1" * 64},
        "recipe": {"epochs": 6, "batch_size": 16, "train_sentences": None, "frozen_layers": 0},
        "options": {"dropout": 0.1},
        "encoder": {"name": "minilm", "source": "package", "sha256": "2" * 64},
        "data_copy": "umt",
        "visual_input": "none" if system in TEXT_SYSTEMS else "captions:blip2",
        "dev_f1": [70.0, 80.0],
        "best_epoch": 1,
        "predictions": dict(hashes),
        "throughput": {
            "train_sentences_per_second": 60.0 + seed,
            "inference_sentences_per_second": 400.0 + seed,
            "peak_memory_gib": 1.5,
            "device": "cpu: Intel Xeon, 2 threads",
            "joules": None,
            "utilisation": None,
        },
        "duration_seconds": 120.0,
        "environment": {"python": "3.11"},
        "git": {"commit": "3" * 40, "dirty": False},
        "finished_at": f"2026-01-0{seed % 9 + 1}T00:00:00+00:00",
        "command": f"dvc repro train@{dataset}-{system}",
    }


TEXT_SYSTEMS: Sequence[str] = (
    "bilstm-crf",
    "cnn-bilstm-crf",
    "hbilstm-crf",
    "bert",
    "bert-crf",
    "ita-text",
)
