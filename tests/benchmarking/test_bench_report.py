"""``mner bench``: which systems are timed, at what size and effort, and what is written. Timing is pretended."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.profile_settings import settings

from mner.benchmarking import bench_report as report
from mner.benchmarking import packing, speed
from mner.benchmarking.bench_models import RELEASED
from mner.benchmarking.measure import Clock, Rates
from mner.benchmarking.packing import Packing
from mner.benchmarking.speed import FULL, QUICK, Line
from mner.config import ConfigError

CONFIG = settings()
CPU = torch.device("cpu")


def options(**changes: Any) -> argparse.Namespace:
    usual = {"only": None, "quick": False, "size": None, "dataset": "twitter2017", "cpu_time": False, "json": None}
    return argparse.Namespace(**{**usual, "seeds": 5, **changes})


def line(system: str, size: str) -> Line:
    rates = Rates((1.0, 2.0))
    return Line(system, "training", size, rates, rates, "beside", 1.7, "anchor", "float32", None, "made up")


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What was to be timed: system, size and effort."""
    asked: list[tuple] = []

    def system_lines(
        config: Any, name: str, size: str, root: Path, dataset: str, clock: Clock, effort: Any
    ) -> list:
        asked.append((name, size, effort))
        return [line(name, size)]

    def plain_line(config: Any, root: Path, dataset: str, clock: Clock, effort: Any) -> Line:
        asked.append(("bert-crf", "minilm", effort))
        return line("bert-crf", "minilm")

    monkeypatch.setattr(report, "system_lines", system_lines)
    monkeypatch.setattr(report, "plain_line", plain_line)
    monkeypatch.setattr(report, "ceilings", lambda clock: {"float32": 2e12})
    return asked


def speed_report(**changes: Any) -> str:
    return report.speed_report(CONFIG, options(**changes), Path(), CPU, "a test")


def test_every_released_program_and_the_plain_script_are_timed(timed: list[tuple]) -> None:
    text = speed_report()
    assert timed == [*((name, "bert-base", FULL) for name in RELEASED), ("bert-crf", "minilm", FULL)]
    assert [row.split()[0] for row in text.splitlines()[2:6]] == [*RELEASED, "bert-crf"]
    assert "float32 2.00 TFLOP/s" in text
    assert "sentences per second; median of 2 rounds" in text


def test_a_first_look_of_some_at_another_size(timed: list[tuple], tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    text = speed_report(only=["rgcn", "bert-crf"], quick=True, size="tiny", json=path, cpu_time=True)
    assert timed == [("rgcn", "tiny", QUICK), ("bert-crf", "minilm", QUICK)]
    assert "sentences per second of CPU time" in text
    written = json.loads(path.read_text())
    assert written["command"] == "a test"
    assert written["machine"]["cpu_time"] is True
    assert [(one["system"], one["ours"]["rounds"]) for one in written["lines"]] == [
        ("rgcn", [1.0, 2.0]),
        ("bert-crf", [1.0, 2.0]),
    ]


def test_cpu_time_of_a_gpu_is_refused_as_a_wrong_argument(timed: list[tuple]) -> None:
    with pytest.raises(
        ConfigError, match="bench: CPU time does not measure what cuda does; leave --cpu-time away"
    ):
        report.speed_report(CONFIG, options(cpu_time=True), Path(), torch.device("cuda"), "a test")
    assert timed == []


@pytest.mark.parametrize(("quick", "size", "asked"), [(False, None, ("minilm", 20)), (True, "tiny", ("tiny", 5))])
def test_seeds_at_once_are_measured_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick: bool, size: str | None, asked: tuple[str, int]
) -> None:
    def measured(config: Any, size: str, dataset: str, device: torch.device, seeds: int, updates: int) -> Packing:
        assert (size, updates) == asked
        return Packing(seeds, updates, 2.0, 8.0)

    monkeypatch.setattr(packing, "measure_packing", measured)
    path = tmp_path / "found.json"
    text = report.packing_report(CONFIG, options(quick=quick, size=size, seeds=4, json=path), CPU)
    # Seconds, seconds a seed, and how many times one seed alone.
    assert [row.split()[-4:] for row in text.splitlines()[1:3]] == [
        ["2.00", "2.00", "1.00", "x"],
        ["8.00", "2.00", "4.00", "x"],
    ]
    assert json.loads(path.read_text())["processes"] == 8.0


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Callable[[], int]]]:
    """The ways that would be timed in turns."""
    asked: list[dict[str, Callable[[], int]]] = []

    def interleaved(ways: dict[str, Callable[[], int]], rounds: int, clock: Clock, label: str) -> dict[str, Rates]:
        asked.append(ways)
        return {name: Rates((float(number + 1),) * rounds) for number, name in enumerate(ways)}

    monkeypatch.setattr(speed, "interleaved", interleaved)
    return asked


def test_a_system_is_timed_in_training_and_tagging_beside_the_same_modules_in_the_released_regime(
    tmp_path: Path, tiny: Any, ways: list[dict[str, Callable[[], int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = tiny.EncoderSource("minilm", package=str(tiny.write_encoder(tmp_path).package))
    monkeypatch.setitem(CONFIG.encoders, "minilm", encoder)
    seen: list[tuple[bool, int, int, str]] = []

    def noted(training: bool) -> Callable:
        def work(self: speed.Trainee, batch: Any, recipe: Any) -> int:
            seen.append((training, len(batch.words), batch.text.input_ids.shape[1], recipe.precision))
            return len(batch.words)

        return work

    monkeypatch.setattr(speed.Trainee, "train", noted(True))
    monkeypatch.setattr(speed.Trainee, "infer", noted(False))
    monkeypatch.setattr(speed, "flops_per_sentence", lambda trainee, batches: 7.0)
    lines = speed.system_lines(CONFIG, "rgcn", "tiny", tmp_path, "twitter2017", Clock(CPU), QUICK)
    program = RELEASED["rgcn"]
    assert [(one.task, one.anchor, one.flops) for one in lines] == [
        ("training", program.training, 7.0),
        ("inference", program.inference, None),
    ]
    assert [(one.ours.median, one.beside.median) for one in lines] == [(1.0, 2.0)] * 2
    for training, pair in zip((True, False), ways, strict=True):
        seen.clear()
        assert pair["released"]() == 16
        assert seen == [(training, 16, program.pieces, "float32")]
        seen.clear()
        pair["ours"]()
        assert {(kind, sentences, precision) for kind, sentences, _, precision in seen} == {
            (training, 16 if training else 64, "auto")
        }
        assert all(pieces < program.pieces for _, _, pieces, _ in seen)
