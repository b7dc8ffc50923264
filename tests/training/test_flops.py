"""Counted arithmetic against sums by hand, and a ceiling that is a rate."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mner.training.flops import Work, WorkOfCell, flops_per_sentence, matrix_ceiling, training_flops

CPU = torch.device("cpu")
PLAIN = torch.autocast("cpu", enabled=False)


class Product(nn.Module):
    """A loss of one matrix product: the input needs no gradient, so there are two products a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4, bias=False)

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        return self.linear(batch).sum()


class Attention(nn.Module):
    """Attention alone: two products forward, five backward (one of them recomputed)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        states = batch * self.scale
        return nn.functional.scaled_dot_product_attention(states, states, states).sum()


def test_products_are_counted_forward_and_backward() -> None:
    batches = [torch.ones(3, 8), torch.ones(5, 8)]
    assert training_flops(Product(), batches, PLAIN) == 2 * 2 * (3 + 5) * 8 * 4


def test_attention_on_a_cpu_is_counted() -> None:
    length, width = 6, 16
    product = 2 * length * length * width
    assert training_flops(Attention(), [torch.rand(1, 1, length, width)], PLAIN) == 7 * product


def test_counting_leaves_weights_gradients_and_mode_alone() -> None:
    model = Product().train()
    before = model.linear.weight.detach().clone()
    training_flops(model, [torch.ones(3, 8)], PLAIN)
    assert torch.equal(model.linear.weight, before)
    assert model.linear.weight.grad is None
    assert model.training
    assert training_flops(model.eval(), [], PLAIN) == 0
    assert not model.training


def test_recurrent_models_are_not_counted() -> None:
    assert training_flops(nn.Sequential(nn.LSTM(2, 2)), [], PLAIN) is None


@pytest.mark.parametrize("counted", [100.0, None])
def test_work_is_counted_once_for_all_runs_of_a_cell(
    monkeypatch: pytest.MonkeyPatch, counted: float | None
) -> None:
    calls: list[int] = []

    def count(*asked: object) -> float | None:
        calls.append(1)
        return counted

    monkeypatch.setattr("mner.training.flops.flops_per_sentence", count)
    monkeypatch.setattr("mner.training.flops.matrix_ceiling", lambda device, dtype: 1e9)
    work, recipe = WorkOfCell(), SimpleNamespace(precision="float32")
    found = [work.measure(Product(), None, recipe, CPU) for _ in range(2)]
    assert found == [None if counted is None else Work(counted, 1e9)] * 2
    assert calls == [1]


def test_share_of_the_ceiling() -> None:
    assert Work(per_sentence=2e9, ceiling=1e12).share(100) == pytest.approx(0.2)


def test_the_ceiling_is_the_best_product_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[torch.device] = []
    monkeypatch.setattr("mner.training.flops.CEILING_SIZE", {"cpu": 4})
    monkeypatch.setattr("mner.training.flops._wait", waits.append)
    # When it begins, then of every product: when it starts, when it ends, and whether there is time for another.
    moments = iter((10.0, 10.0, 10.1, 10.1, 10.1, 10.15, 10.15, 10.15, 10.4, 10.4))
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    assert matrix_ceiling(CPU, torch.float32, lambda: next(moments)) == pytest.approx(2 * 4**3 / 0.05)
    assert list(moments) == []
    assert waits == [CPU] * 2 * 3, "before and after each of three products"
    assert torch.equal(torch.rand(1), wanted), "nobody's random numbers are taken"


class Split:
    """Seven sentences, two of them in the last batch of five."""

    def __init__(self) -> None:
        self.text, self.cross = SimpleNamespace(lengths=lambda: np.arange(7)), None

    def batch(self, rows: list[int]) -> SimpleNamespace:
        batch = SimpleNamespace(words=rows)
        batch.to = lambda device: batch
        return batch


class PerSentence(Product):
    """One product a sentence."""

    def loss(self, batch: SimpleNamespace) -> torch.Tensor:
        return super().loss(torch.ones(len(batch.words), 8))


def test_operations_are_those_of_a_sentence_and_not_of_a_batch() -> None:
    recipe = SimpleNamespace(batch_size=5, precision="float32")
    assert flops_per_sentence(PerSentence(), Split(), recipe, CPU) == 2 * 2 * 8 * 4


def test_ceiling_is_positive_and_repeatable_in_order_of_magnitude(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mner.training.flops.CEILING_SIZE", {"cpu": 256})
    one, two = (matrix_ceiling(CPU, torch.float32) for _ in range(2))
    assert one > 1e8
    assert 0.05 < one / two < 20
