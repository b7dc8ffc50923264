"""What an epoch is made of: updates, order, random stream, mean loss; and one update beside a loop by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support import tiny
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.data.corpus import LABELS
from mner.data.side_data import Side
from mner.data.subwords import WordPieces
from mner.models.cards import Card
from mner.models.encoders import tokenizer_of
from mner.models.model import Model
from mner.training.batching import Tables
from mner.training.loop import Outcome, RunData, fit, train_step
from mner.training.optimisers import make_optimiser

CPU = torch.device("cpu")
SENTENCES, EPOCHS, BATCH_SIZE = 8, 3, 3
UPDATES = 3  # of an epoch: the last batch holds two sentences


class Noting(nn.Module):
    """Keeps what it is given; its loss is the mean number of a batch's sentences."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.told: list[tuple[int, int]] = []
        self.trained: list[list[int]] = []
        self.drawn: list[float] = []
        self.tagged: list[int] = []
        self.halved: list[tuple[str, bool]] = []
        self.modes: list[tuple[str, bool]] = []

    def begin_update(self, update: int, total: int) -> None:
        self.told.append((update, total))

    def loss(self, batch: Batch, decoder: None) -> Tensor:
        self.trained.append(batch.index.tolist())
        self.drawn.append(float(torch.rand(())))
        self.halved.append(("loss", torch.is_autocast_enabled("cpu")))
        self.modes.append(("loss", self.training))
        return self.weight * 0 + batch.index.float().mean()

    def decode(self, batch: Batch, decoder: None) -> list[list[str]]:
        self.tagged.append(len(batch.words))
        self.halved.append(("decode", torch.is_autocast_enabled("cpu")))
        self.modes.append(("decode", self.training))
        return [["O"] * len(words) for words in batch.words]


@pytest.fixture(scope="module")
def fitted(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Noting, Outcome]]:
    """Trains a noting tagger on eight toy sentences, three a batch; keyword arguments change the recipe."""
    cell = tiny.cell_of(original)
    side = Side({}, None, {}, frozenset())
    tables = Tables(WordPieces(tokenizer_of(cell.encoder)), 48, side, None, None, None, {}, False)
    data = RunData(
        {f"{name}/own": tables.split(tiny.sentences(SENTENCES, name), None) for name in ("train", "dev")}
    )
    card = Card(name="noting", title="Noting", cite="nobody", decoder="own")

    def run(**changes: object) -> tuple[Noting, Outcome]:
        recipe = replace(cell.recipe, epochs=EPOCHS, batch_size=BATCH_SIZE, frozen_layers=0, **changes)
        model = Model(card, Noting(), LABELS)
        path = tmp_path_factory.mktemp("run") / "state.pt"
        outcome = fit(model, data, recipe, seed=1, key="k", device=CPU, checkpoint_path=path)
        return model.tagger, outcome

    return run


def test_updates_are_numbered_through_all_epochs_the_smaller_last_batches_included(fitted) -> None:
    tagger, _ = fitted()
    assert tagger.told == [(update, EPOCHS * UPDATES) for update in range(EPOCHS * UPDATES)]


def test_every_epoch_reads_each_sentence_once_in_an_order_and_with_draws_of_its_own(fitted) -> None:
    tagger, _ = fitted()
    epochs = [tagger.trained[start : start + UPDATES] for start in range(0, EPOCHS * UPDATES, UPDATES)]
    for batches in epochs:
        assert sorted(row for batch in batches for row in batch) == list(range(SENTENCES))
    assert len({str(batches) for batches in epochs}) == EPOCHS
    assert len(set(tagger.drawn)) == EPOCHS * UPDATES
    again, _ = fitted()
    assert (again.trained, again.drawn) == (tagger.trained, tagger.drawn)


def test_the_loss_of_an_epoch_is_the_mean_over_its_sentences(fitted) -> None:
    _, outcome = fitted()
    losses = [row["train_loss"] for row in outcome.progress.curve]
    assert losses == pytest.approx([sum(range(SENTENCES)) / SENTENCES] * EPOCHS)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_precision_of_the_recipe_is_that_of_training_and_tagging(fitted, precision: str) -> None:
    tagger, _ = fitted(precision=precision)
    assert set(tagger.halved) == {(work, precision == "bfloat16") for work in ("loss", "decode")}


def test_dropout_is_on_in_training_and_off_in_tagging(fitted) -> None:
    tagger, _ = fitted()
    assert set(tagger.modes) == {("loss", True), ("decode", False)}


def test_tagging_has_a_batch_size_of_its_own(fitted) -> None:
    tagger, _ = fitted(evaluation_batch_size=5)
    # Dev after every epoch, and once more with the best one.
    assert tagger.tagged == [5, 3] * (EPOCHS + 1)


class Squares(nn.Module):
    """Half the squared distance of a matrix from the batch's numbers, so that the gradient is known."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor([[3.0, -4.0], [1.0, 2.0]]))

    def begin_update(self, update: int, total: int) -> None:
        pass

    def loss(self, batch: SimpleNamespace) -> Tensor:
        return 0.5 * (self.matrix - batch.numbers).square().sum()


@pytest.mark.parametrize("clip", [0.5, 100.0])
def test_updates_are_those_of_a_loop_by_hand(original: Path, clip: float) -> None:
    recipe = replace(tiny.cell_of(original).recipe, clip=clip, warmup=0.5, schedule="linear", weight_decay=0.1)
    model, total = Squares(), 4
    optimiser = make_optimiser(model, recipe)
    matrix = model.matrix.detach().clone()
    mean, square = torch.zeros(2, 2), torch.zeros(2, 2)
    for update, factor in enumerate((0.5, 1.0, 1.0, 0.5)):
        numbers = torch.full((2, 2), float(update))
        batch = SimpleNamespace(numbers=numbers, word_mask=torch.ones(2, 2, dtype=torch.bool))
        loss = train_step(model, batch, optimiser, [model.matrix], recipe, update, total)
        gradient = matrix - numbers
        assert loss.item() == pytest.approx(0.5 * gradient.square().sum().item(), rel=1e-5)
        assert not loss.requires_grad
        gradient = gradient * min(1.0, clip / gradient.norm().item())
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient.square()
        step = (mean / (1 - 0.9 ** (update + 1))) / ((square / (1 - 0.999 ** (update + 1))).sqrt() + 1e-8)
        matrix = matrix - recipe.head_learning_rate * factor * (step + 0.1 * matrix)
        torch.testing.assert_close(model.matrix.detach(), matrix, rtol=1e-5, atol=1e-6)
