"""The training loop with a model whose tags are scripted, and its parts: checkpoints, optimiser, streams."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import tiny
from support.messages import names

from mner.data.corpus import LABELS
from mner.data.side_data import Side
from mner.data.subwords import WordPieces
from mner.models.cards import Card
from mner.models.encoders import tokenizer_of
from mner.models.model import Model
from mner.training import checkpoint
from mner.training.batching import Tables
from mner.training.determinism import numpy_generator, stream, torch_stream
from mner.training.experiment import prepare
from mner.training.loop import RunData, TrainingError, fit
from mner.training.optimisers import make_optimiser, set_learning_rates

CPU = torch.device("cpu")


class Scripted(torch.nn.Module):
    """Tags the first ``script[epoch]`` sentences right and the rest O; its loss is whatever ``losses`` say."""

    def __init__(self, gold, script, losses=None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.register_buffer("epoch", torch.tensor(-1))
        self.gold, self.script, self.losses = gold, script, losses

    def begin_update(self, update: int, total: int) -> None:
        pass

    def train(self, mode: bool = True) -> Scripted:
        if mode:
            self.epoch = self.epoch + 1
        return super().train(mode)

    def loss(self, batch, decoder=None) -> torch.Tensor:
        value = 1.0 if self.losses is None else self.losses[int(self.epoch)]
        return self.weight * 0 + value

    def decode(self, batch, decoder=None) -> list[list[str]]:
        right = self.script[int(self.epoch)]
        tags = [
            self.gold[words] if row < right else ["O"] * len(words)
            for row, words in zip(batch.index.tolist(), batch.words, strict=True)
        ]
        return tags


@pytest.fixture(scope="module")
def scripted(original):
    """Runs a scripted model over toy splits; gives the outcome of ``fit``."""
    card = Card(name="scripted", title="Scripted", cite="nobody", decoder="own")
    cell = tiny.cell_of(original)
    side = Side({}, None, {}, frozenset())
    tables = Tables(WordPieces(tokenizer_of(cell.encoder)), 48, side, None, None, None, {}, False)
    entities = tuple(s for s in tiny.sentences(20, "d") if set(s.tags) != {"O"})[:8]
    dev = tuple(replace(sentence, index=number) for number, sentence in enumerate(entities))
    data = RunData({"train/own": tables.split(tiny.sentences(8, "t"), None), "dev/own": tables.split(dev, None)})
    gold = {sentence.words: list(sentence.tags) for sentence in dev}

    def run(path: Path, script, losses=None, **changes):
        recipe = replace(cell.recipe, epochs=len(script), frozen_layers=0, **changes)
        model = Model(card, Scripted(gold, script, losses), LABELS)
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
    with pytest.raises(TrainingError, match=names("2/3", "nan")):
        scripted(path, (1, 2, 3), losses=(1.0, math.nan, 1.0))
    saved = torch.load(path, weights_only=True)["progress"]
    assert (saved["epochs_done"], saved["best_epoch"], len(saved["curve"])) == (1, 0, 1)


def test_one_tag_a_word_is_demanded(scripted, tmp_path, monkeypatch):
    monkeypatch.setattr(Scripted, "decode", lambda self, batch, decoder: [["O"]] * len(batch.words))
    with pytest.raises(TrainingError, match=r"\b0: 1 "):
        scripted(tmp_path / "state.pt", (1,))


def test_selecting_by_a_view_the_system_does_not_have_is_refused(scripted, tmp_path):
    with pytest.raises(TrainingError, match=names("none", "select: [own]")):
        scripted(tmp_path / "state.pt", (1,), select=("own", "none"))


def test_training_stops_when_patience_is_out(scripted, tmp_path):
    outcome = scripted(tmp_path / "a.pt", (1, 3, 3, 2, 8), patience=2)
    assert (outcome.progress.epochs_done, outcome.progress.best_epoch) == (4, 1)
    assert scripted(tmp_path / "b.pt", (1, 3, 3, 2, 8), patience=3).progress.best_epoch == 4
    # Called again, a run that has stopped stays stopped.
    again = scripted(tmp_path / "a.pt", (1, 3, 3, 2, 8), patience=2)
    assert (again.progress.epochs_done, again.predictions) == (4, outcome.predictions)


def test_checkpoints_of_other_runs_are_ignored(tmp_path):
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


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (torch.nn.Linear(2, 2, bias=False), "bias"),
        (torch.nn.Linear(3, 2), "weight"),
    ],
)
def test_the_state_of_another_model_names_what_differs_and_the_file(tmp_path, other, why):
    model = torch.nn.Linear(2, 2)
    path = tmp_path / "state.pt"
    checkpoint.save(path, model, torch.optim.AdamW(model.parameters()), checkpoint.Progress("mine"), {})
    with pytest.raises(checkpoint.CheckpointError, match=names("state.pt", why)):
        checkpoint.restore(path, other, torch.optim.AdamW(other.parameters()), "mine")


def test_the_optimiser_of_another_model_is_refused_too(tmp_path):
    model = torch.nn.Linear(2, 2)
    path = tmp_path / "state.pt"
    half = torch.optim.AdamW([model.weight])
    checkpoint.save(path, model, half, checkpoint.Progress("mine"), {})
    with pytest.raises(checkpoint.CheckpointError, match=names("state.pt")):
        checkpoint.restore(path, model, torch.optim.AdamW(model.parameters()), "mine")


def test_frozen_weights_are_not_in_a_checkpoint():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2).requires_grad_(False), torch.nn.Linear(2, 2))
    assert set(checkpoint.trainable_state(model)) == {"1.weight", "1.bias"}


def test_parameters_learn_at_the_rate_of_their_kind(original):
    cell = tiny.cell_of(original)
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
            spared = "bias" in name or "LayerNorm" in name or "transitions" in name
            assert group["weight_decay"] == (0.0 if spared else cell.recipe.weight_decay)
    assert sorted(seen) == sorted(name for name, p in model.named_parameters() if p.requires_grad)
    assert not any("embeddings" in name or "layer.0" in name for name in seen)


class Parts(torch.nn.Module):
    """Parameters whose kind only their name or their shape tells."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(2, 2)
        self.text_encoder = torch.nn.Linear(2, 2)
        self.scale = torch.nn.Parameter(torch.ones(2))
        self.norm_of_rows = torch.nn.Parameter(torch.ones(2, 2))
        self.transitions = torch.nn.Parameter(torch.ones(2, 2))


