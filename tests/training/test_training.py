"""One contract for every system: it learns, repeats itself byte for byte, survives being killed, trains once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from seqeval.metrics import f1_score
from support import interruption, tiny

from mner.data.corpus import LABELS, read_tags

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "tiny_process.py"


@pytest.mark.parametrize("system", tiny.SYSTEMS)
def test_a_system_learns_and_tags_every_word(uninterrupted, system):
    root, listener, record = uninterrupted(system)
    losses = [metrics["train_loss"] for _, metrics in listener.epochs]
    assert [step for step, _ in listener.epochs] == [0, 1, 2]
    assert losses[-1] < 0.95 * losses[0]
    assert record.dev_f1 == tuple(metrics["dev_f1"] for _, metrics in listener.epochs)
    views = {"dev.own", "test.own"}
    if system != "bert-crf":
        views |= {"test.none", "test.shuffled"}
    if system.startswith("rgcn"):
        views |= {"test.neighbours"}
    if system == "ita":
        views |= {"dev.none"}
    assert set(record.predictions) == views
    folder = root / "runs" / "tiny" / tiny.DATASET / system / "1"
    assert {path.name for path in folder.iterdir()} == {f"{v}.jsonl" for v in views} | {"record.json", "curve.csv"}
    for view in views:
        expected = tiny.splits()[view.partition(".")[0]]
        tags = read_tags(folder / f"{view}.jsonl")
        assert [len(row) for row in tags] == [len(sentence.words) for sentence in expected]
        assert {tag for row in tags for tag in row} <= set(LABELS)
    assert not list((root / ".checkpoints").rglob("*.*"))


@pytest.mark.parametrize("system", tiny.SYSTEMS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(uninterrupted, world, system):
    root, _, _ = uninterrupted(system)
    # In other surroundings, too: another folder, other draws before, another seed trained before it.
    torch.rand(7)
    tiny.change_parameters(world, lambda raw: raw["active"].update(seeds=[2, 1]))
    tiny.train(world, system)
    assert tiny.results(world, system, 1) == tiny.results(root, system, 1)
    assert tiny.results(world, system, 2)["curve.csv"] != tiny.results(root, system, 1)["curve.csv"]


@pytest.mark.parametrize("system", tiny.SYSTEMS)
@pytest.mark.parametrize("last", [0, 2])
def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(uninterrupted, world, system, last):
    with pytest.raises(interruption.InterruptedRunError):
        tiny.train(world, system, tiny.Listener(interruption.after(last)))
    assert not (world / "runs" / "tiny" / tiny.DATASET / system / "1" / "record.json").exists()
    listener = tiny.Listener()
    (record,) = tiny.train(world, system, listener)
    assert [step for step, _ in listener.epochs] == list(range(last + 1, 3))
    root, _, expected = uninterrupted(system)
    assert tiny.results(world, system) == tiny.results(root, system)
    assert (record.key, record.dev_f1, record.best_epoch, record.predictions) == (
        expected.key,
        expected.dev_f1,
        expected.best_epoch,
        expected.predictions,
    )


def test_training_does_not_touch_the_callers_random_state(world):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tiny.train(world, "bert-crf")
    assert torch.equal(torch.rand(3), expected)


def test_tags_of_every_epoch_and_the_best_weights_are_kept_on_demand(world, uninterrupted):
    both = {"predict_every_epoch": True, "keep_weights": True}
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(both))

    with pytest.raises(interruption.InterruptedRunError):
        tiny.train(world, "rgcn", tiny.Listener(interruption.after(1)))
    (record,) = tiny.train(world, "rgcn")
    plain, _, plain_record = uninterrupted("rgcn")
    epochs = {f"epoch-{number}.test.own" for number in (1, 2, 3)}
    assert set(record.predictions) == set(plain_record.predictions) | epochs
    best = record.predictions[f"epoch-{record.best_epoch + 1}.test.own"]
    assert best == record.predictions["test.own"]
    # Keeping them changes nothing else.
    kept, without = tiny.results(world, "rgcn"), tiny.results(plain, "rgcn")
    assert {name: kept[name] for name in without} == without
    weights = load_file(world / "runs" / "tiny" / tiny.DATASET / "rgcn" / "1" / "weights.safetensors")
    assert any("layer.1." in name for name in weights)
    assert not any("embeddings" in name or "layer.0." in name for name in weights)


def test_selection_takes_the_mean_over_its_views(uninterrupted):
    root, _, record = uninterrupted("ita")
    means = record.dev_f1
    assert record.best_epoch == means.index(max(means))
    predictions = root / "runs" / "tiny" / tiny.DATASET / "ita" / "1"
    gold = [list(sentence.tags) for sentence in tiny.splits()["dev"]]
    views = [100 * f1_score(gold, read_tags(predictions / f"dev.{view}.jsonl")) for view in ("own", "none")]
    assert means[record.best_epoch] == pytest.approx(sum(views) / 2)


def run_to_the_end(*processes: subprocess.Popen) -> list[str]:
    """What each process printed; none outlives the test."""
    try:
        told = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [out + err for out, err in told]


def start(root: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, str(SCRIPT), str(root), "rgcn", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_runs_and_processes_at_once(original, tmp_path, uninterrupted):
    """kill -9 in the second epoch, then two processes at once: one goes on, the other waits and trains nothing."""
    world = tiny.copy_of(original, tmp_path / "world")
    killed = start(world, "--die-after", "1")
    (told,) = run_to_the_end(killed)
    assert killed.returncode == -9, told
    assert "epoch 1/3" in told
    assert not list((world / "runs").rglob("record.json"))
    both = [start(world), start(world)]
    trained, idle = sorted(run_to_the_end(*both), key=lambda out: "trained 1" not in out)
    assert [process.returncode for process in both] == [0, 0], trained + idle
    assert "epoch 2/3" in trained
    assert "epoch 1/3" not in trained
    assert "finished by another process" in idle or "1 runs are finished" in idle
    assert "trained 0" in idle
    assert tiny.results(world, "rgcn") == tiny.results(uninterrupted("rgcn")[0], "rgcn")
    assert not list(world.rglob("*.part"))
