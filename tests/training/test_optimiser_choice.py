"""A recipe may name BERT's own optimiser: the loop follows the published rule, and a killed run still resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import interruption, tiny
from torch import nn

from mner.training.experiment import prepare
from mner.training.optimisers import make_optimiser, set_learning_rates, warmup_decay

BERT = {"optimiser": "bert", "schedule": "bert"}
CPU = torch.device("cpu")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    tiny.make_world(tmp_path, **BERT)
    return tmp_path


def test_updates_follow_the_published_rule_and_schedule(world: Path) -> None:
    recipe = replace(tiny.cell_of(world).recipe, warmup=0.2, weight_decay=0.5)
    layer = nn.Linear(1, 1).double()
    weight, bias = layer.weight.item(), layer.bias.item()
    optimiser = make_optimiser(layer, recipe)
    mean = square = 0.0
    for step, gradient in enumerate((1.0, -2.0, 0.5, 3.0)):
        layer.weight.grad = torch.tensor([[gradient]]).double()
        layer.bias.grad = torch.tensor([gradient]).double()
        set_learning_rates(optimiser, recipe, step, 10)
        optimiser.step()
        rate = recipe.head_learning_rate * (step / 2 if step < 2 else 1 - step / 10)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        update = mean / (square**0.5 + 1e-6)
        weight -= rate * (update + 0.5 * weight)
        bias -= rate * update
    assert layer.weight.item() == pytest.approx(weight, rel=1e-12)
    assert layer.bias.item() == pytest.approx(bias, rel=1e-12)


def test_the_schedule_is_the_published_one_over_a_whole_run(world: Path) -> None:
    recipe = replace(tiny.cell_of(world).recipe, warmup=0.25)
    optimiser = make_optimiser(nn.Linear(1, 1), recipe)
    published = warmup_decay(5, 20)
    for step in range(20):
        set_learning_rates(optimiser, recipe, step, 20)
        assert {group["lr"] / group["peak"] for group in optimiser.param_groups} == {published(step)}


@pytest.mark.parametrize("system", ["rgcn", "rgcn-released", "ita"])
def test_decay_spares_biases_and_norms_but_not_transitions(world: Path, system: str) -> None:
    cell = tiny.cell_of(world, system)
    model = prepare(cell, CPU).model(1, CPU)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decay = {
        names[id(parameter)]: group["weight_decay"]
        for group in make_optimiser(model, cell.recipe).param_groups
        for parameter in group["params"]
    }
    assert set(decay) == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    spared = {name for name, value in decay.items() if value == 0.0}
    assert spared == {name for name in decay if "bias" in name or "norm" in name.lower()}
    assert any("transitions" in name for name in set(decay) - spared)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    world: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(interruption.InterruptedRunError):
        tiny.train(world, "rgcn-released", tiny.Listener(interruption.after(1)))
    (record,) = tiny.train(world, "rgcn-released")
    elsewhere = tmp_path_factory.mktemp("whole")
    tiny.make_world(elsewhere, **BERT)
    tiny.train(elsewhere, "rgcn-released")
    assert tiny.results(world, "rgcn-released") == tiny.results(elsewhere, "rgcn-released")
    assert record.recipe["optimiser"] == "bert"


def test_the_optimiser_is_part_of_what_a_run_is(world: Path) -> None:
    (one,) = tiny.train(world, "bert-crf")
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(optimiser="adamw", schedule="linear"))
    (other,) = tiny.train(world, "bert-crf")
    assert one.key != other.key
    assert one.dev_f1 != other.dev_f1