def test_decay_spares_vectors_and_whatever_is_called_a_norm_and_an_encoder_is_a_module_of_that_name(original):
    encoder, head, chain = 1e-5, 1e-3, 1e-2
    rates = {"encoder_learning_rate": encoder, "head_learning_rate": head, "transition_learning_rate": chain}
    recipe, model = replace(tiny.cell_of(original).recipe, **rates), Parts()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        names[id(parameter)]: (group["peak"], group["weight_decay"])
        for group in make_optimiser(model, recipe).param_groups
        for parameter in group["params"]
    }
    assert found == {
        "encoder.weight": (encoder, recipe.weight_decay),
        "encoder.bias": (encoder, 0.0),
        "text_encoder.weight": (head, recipe.weight_decay),
        "text_encoder.bias": (head, 0.0),
        "scale": (head, 0.0),
        "norm_of_rows": (head, 0.0),
        "transitions": (chain, 0.0),
    }


@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_learning_rates_rise_to_their_peaks_and_then_fall_or_stay(original, schedule):
    recipe = replace(tiny.cell_of(original).recipe, schedule=schedule, warmup=0.2)
    optimiser = make_optimiser(torch.nn.Linear(2, 2), recipe)
    rates = []
    for step in range(10):
        set_learning_rates(optimiser, recipe, step, 10)
        rates.append([group["lr"] / recipe.head_learning_rate for group in optimiser.param_groups])
    falling = [1 - step / 8 for step in range(8)] if schedule == "linear" else [1.0] * 8
    for of_group in zip(*rates, strict=True):
        assert of_group == pytest.approx((0.5, 1.0, *falling))


def test_a_warm_up_has_as_many_whole_updates_as_its_share_holds(original):
    recipe = replace(tiny.cell_of(original).recipe, schedule="constant", warmup=0.29)
    optimiser, factors = make_optimiser(torch.nn.Linear(2, 2), recipe), []
    for step in range(4):
        set_learning_rates(optimiser, recipe, step, 10)
        factors.append(optimiser.param_groups[0]["lr"] / recipe.head_learning_rate)
    assert factors == pytest.approx([0.5, 1.0, 1.0, 1.0])


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
