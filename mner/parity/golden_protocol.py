"""The golden step of the training protocol: what the loop, optimisers, schedules and streams do to small runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from mner.config.training_recipe import Recipe
from mner.parity.golden_numbers import GoldenFile, dropout_draws, plain, rounded, summary
from mner.parity.golden_rows import recipe_of
from mner.parity.golden_world import CPU, SEED, double_precision, fresh_model, splits_of
from mner.tracking.protocol_version import PROTOCOL_VERSION
from mner.training.determinism import numpy_generator, torch_stream
from mner.training.loop import RunData, fit, train_step
from mner.training.optimisers import make_optimiser

NAME = "protocol"
TOTAL = 8
RANDOM_WORDS = {
    **{"vectors": "random", "size": 16, "trained": True, "vocabulary": "train", "lower_case": True},
    **{"digits": "zero", "missing": "uniform", "unknown_rate": 0.5},
}
ITA = {
    **{"context": ["objects", "captions", "ocr"], "n_captions": 5, "max_objects": 10, "cva": "kl"},
    **{"temperature": 2.0, "weighting": "released", "word_dropout": 0.1},
}
RUNS: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "whole encoder": ("baselines/bert_crf.py", {"dropout": 0.1}, {}),
    "frozen layer, cached": (
        "baselines/bert_crf.py",
        {"dropout": 0.1},
        {"frozen_layers": 1, "predict_every_epoch": True},
    ),
    "words only, clipped": (
        "baselines/bilstm_crf.py",
        {"words": RANDOM_WORDS, "hidden": 16, "dropout": 0.5},
        {"clip": 0.25, "schedule": "constant", "epochs": 6},
    ),
    "two views, BERT's optimiser": (
        "mner/systems/ita.py",
        ITA,
        {"optimiser": "bert", "schedule": "bert", "select": ("own", "none"), "length_multiple": 8, "patience": 1},
    ),
}
"""Short runs: file, options, and what each changes in the recipe of golden steps."""
RUNS_AS_PUBLISHED: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "order of the file, dev every three updates": (
        "baselines/bert_crf.py",
        {"dropout": 0.1},
        {"shuffled": "never", "evaluate_every": 3, "optimiser": "bert", "clip_by": "parameter"},
    ),
    "SGD, summed loss": (
        "baselines/bilstm_crf.py",
        {"words": RANDOM_WORDS, "hidden": 16, "dropout": 0.5},
        {"optimiser": "sgd", "schedule": "inverse_time", "decay": 0.05, "loss": "sum", "clip_by": "none"},
    ),
}
"""More of them, with what recipes of papers ask for."""


@dataclass(frozen=True, slots=True)
class GoldenRun:
    """A few epochs of one system: batches in the order they were drawn, the curve, the chosen epoch, its tags."""

    batches: list[list[int]]
    losses: list[float]
    dev_f1: list[float]
    best_epoch: int
    epochs_done: int
    weights: list[float]
    predictions: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class GoldenRule:
    """One optimiser with one schedule: each update's rate relative to its peak, the parameters after it."""

    rates: list[float]
    parameters: list[list[float]]
    losses: list[float]


@dataclass(frozen=True, slots=True)
class GoldenProtocol:
    """Streams of random numbers by name, update rules, and short runs."""

    draws: str
    streams: Mapping[str, list]
    rules: Mapping[str, GoldenRule]
    runs: Mapping[str, GoldenRun]


def golden_protocol() -> GoldenProtocol:
    """Compute the golden step of the training protocol."""
    rules = {
        f"{optimiser}, {schedule}": golden_rule(optimiser, schedule)
        for optimiser, schedule in product(("adamw", "bert"), ("linear", "constant", "bert"))
    }
    rules["clipped"] = golden_rule("adamw", "constant", clip=0.05)
    rules["no warm-up"] = golden_rule("adamw", "linear", warmup=0.0)
    rules |= _rules_as_published()
    runs = {name: golden_run(*settings) for name, settings in (*RUNS.items(), *RUNS_AS_PUBLISHED.items())}
    return GoldenProtocol(dropout_draws(), _streams(), rules, runs)


