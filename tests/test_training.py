"""One contract for every system: it learns, repeats itself byte for byte, survives being killed, trains once."""

from __future__ import annotations

import math
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mner import config
from mner.data.batching import Tables
from mner.data.corpus import LABELS, read_tags
from mner.data.pieces import WordPieces
from mner.data.side import Side
from mner.training import checkpoint
from mner.training.cell import Cell
from mner.training.loop import RunData, TrainingError, fit
from mner.training.optimiser import make_optimiser, set_learning_rates
from mner.training.runs import inputs_of, is_finished, missing_seeds
from mner.training.seeds import numpy_generator, stream, torch_stream

tiny = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny.py"))))
CPU = torch.device("cpu")
SCRIPT = Path(__file__).with_name("tiny.py")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with tiny.one_thread():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A world nobody trains in; everybody gets a copy."""
    root = tmp_path_factory.mktemp("original")
    tiny.make_world(root)
    return root


@pytest.fixture
def world(original, tmp_path) -> Path:
    return copy_of(original, tmp_path / "world")


def copy_of(original: Path, root: Path) -> Path:
    shutil.copytree(original, root)
    return root


@pytest.fixture(scope="module")
def uninterrupted(original, tmp_path_factory):
    """Each system's run of seed 1, trained once without interruption: (folder, listener, record)."""
    trained = {}

    def of(system: str):
        if system not in trained:
            root = copy_of(original, tmp_path_factory.mktemp("uninterrupted") / system)
            listener = tiny.Listener()
            (record,) = tiny.train(root, system, listener)
            trained[system] = (root, listener, record)
        return trained[system]

    return of


def cell_of(root: Path, system: str = "bert-crf") -> Cell:
    return Cell(config.load(root / "params.yaml"), tiny.DATASET, system, root)


def key_of(root: Path, system: str = "bert-crf", seed: int = 1) -> str:
    cell = cell_of(root, system)
    return inputs_of(cell).key(cell, seed)


# ---- the contract of every system


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
    tiny.change_parameters(world, lambda raw: raw["profiles"]["tiny"].update(seeds=[2, 1]))
    tiny.train(world, system)
    assert tiny.results(world, system, 1) == tiny.results(root, system, 1)
    assert tiny.results(world, system, 2)["curve.csv"] != tiny.results(root, system, 1)["curve.csv"]


class InterruptedRunError(Exception):
    """Stands for whatever ends a process between two epochs."""


@pytest.mark.parametrize("system", tiny.SYSTEMS)
@pytest.mark.parametrize("last", [0, 2])
def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(uninterrupted, world, system, last):
    def interrupt(step: int) -> None:
        if step == last:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        tiny.train(world, system, tiny.Listener(interrupt))
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


# ---- what is finished, and what is another run


def test_a_finished_run_is_not_trained_again_and_a_new_seed_trains_alone(world):
    tiny.train(world, "bert-crf")
    before = {path: path.stat().st_mtime_ns for path in (world / "runs").rglob("*") if path.is_file()}
    said: list[str] = []
    assert tiny.train(world, "bert-crf", say=said.append) == []
    assert len(said) == 1
    assert "1 runs are finished" in said[0]
    tiny.change_parameters(world, lambda raw: raw["profiles"]["tiny"].update(seeds=[1, 2]))
    assert [record.seed for record in tiny.train(world, "bert-crf")] == [2]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("damage", ["lost", "changed", "record"])
def test_a_damaged_run_is_trained_again(world, uninterrupted, damage):
    tiny.train(world, "bert-crf")
    folder = world / "runs" / "tiny" / tiny.DATASET / "bert-crf" / "1"
    if damage == "lost":
        (folder / "test.own.jsonl").unlink()
    elif damage == "changed":
        (folder / "dev.own.jsonl").write_text('["O"]\n')
    else:
        (folder / "record.json").write_text("{")
    cell = cell_of(world)
    assert not is_finished(folder, key_of(world))
    assert missing_seeds(cell, inputs_of(cell)) == [1]
    assert len(tiny.train(world, "bert-crf")) == 1
    assert tiny.results(world, "bert-crf") == tiny.results(uninterrupted("bert-crf")[0], "bert-crf")


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def set_parameter(*keys: str, value):
    def change(raw) -> None:
        for key in keys[:-1]:
            raw = raw[key]
        raw[keys[-1]] = value

    return lambda root: tiny.change_parameters(root, change)


