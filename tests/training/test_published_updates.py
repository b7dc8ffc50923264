"""Updates as papers made them: optimisers, decay by epochs, summed losses, clipping, order, evaluations."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mner.config.training_recipe import DEFAULTS, Recipe, identifying
from mner.parity.golden_rows import recipe_of
from mner.training.loop import parts_between_evaluations, train_step
from mner.training.optimisers import make_optimiser, set_learning_rates

RECIPE = replace(recipe_of({}), warmup=0.0, head_learning_rate=0.1, weight_decay=0.5, schedule="constant")


class Slope(nn.Module):
    """A loss with the gradients that it is given, whatever the batch."""

    def __init__(self, *gradients: float) -> None:
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in gradients)
        self.gradients = gradients

    def begin_update(self, update: int, total: int) -> None:
        """Follow no schedule."""

    def loss(self, batch: object) -> torch.Tensor:
        return torch.stack([w * g for w, g in zip(self.weights, self.gradients, strict=True)]).sum()


def updated(recipe: Recipe, *gradients: float, sentences: int = 1, updates: int = 1) -> list[float]:
    """The weights, all 1 before, after some updates."""
    model: Any = Slope(*gradients)
    optimiser = make_optimiser(model, recipe)
    batch: Any = SimpleNamespace(word_mask=torch.ones(sentences, 1, dtype=torch.bool))
    for update in range(updates):
        train_step(model, batch, optimiser, list(model.parameters()), recipe, update, 10)
    return [weight.item() for weight in model.weights]


def test_sgd_has_no_momentum_and_decays_as_l2() -> None:
    recipe = replace(RECIPE, optimiser="sgd", clip_by="none")
    assert updated(recipe, 2.0) == pytest.approx([1 - 0.1 * (2.0 + 0.5)])
    once = 1 - 0.1 * 2.5
    assert updated(recipe, 2.0, updates=2) == pytest.approx([once - 0.1 * (2.0 + 0.5 * once)])


def test_rmsprop_divides_by_the_root_of_smoothed_squares() -> None:
    recipe = replace(RECIPE, optimiser="rmsprop", weight_decay=0.0, clip_by="none")
    assert updated(recipe, 2.0) == pytest.approx([1 - 0.1 * 2.0 / (0.1 * 4.0) ** 0.5])


def test_adam_without_decay_is_adamw_without_decay() -> None:
    recipe = replace(RECIPE, weight_decay=0.0)
    assert updated(replace(recipe, optimiser="adam"), 0.3, -2.0, updates=3) == pytest.approx(
        updated(replace(recipe, optimiser="adamw"), 0.3, -2.0, updates=3)
    )


def test_a_summed_loss_counts_the_sentences() -> None:
    recipe = replace(RECIPE, optimiser="sgd", weight_decay=0.0, clip_by="none")
    assert updated(recipe, 1.0, sentences=3) == pytest.approx([0.9])
    assert updated(replace(recipe, loss="sum"), 1.0, sentences=3) == pytest.approx([0.7])


@pytest.mark.parametrize(
    ("clip_by", "moved"), [("none", [0.3, 0.4]), ("parameter", [0.1, 0.1]), ("norm", [0.06, 0.08])]
)
def test_gradients_are_clipped_together_each_by_itself_or_not_at_all(clip_by: str, moved: list[float]) -> None:
    recipe = replace(RECIPE, optimiser="sgd", weight_decay=0.0, clip=1.0, clip_by=clip_by)
    assert updated(recipe, 3.0, 4.0) == pytest.approx([1 - step for step in moved], rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        ({"schedule": "inverse_time", "decay": 0.5}, [1, 1 / 1.5, 1 / 2, 1 / 2.5]),
        ({"schedule": "step", "decay": 0.8, "decay_epochs": 2}, [1, 1, 0.8, 0.8]),
    ],
)
def test_rates_fall_by_whole_epochs(changes: dict[str, Any], factors: list[float]) -> None:
    recipe = replace(RECIPE, epochs=4, **changes)
    optimiser = make_optimiser(nn.Linear(1, 1), recipe)
    seen = []
    for step in range(12):  # three updates an epoch
        set_learning_rates(optimiser, recipe, step, 12)
        seen.append(optimiser.param_groups[0]["lr"] / optimiser.param_groups[0]["peak"])
    assert seen == pytest.approx([factor for factor in factors for _ in range(3)])


def test_an_epoch_is_cut_where_dev_is_evaluated() -> None:
    epoch = [[row] for row in range(5)]
    whole = list(parts_between_evaluations(epoch, 5, None))
    assert whole == [epoch]
    assert list(parts_between_evaluations(epoch, 0, 2)) == [epoch[:2], epoch[2:4], epoch[4:]]
    assert list(parts_between_evaluations(epoch, 5, 2)) == [epoch[:1], epoch[1:3], epoch[3:]]
    assert list(parts_between_evaluations(epoch, 5, 100)) == [epoch]


def test_a_recipe_of_earlier_fields_keeps_its_identity_and_a_new_field_changes_it() -> None:
    earlier = {name: value for name, value in asdict(RECIPE).items() if name not in DEFAULTS}
    assert identifying(asdict(RECIPE)) == identifying(earlier) == earlier
    other = identifying(asdict(replace(RECIPE, loss="sum")))
    assert other == {**earlier, "loss": "sum"}


@pytest.mark.parametrize(
    "wrong",
    [{"loss": "most"}, {"clip_by": "hand"}, {"shuffled": "twice"}, {"schedule": "step"}, {"evaluate_every": 0}],
)
def test_values_that_no_recipe_has_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="recipe"):
        replace(RECIPE, **wrong)
