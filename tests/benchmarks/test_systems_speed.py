"""Training step and inference of every row of params.yaml, at tiny size on generated data."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from support import tiny
from support.profile_settings import settings

from mner.benchmarking.speed import Trainee
from mner.benchmarking.workload import Workload
from mner.graphs.graph_building import build_graphs
from mner.training.experiment import prepare

TESTS = Path(__file__).resolve().parents[1]

CPU = torch.device("cpu")
ROWS = {name: asdict(row) for name, row in settings().systems.items()}
REGIONS = 24  # the tiny encoder reads 64 pieces at most; the released R-GCN pads to twice its regions


def _small(value: Any, vectors: Path) -> Any:
    """A row's options with word vectors of our own and as few regions as the tiny encoder has room for."""
    if not isinstance(value, dict):
        return value
    small = {name: _small(part, vectors) for name, part in value.items()}
    return small | {k: v for k, v in {"vectors": str(vectors), "regions": REGIONS}.items() if k in value}


@pytest.fixture(scope="module")
def trainee(tmp_path_factory: pytest.TempPathFactory):
    """Model, optimiser and data of a row, made once."""
    root = tmp_path_factory.mktemp("rows")
    tiny.make_world(root)
    vectors = root / "vectors.txt"
    words = sorted({word for split in tiny.splits().values() for s in split for word in s.words})
    lines = [
        f"{word} " + " ".join(f"{(number + k) % 7 - 3}" for k in range(50)) for number, word in enumerate(words)
    ]
    vectors.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def add_rows(raw: dict[str, Any]) -> None:
        raw["systems"] = {name: row | {"options": _small(row["options"], vectors)} for name, row in ROWS.items()}
        raw["active"]["systems"] = list(ROWS)

    build_graphs(tiny.change_parameters(root, add_rows), tiny.DATASET, root, CPU)

    @cache
    def make(system: str) -> Trainee:
        cell = tiny.cell_of(root, system)
        prepared = prepare(cell, CPU)
        workload = Workload(prepared.data.splits["train/own"], "generated")
        return Trainee(prepared.model(1, CPU), cell.recipe, workload, CPU)

    return make


@pytest.mark.parametrize("system", ROWS)
def test_training_step(benchmark, trainee, system: str) -> None:
    made = trainee(system)
    batches = made.workload.batches(8, 3, training=True)
    before = [parameter.detach().clone() for parameter in made.parameters]
    sentences = benchmark(made.ours(batches, True))
    assert sentences == sum(map(len, batches))
    moved = [not torch.equal(now, then) for now, then in zip(made.parameters, before, strict=True)]
    assert any(moved)


@pytest.mark.parametrize("system", ROWS)
def test_inference(benchmark, trainee, system: str) -> None:
    made = trainee(system)
    batches = made.workload.batches(8, 3, training=False)
    assert benchmark(made.ours(batches, False)) == sum(map(len, batches))