ANOTHER_RUN = {
    "recipe": ("bert-crf", set_parameter("recipe", "clip", value=0.5)),
    "the row's recipe": ("bert-crf", set_parameter("systems", "bert-crf", "recipe", value={"epochs": 2})),
    "the profile's recipe": ("bert-crf", set_parameter("profiles", "tiny", "recipe", value={"epochs": 2})),
    "options": ("bert-crf", set_parameter("systems", "bert-crf", "options", value={"dropout": 0.2})),
    "captions": ("ita", set_parameter("data", "captions", value={tiny.DATASET: "other"})),
    "no objects": ("ita", set_parameter("data", "objects", value={tiny.DATASET: None})),
    "its code": ("bert-crf", lambda root: append(root / "baselines" / "bert_crf.py", "\nEXTRA = 1\n")),
    "imported code": ("bert-crf", lambda root: append(root / "mner" / "data" / "pieces.py", "\nEXTRA = 1\n")),
    "decoder": ("rgcn", lambda root: append(root / "mner" / "models" / "decoders.py", "\nEXTRA = 1\n")),
    "a gate": ("rgcn", lambda root: append(root / "mner" / "models" / "gates.py", "\nEXTRA = 1\n")),
    "corpus": ("bert-crf", lambda root: append(root / "data" / "toy" / "corpus" / "dev.jsonl", "\n")),
    "captions file": ("ita", lambda root: append(root / "data" / "toy" / "side" / "captions.json", "\n")),
    "features": ("rgcn", lambda root: append(root / "features" / "toy" / "caption_tokens.json", "\n")),
    "graph": ("rgcn", lambda root: append(root / "graphs" / "toy" / "rebuilt.json", "\n")),
}


@pytest.mark.parametrize("what", ANOTHER_RUN)
def test_what_a_run_reads_is_part_of_its_key(world, what):
    system, change = ANOTHER_RUN[what]
    before = key_of(world, system)
    change(world)
    assert key_of(world, system) != before


THE_SAME_RUN = {
    "a comment": lambda root: append(root / "baselines" / "bert_crf.py", "\n# a thought\n"),
    "a docstring": lambda root: (root / "mner" / "training" / "loop.py").write_text(
        re.sub(r'\A""".*?"""', '"""Other words."""', (root / "mner/training/loop.py").read_text(), flags=re.DOTALL)
    ),
    "another baseline": lambda root: append(root / "mner" / "systems" / "ita.py", "\nEXTRA = 1\n"),
    "scoring": lambda root: append(root / "mner" / "evaluation" / "scoring.py", "\nEXTRA = 1\n"),
    "tracking": lambda root: append(root / "mner" / "tracking" / "record.py", "\nEXTRA = 1\n"),
    "another row": set_parameter("systems", "rgcn", "options", value={"heads": 2}),
    "more seeds": set_parameter("profiles", "tiny", "seeds", value=[1, 2, 3]),
    "a file it does not read": lambda root: append(root / "features" / "toy" / "caption_tokens.json", "\n"),
    "captions it does not read": set_parameter("data", "captions", value={tiny.DATASET: "other"}),
    "gold": lambda root: shutil.rmtree(root / "data" / "toy" / "gold"),
}


@pytest.mark.parametrize("what", THE_SAME_RUN)
def test_what_a_run_does_not_read_is_no_part_of_its_key(world, what):
    before = key_of(world)
    THE_SAME_RUN[what](world)
    assert key_of(world) == before


def test_seed_and_system_are_part_of_the_key(original):
    keys = [key_of(original, system, seed) for system in tiny.SYSTEMS for seed in (1, 2)]
    assert len(set(keys)) == len(keys)


def test_a_row_without_its_input_is_skipped_with_a_reason(world):
    def only_objects(raw) -> None:
        raw["data"]["objects"] = {tiny.DATASET: None}
        raw["systems"]["ita"]["options"]["context"] = ["objects"]

    tiny.change_parameters(world, only_objects)
    listener = tiny.Listener()
    (record,) = tiny.train(world, "ita", listener)
    assert (record.status, record.reason) == ("skipped", "toy has no objects at hand")
    assert listener.logged == [record]
    assert tiny.train(world, "ita") == []
    # With captions beside them, the row runs on what there is, and says so.
    tiny.change_parameters(
        world, lambda raw: raw["systems"]["ita"]["options"].update(context=["objects", "captions"])
    )
    (record,) = tiny.train(world, "ita")
    assert (record.status, record.visual_input) == ("finished", "captions:planted")


def test_one_seed_may_be_trained_and_leaves_the_others_checkpoints_alone(world, uninterrupted):
    tiny.change_parameters(world, lambda raw: raw["profiles"]["tiny"].update(seeds=[1, 2]))

    def interrupt(step: int) -> None:
        raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        tiny.train(world, "bert-crf", tiny.Listener(interrupt), only=[1])
    assert [record.seed for record in tiny.train(world, "bert-crf", only=[2])] == [2]
    listener = tiny.Listener()
    assert [record.seed for record in tiny.train(world, "bert-crf", listener, only=[1])] == [1]
    assert [step for step, _ in listener.epochs] == [1, 2]
    assert tiny.results(world, "bert-crf") == tiny.results(uninterrupted("bert-crf")[0], "bert-crf")


