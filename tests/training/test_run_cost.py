"""What a run's record says it cost: all its processes, whatever killed one of them, and nothing of its result."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from support import tiny

from mner.base import meters
from mner.training.experiment import prepare
from mner.training.flops import WorkOfCell

CPU = torch.device("cpu")
PAUSE = 0.6


class PulledPlugError(Exception):
    """Stands for the power cut."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("original")
    tiny.make_world(root)
    return root


def test_a_resumed_run_has_cost_what_both_processes_took(original: Path, tmp_path: Path) -> None:
    whole, broken = (tiny.copy_of(original, tmp_path / name) for name in ("whole", "broken"))
    undisturbed = tiny.train(whole, "bert-crf")[0]

    def pull_the_plug(epoch: int) -> None:
        # The pause falls between the first and the second checkpoint, so it is in what the second one saves.
        if epoch == 0:
            time.sleep(PAUSE)
        if epoch == 1:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        tiny.train(broken, "bert-crf", tiny.Listener(pull_the_plug))
    (state,) = (broken / ".checkpoints").rglob("*.pt")
    spent = torch.load(state, weights_only=True)["progress"]["spent"]
    assert spent["run"]["seconds"] > PAUSE
    resumed = tiny.train(broken, "bert-crf")[0]
    assert resumed.duration_seconds > spent["run"]["seconds"]
    assert resumed.throughput["peak_memory_gib"] >= spent["run"]["peak_memory_gib"]
    assert resumed.throughput["device"] == undisturbed.throughput["device"]
    assert tiny.results(broken, "bert-crf") == tiny.results(whole, "bert-crf")
    assert resumed.predictions == undisturbed.predictions


def test_a_run_starts_its_memory_peak_anew(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, seen = tiny.copy_of(original, tmp_path / "one"), []
    monkeypatch.setattr(meters, "reset_peak_memory", seen.append)
    tiny.train(root, "bert-crf")
    assert seen == [CPU]


def test_counted_work_grows_with_the_model_and_moves_no_random_stream(original: Path) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    found = {}
    for system in ("bert-crf", "rgcn"):
        cell = tiny.cell_of(original, system)
        prepared = prepare(cell, CPU)
        counter, split = WorkOfCell(), prepared.data.splits["train/own"]
        found[system] = counter.measure(prepared.model(1, CPU), split, cell.recipe, CPU)
        again = counter.measure(prepared.model(2, CPU), split, cell.recipe, CPU)
        assert (again and again.per_sentence) == (found[system] and found[system].per_sentence)
    assert torch.equal(torch.rand(1), wanted)
    assert found["rgcn"].per_sentence > found["bert-crf"].per_sentence > 0
    said = found["rgcn"].beside({"train_sentences_per_second": 10.0})
    assert said["mfu"] == pytest.approx(10 * said["train_flops_per_sentence"] / said["matrix_flops_per_second"])
