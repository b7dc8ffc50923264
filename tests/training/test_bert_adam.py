"""The optimiser published with BERT: its update by hand, what it decays, how it clips."""

from __future__ import annotations

import math

import pytest
import torch
from support.messages import names
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from mner.training.optimisers import BertAdam, LookupGradients, by_decay, clip_gradients, warmup_decay


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def test_two_updates_by_hand_without_bias_correction() -> None:
    weight, lr = parameter(2.0), 0.1
    optimiser = BertAdam([weight], lr)
    mean = square = 0.0
    expected = 2.0
    for gradient in (0.5, -3.0):
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimiser.step()
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        expected -= lr * (mean / (math.sqrt(square) + 1e-6) + 0.01 * expected)
    assert weight.item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("name", "decayed"),
    [
        ("dense/kernel", True),
        ("dense/bias", False),
        ("encoder.LayerNorm.weight", False),
        ("layer_norm/gamma", False),
        ("layernorm/gamma", True),
        ("self_multihead_sen/ln/Variable", True),
        ("b_gcn_pt", True),
    ],
)
def test_decay_is_decided_by_name_alone(name: str, decayed: bool) -> None:
    weight = parameter(1.0)
    weight.grad = torch.zeros(1, dtype=torch.float64)
    BertAdam(by_decay([(name, weight)]), lr=1.0).step()
    assert weight.item() == (0.99 if decayed else 1.0)


def test_parameters_without_gradient_stay_as_they_are() -> None:
    used, unused = parameter(1.0), parameter(1.0)
    used.grad = torch.ones(1, dtype=torch.float64)
    optimiser = BertAdam([used, unused], lr=0.1)
    optimiser.step()
    assert unused.item() == 1.0
    assert used.item() < 1.0


def test_training_continues_exactly_from_a_saved_state() -> None:
    def train(weight: nn.Parameter, optimiser: BertAdam, gradients: list[float]) -> None:
        for gradient in gradients:
            weight.grad = torch.tensor([gradient], dtype=torch.float64)
            optimiser.step()

    whole = parameter(1.0)
    train(whole, BertAdam([whole], lr=0.1), [1.0, -2.0, 0.3])
    first = parameter(1.0)
    optimiser = BertAdam([first], lr=0.1)
    train(first, optimiser, [1.0])
    second = nn.Parameter(first.detach().clone())
    resumed = BertAdam([second], lr=0.7)
    resumed.load_state_dict(optimiser.state_dict())
    train(second, resumed, [-2.0, 0.3])
    assert second.item() == whole.item()


def test_learning_rate_warms_up_then_jumps_onto_the_line_from_step_zero() -> None:
    weight = parameter(1.0)
    optimiser = BertAdam([weight], lr=5e-3)
    schedule = LambdaLR(optimiser, warmup_decay(warmup=2, total=20))
    rates = []
    for _ in range(22):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates[:4] == pytest.approx([0.0, 2.5e-3, 4.5e-3, 4.25e-3], rel=1e-15)
    assert rates[20:] == [0.0, 0.0]


def test_gradients_are_scaled_to_the_limit_and_small_ones_left_alone() -> None:
    one, two = parameter(0.0), parameter(0.0, 0.0)
    one.grad, two.grad = torch.tensor([2.0]).double(), torch.tensor([1.0, 2.0]).double()
    assert clip_gradients([one, two], 1.5).item() == 3.0
    assert one.grad.tolist() == [1.0]
    assert two.grad.tolist() == [0.5, 1.0]
    assert clip_gradients([one, two], 1.5).item() == 1.5
    assert two.grad.tolist() == [0.5, 1.0]


def test_lookups_enter_the_norm_one_by_one_but_update_summed() -> None:
    table = nn.Embedding(4, 1, dtype=torch.float64)
    with LookupGradients(table) as lookups:
        (table(torch.tensor([1, 1, 2])).squeeze(1) * torch.tensor([3.0, 4.0, 12.0])).sum().backward()
    assert table.weight.grad.flatten().tolist() == [0.0, 7.0, 12.0, 0.0]
    norm = clip_gradients([table.weight], 6.5, lookups.take())
    assert norm.item() == pytest.approx(13.0, rel=1e-15)
    assert table.weight.grad.flatten().tolist() == pytest.approx([0.0, 3.5, 6.0, 0.0], rel=1e-15)
    assert lookups.take() == {}
    table(torch.tensor([1])).sum().backward()
    assert lookups.take() == {}, "the hooks must be gone after the context"


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="lr -1"):
        BertAdam([parameter(1.0)], lr=-1)
    with pytest.raises(ValueError, match=names(30, 20)):
        warmup_decay(30, 20)
    with pytest.raises(ValueError, match="clip_gradients"):
        clip_gradients([parameter(1.0)], 1.0)
    weight = parameter(1.0)
    weight.grad = torch.tensor([math.inf], dtype=torch.float64)
    with pytest.raises(ValueError, match=names("clip_gradients", "inf")):
        clip_gradients([weight], 1.0)