def test_old_and_half_written_checkpoints_are_cleared(world):
    folder = world / ".checkpoints" / "tiny" / "toy-bert-crf"
    folder.mkdir(parents=True)
    (folder / "0123.pt").write_bytes(b"another run's")
    (folder / ".0123.pt.xyz.part").write_bytes(b"half")
    tiny.train(world, "bert-crf")
    assert list(folder.iterdir()) == []


# ---- the loop, with a model whose tags are scripted


class Scripted(torch.nn.Module):
    """Tags the first ``script[epoch]`` sentences right and the rest O; its loss is whatever ``losses`` say."""

    def __init__(self, gold, script, losses=None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.register_buffer("epoch", torch.tensor(-1))
        self.gold, self.script, self.losses = gold, script, losses

    def train(self, mode: bool = True) -> Scripted:
        if mode:
            self.epoch = self.epoch + 1
        return super().train(mode)

    def loss(self, batch) -> torch.Tensor:
        value = 1.0 if self.losses is None else self.losses[int(self.epoch)]
        return self.weight * 0 + value

    def decode(self, batch) -> list[list[str]]:
        right = self.script[int(self.epoch)]
        tags = [
            self.gold[words] if row < right else ["O"] * len(words)
            for row, words in zip(batch.index.tolist(), batch.words, strict=True)
        ]
        return tags


@pytest.fixture(scope="module")
def scripted(original):
    """Runs a scripted model over toy splits; gives the outcome of ``fit``."""
    cell = cell_of(original)
    side = Side({}, None, {}, frozenset())
    tables = Tables(WordPieces(cell.encoder.tokenizer()), 48, side, None, None, None, {}, False)
    entities = tuple(s for s in tiny.sentences(20, "d") if set(s.tags) != {"O"})[:8]
    dev = tuple(replace(sentence, index=number) for number, sentence in enumerate(entities))
    data = RunData({"train/own": tables.split(tiny.sentences(8, "t"), None), "dev/own": tables.split(dev, None)})
    gold = {sentence.words: list(sentence.tags) for sentence in dev}

    def run(path: Path, script, losses=None, **changes):
        recipe = replace(cell.recipe, epochs=len(script), frozen_layers=0, **changes)
        model = Scripted(gold, script, losses)
        return fit(model, data, recipe, seed=1, key="k", device=CPU, checkpoint_path=path)

    return run


@pytest.mark.parametrize(
    ("script", "best"),
    [((1, 3, 3, 2), 1), ((8, 8, 8), 0), ((0, 0, 1), 2), ((0, 0), 0), ((1, 2, 8), 2), ((5, 4, 5, 6, 6), 3)],
)
def test_the_best_epoch_predicts_and_the_earlier_one_wins_a_tie(scripted, tmp_path, script, best):
    outcome = scripted(tmp_path / "state.pt", script)
    assert outcome.progress.best_epoch == best
    curve = [row["dev_f1"] for row in outcome.progress.curve]
    assert curve[best] == max(curve)
    assert [score == 100.0 for score in curve] == [right == 8 for right in script]
    tagged = sum(any(tag != "O" for tag in row) for row in outcome.predictions["dev.own"])
    assert tagged == script[best]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_saved(scripted, tmp_path):
    path = tmp_path / "state.pt"
    with pytest.raises(TrainingError, match=r"epoch 2/3: the training loss is nan; lower the learning rates"):
        scripted(path, (1, 2, 3), losses=(1.0, math.nan, 1.0))
    saved = torch.load(path, weights_only=True)["progress"]
    assert (saved["epochs_done"], saved["best_epoch"], len(saved["curve"])) == (1, 0, 1)


def test_one_tag_a_word_is_demanded(scripted, tmp_path, monkeypatch):
    monkeypatch.setattr(Scripted, "decode", lambda self, batch: [["O"]] * len(batch.words))
    with pytest.raises(TrainingError, match=r"sentence 0: 1 tags for \d words; .*one tag a word"):
        scripted(tmp_path / "state.pt", (1,))


def test_selecting_by_a_view_the_system_does_not_have_is_refused(scripted, tmp_path):
    with pytest.raises(TrainingError, match=r"selects epochs by dev view none.*set select: \[own\]"):
        scripted(tmp_path / "state.pt", (1,), select=("own", "none"))


def test_selection_takes_the_mean_over_its_views(uninterrupted):
    root, _, record = uninterrupted("ita")
    means = record.dev_f1
    assert record.best_epoch == means.index(max(means))
    predictions = root / "runs" / "tiny" / tiny.DATASET / "ita" / "1"
    from seqeval.metrics import f1_score

    gold = [list(sentence.tags) for sentence in tiny.splits()["dev"]]
    views = [100 * f1_score(gold, read_tags(predictions / f"dev.{view}.jsonl")) for view in ("own", "none")]
    assert means[record.best_epoch] == pytest.approx(sum(views) / 2)


# ---- its parts


def test_checkpoints_of_other_runs_are_ignored_and_torn_ones_refused(tmp_path):
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    path = tmp_path / "state.pt"
    progress = checkpoint.Progress("mine", 2, 1, [{"epoch": 0, "dev_f1": 1.0}, {"epoch": 1, "dev_f1": 2.0}])
    best = checkpoint.trainable_state(model)
    checkpoint.save(path, model, optimiser, progress, best)
    other = torch.nn.Linear(2, 2)
    fresh = torch.optim.AdamW(other.parameters())
    assert checkpoint.restore(path, other, fresh, "another") == (checkpoint.Progress("another"), {})
    assert not torch.equal(other.weight, model.weight)
    read, read_best = checkpoint.restore(path, other, fresh, "mine")
    assert read == progress
    assert torch.equal(other.weight, model.weight)
    assert torch.equal(read_best["weight"], best["weight"])
    with pytest.raises(checkpoint.CheckpointError, match="does not fit the model"):
        checkpoint.load_trainable(torch.nn.Linear(2, 2, bias=False), best)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(checkpoint.CheckpointError, match=r"state\.pt is torn .*delete it"):
        checkpoint.restore(path, other, fresh, "mine")


def test_frozen_weights_are_not_in_a_checkpoint():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2).requires_grad_(False), torch.nn.Linear(2, 2))
    assert set(checkpoint.trainable_state(model)) == {"1.weight", "1.bias"}