def _rules_as_published() -> dict[str, GoldenRule]:
    return {
        "sgd, inverse time": golden_rule("sgd", "inverse_time", warmup=0.0, decay=0.5, epochs=4),
        "adam, a factor every two epochs": golden_rule(
            "adam", "step", warmup=0.0, decay=0.8, decay_epochs=2, epochs=8
        ),
        "rmsprop": golden_rule("rmsprop", "constant", warmup=0.0),
        "clipped by parameter": golden_rule("adamw", "constant", clip=0.02, clip_by="parameter"),
        "not clipped": golden_rule("sgd", "constant", clip=0.02, clip_by="none"),
    }


def golden_run(file: str, options: Mapping[str, Any], changes: Mapping[str, Any]) -> GoldenRun:
    """Train a row of the small world for a few epochs through the real loop."""
    recipe = replace(recipe_of({}), **{"epochs": 3, "batch_size": 2, **changes})
    splits = splits_of(file, options, {}, recipe)
    model = fresh_model(file, options, recipe)
    with tempfile.TemporaryDirectory() as folder, double_precision():
        outcome = fit(
            model,
            RunData(splits),
            recipe,
            seed=SEED,
            key="golden",
            device=CPU,
            checkpoint_path=Path(folder) / "state.pt",
            label="golden",
        )
    curve = outcome.progress.curve
    return GoldenRun(
        splits["train/own"].drawn,
        [rounded(row["train_loss"]) for row in curve],
        [rounded(row["dev_f1"]) for row in curve],
        outcome.progress.best_epoch,
        outcome.progress.epochs_done,
        summary(weight for weight in outcome.weights.values() if weight.is_floating_point()),
        {name: [" ".join(tags) for tags in rows] for name, rows in outcome.predictions.items()},
    )


class _Bowl(nn.Module):
    """A convex loss over one parameter of each kind that :func:`parameter_groups` tells apart."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 2)
        self.norm = nn.LayerNorm(2)
        self.head = nn.Linear(2, 2)
        self.transitions = nn.Parameter(torch.zeros(2, 2))
        with torch.no_grad():
            for number, weight in enumerate(self.parameters()):
                weight.copy_(torch.linspace(-1, 1 + number / 8, weight.numel()).view(weight.shape))

    def begin_update(self, update: int, total: int) -> None:
        """Nothing follows a schedule of its own."""

    def loss(self, batch: object) -> Tensor:
        """Squared distance of every weight from a target that differs by parameter."""
        terms = [(weight - number / 4).square().sum() for number, weight in enumerate(self.parameters(), 1)]
        return torch.stack(terms).sum() / 16


def golden_rule(optimiser: str, schedule: str, **changes: Any) -> GoldenRule:
    """Eight updates of a convex loss, through the loop's own update."""
    settings = {"optimiser": optimiser, "schedule": schedule, "warmup": 0.25, "weight_decay": 0.1}
    recipe: Recipe = replace(recipe_of({}), **{**settings, **changes})
    with double_precision():
        model: Any = _Bowl()
    made = make_optimiser(model, recipe)
    parameters = [weight for group in made.param_groups for weight in group["params"]]
    batch: Any = SimpleNamespace(word_mask=torch.ones(1, 1, dtype=torch.bool))
    rates, after, losses = [], [], []
    for update in range(TOTAL):
        losses.append(rounded(train_step(model, batch, made, parameters, recipe, update, TOTAL).item()))
        rates.append(rounded(made.param_groups[0]["lr"] / made.param_groups[0]["peak"]))
        after.append([number for group in made.param_groups for number in summary(group["params"])])
    return GoldenRule(rates, after, losses)


def _streams() -> dict[str, list]:
    """First numbers of the streams that a run draws from."""
    drawn: dict[str, list] = {}
    for epoch in range(2):
        drawn[f"order/{epoch}"] = numpy_generator(SEED, "order", epoch).permutation(12).tolist()
        with torch_stream(CPU, SEED, "dropout", epoch):
            drawn[f"dropout/{epoch}"] = [rounded(value) for value in torch.rand(3, dtype=torch.float64).tolist()]
    with torch_stream(CPU, SEED, "init"):
        drawn["init"] = [rounded(value) for value in torch.rand(3, dtype=torch.float64).tolist()]
    return drawn


def protocol_version() -> int:
    """The version of the training protocol."""
    return PROTOCOL_VERSION


def compute_protocol() -> GoldenFile:
    """The golden step of the protocol as the code computes it now, under its version now."""
    return GoldenFile(NAME, protocol_version(), "", {}, {}, {}, plain(golden_protocol()))
