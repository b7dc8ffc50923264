"""Golden steps: what each row computes on one fixed batch, committed as numbers under the row's version.

A run's identity names the version of its row, not its code. A golden step makes the version honest: code that was
moved or reworded computes the same step, code that behaves otherwise does not and needs a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mner.config import Recipe, load
from mner.data.batch import Batch
from mner.models.model import Model
from mner.models.system import load_system
from mner.parity.golden_numbers import GoldenFile, GoldenStepError, dropout_draws, plain, rounded, summary
from mner.parity.golden_world import CPU, SEED, fresh_model, splits_of
from mner.training.determinism import torch_stream
from mner.training.loop import train_step
from mner.training.optimisers import make_optimiser

UPDATES, TOTAL = 2, 20
ROWS_OF_BATCH = (0, 1, 2, 3, 4, 6)

RECIPE: Mapping[str, Any] = {
    "epochs": 2,
    "batch_size": 4,
    "threads": 1,
    "train_sentences": None,
    "frozen_layers": 0,
    "encoder_learning_rate": 2e-3,
    "head_learning_rate": 1e-2,
    "transition_learning_rate": 5e-2,
    "weight_decay": 0.01,
    "optimiser": "adamw",
    "warmup": 0.1,
    "schedule": "linear",
    "clip": 1.0,
    "precision": "float32",
    "max_pieces": 96,
    "length_multiple": 1,
    "evaluation_batch_size": 4,
    "views": ("own",),
    "select": ("own",),
    "patience": None,
    "predict_every_epoch": False,
    "keep_weights": False,
}
"""The recipe of all golden steps, but for what a row's own recipe changes. Rates are high so that updates show."""
KEPT_FOR_ALL = ("epochs", "batch_size", "precision", "select", "views")
"""Parts of a row's recipe that do not enter its step: it is one batch, in float64."""

Summaries = Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class State:
    """A model seen without dropout: scores of words (None where it has none to show), loss, gradients, tags.

    ``gradients`` are summed up per group of the optimiser. ``tags_by_view`` are of the test tweets, with their own
    pictures, without any, and with others' (``test/own``, ``test/none``, ``test/shuffled``).
    """

    emissions: list[float] | None
    loss: float
    gradients: Summaries
    tags: list[str]
    tags_by_view: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Update:
    """One update with dropout: its loss, clipped gradients and the parameters after it, per group."""

    loss: float
    gradients: Summaries
    parameters: Summaries


@dataclass(frozen=True, slots=True)
class GoldenStep:
    """What a row computes: parameters as drawn, the state before training, two updates, the state after them.

    ``draws`` says which dropout masks this build of torch draws; updates can only be compared where they agree.
    """

    draws: str
    counts: Mapping[str, int]
    start: Summaries
    still: State
    updates: tuple[Update, ...]
    after: State


def golden_step(
    file: str, options: Mapping[str, Any], recipe: Mapping[str, Any], relations: Mapping[str, Any]
) -> GoldenStep:
    """Compute the golden step of a row from its file, its options, and what its recipe and relations change."""
    settings = recipe_of(recipe)
    splits = splits_of(file, options, relations, settings)
    batches = {
        "own": splits["train/own"].batch(ROWS_OF_BATCH),
        **{name: split.batch(range(len(split))) for name, split in splits.items() if name.startswith("test/")},
    }
    model = fresh_model(file, options, settings)
    optimiser = make_optimiser(model, settings)
    groups = _groups(optimiser)
    counts = {name: sum(weight.numel() for weight in weights) for name, weights in groups.items()}
    start = _summaries(groups)
    model.begin_update(0, TOTAL)
    still = _state(model, groups, batches)
    updates = _updates(model, optimiser, settings, batches["own"])
    return GoldenStep(dropout_draws(), counts, start, still, updates, _state(model, groups, batches))


def recipe_of(changes: Mapping[str, Any]) -> Recipe:
    """The recipe of golden steps with a row's own changes."""
    return Recipe(**{**RECIPE, **{name: value for name, value in changes.items() if name not in KEPT_FOR_ALL}})


def _groups(optimiser: torch.optim.Optimizer) -> dict[str, list[nn.Parameter]]:
    return {
        f"rate {group['peak']:g}, decay {group['weight_decay']:g}": group["params"]
        for group in optimiser.param_groups
    }


def _summaries(groups: Mapping[str, list[nn.Parameter]]) -> Summaries:
    return {name: summary(weights) for name, weights in groups.items()}


def _gradients(groups: Mapping[str, list[nn.Parameter]]) -> Summaries:
    return {
        name: summary(weight.grad for weight in weights if weight.grad is not None)
        for name, weights in groups.items()
    }


def _state(model: Model, groups: Mapping[str, list[nn.Parameter]], batches: Mapping[str, Batch]) -> State:
    model.eval()
    model.zero_grad(set_to_none=True)
    batch = batches["own"]
    loss = model.loss(batch)
    loss.backward()
    gradients = _gradients(groups)
    with torch.no_grad():
        emissions = _emissions(model, batch)
        tags = {name: [" ".join(row) for row in model.decode(one)] for name, one in batches.items()}
    own = tags.pop("own")
    return State(None if emissions is None else summary([emissions]), rounded(loss.item()), gradients, own, tags)


def _emissions(model: Model, batch: Batch) -> Tensor | None:
    """Scores of real words (or subwords, where the row scores those), or None where the row has none to show."""
    tagger: Any = model.tagger
    if type(tagger).forward is not nn.Module.forward:
        made = tagger(batch)
        scores = made.scores if hasattr(made, "scores") else made.emissions
        return scores[made.mask]
    if hasattr(tagger, "emissions"):
        scores = tagger.emissions(batch.text if batch.cross is None else batch.cross)
        return scores[batch.word_mask]
    return None


def _updates(model: Model, optimiser: torch.optim.Optimizer, recipe: Recipe, batch: Batch) -> tuple[Update, ...]:
    model.train()
    groups = _groups(optimiser)
    parameters = [weight for weights in groups.values() for weight in weights]
    made = []
    with torch_stream(CPU, SEED, "dropout", 0):
        for update in range(UPDATES):
            loss = train_step(model, batch, optimiser, parameters, recipe, update, TOTAL)
            made.append(Update(rounded(loss.item()), _gradients(groups), _summaries(groups)))
    return tuple(made)


def version_of(file: str) -> int:
    """The version on the card of the system in ``file``."""
    return getattr(load_system(file).CARD, "version", 1)


def compute(expected: GoldenFile) -> GoldenFile:
    """The golden step of the same row as the code computes it now, under the version its card has now."""
    step = golden_step(expected.file, expected.options, expected.recipe, expected.relations)
    return GoldenFile(
        expected.name,
        version_of(expected.file),
        expected.file,
        expected.options,
        expected.recipe,
        expected.relations,
        plain(step),
    )


def row_settings(params: Path, row: str) -> GoldenFile:
    """A golden file without numbers for a row of params.yaml.

    Raises:
        GoldenStepError: no such row.
    """
    systems = load(params).systems
    if row not in systems:
        raise GoldenStepError(f"{params} has no row {row!r} under systems; its rows are {', '.join(systems)}")
    entry = systems[row]
    return GoldenFile(row, 0, entry.file, dict(entry.options), dict(entry.recipe), dict(entry.relations), {})


def rows_of(params: Path) -> list[str]:
    """Names of all rows of params.yaml."""
    return list(load(params).systems)