def test_parameters_learn_at_the_rate_of_their_kind(original):
    from mner.training.cell import prepare

    cell = cell_of(original)
    model = prepare(cell, CPU).model(1, CPU)
    optimiser = make_optimiser(model, cell.recipe)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    seen = []
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            seen.append(name)
            if "encoder" in name:
                assert group["peak"] == cell.recipe.encoder_learning_rate
            elif "transitions" in name:
                assert (group["peak"], group["weight_decay"]) == (cell.recipe.transition_learning_rate, 0.0)
            else:
                assert group["peak"] == cell.recipe.head_learning_rate
            if "bias" in name or "LayerNorm" in name:
                assert group["weight_decay"] == 0.0
    assert sorted(seen) == sorted(name for name, p in model.named_parameters() if p.requires_grad)
    assert not any("embeddings" in name or "layer.0" in name for name in seen)


@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_learning_rates_rise_to_their_peaks_and_then_fall_or_stay(original, schedule):
    recipe = replace(cell_of(original).recipe, schedule=schedule, warmup=0.2)
    optimiser = make_optimiser(torch.nn.Linear(2, 2), recipe)
    factors = [set_learning_rates(optimiser, recipe, step, 10) for step in range(10)]
    falling = [1 - step / 8 for step in range(8)] if schedule == "linear" else [1.0] * 8
    assert factors == pytest.approx([0.5, 1.0, *falling])
    for group in optimiser.param_groups:
        assert group["lr"] == pytest.approx(recipe.head_learning_rate * factors[-1])


def test_streams_are_functions_of_seed_and_name():
    names = [(1, "order", 0), (1, "order", 1), (2, "order", 0), (1, "dropout", 0), (1, "order/0")]
    assert len({stream(*name) for name in names[:4]}) == 4
    assert all(0 <= stream(*name) < 2**63 for name in names)
    assert numpy_generator(1, "a").integers(1 << 40) == numpy_generator(1, "a").integers(1 << 40)
    outside = torch.random.get_rng_state()
    with torch_stream(CPU, 1, "x"):
        first = torch.rand(2)
    with torch_stream(CPU, 1, "x"):
        assert torch.equal(torch.rand(2), first)
    assert torch.equal(torch.random.get_rng_state(), outside)


# ---- processes


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


def test_killed_runs_and_processes_at_once(original, tmp_path, uninterrupted):
    """kill -9 in the second epoch, then two processes at once: one goes on, the other waits and trains nothing."""
    world = copy_of(original, tmp_path / "world")
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
    assert "1 runs are finished" in idle
    assert "trained 0" in idle
    assert tiny.results(world, "rgcn") == tiny.results(uninterrupted("rgcn")[0], "rgcn")
    assert not list(world.rglob("*.part"))
