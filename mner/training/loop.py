"""Train a model epoch by epoch, choose the epoch by dev F1, and predict with its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from mner.base.meters import Meter, Meters
from mner.config.training_recipe import Recipe
from mner.data.batch import Batch
from mner.models.model import Model
from mner.models.used_subwords import whole_tables
from mner.tracking.dev_score import mean_dev_f1
from mner.training import checkpoint
from mner.training.batching import SplitData, batches_in_order, batches_on, training_order
from mner.training.determinism import autocast, numpy_generator, torch_stream
from mner.training.optimisers import clip, make_optimiser, set_learning_rates

NONE_YET = -1.0
"""Below any F1: no evaluation so far."""


class TrainingError(RuntimeError):
    """Training went wrong in a way that more training cannot mend, such as a loss that is not a number."""


class Observer(Protocol):
    """Receive every finished epoch; must not raise."""

    def epoch(self, metrics: Mapping[str, float], step: int) -> None: ...


@dataclass(frozen=True, slots=True)
class RunData:
    """Splits by name and probe view: ``train/own``, ``dev/own``, ``test/own``, ``test/none``, ..."""

    splits: Mapping[str, SplitData]

    def subwords(self) -> Int[Tensor, " used"]:
        """Ids of all subwords that any split and view has, each once."""
        tables = [
            table for split in self.splits.values() for table in (split.text, split.cross) if table is not None
        ]
        return torch.from_numpy(np.unique(np.concatenate([table.ids for table in tables])))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run reached; predictions by ``split.view`` in sentence order, and the best epoch's weights
    (trained parameters and buffers only, tables of subwords with all their rows)."""

    progress: checkpoint.Progress
    predictions: Mapping[str, list[list[str]]]
    weights: Mapping[str, Tensor]
    meters: Meters


def fit(
    model: Model,
    data: RunData,
    recipe: Recipe,
    *,
    seed: int,
    key: str,
    device: torch.device,
    checkpoint_path: Path,
    observer: Observer | None = None,
    label: str = "",
) -> Outcome:
    """Train ``model`` (freshly built, already on ``device``) and predict with its best epoch.

    The best epoch has the highest mean dev F1 over ``recipe.select``; the earlier one wins a tie. After every
    epoch the whole state is saved: a killed run continues there and ends with the same bytes.

    Raises:
        TrainingError: the loss is not finite (what was saved before stays), or the recipe selects by a view the
            system does not have.
    """
    absent = [view for view in recipe.select if f"dev/{view}" not in data.splits]
    if absent:
        raise TrainingError(
            f"{label}: the recipe selects epochs by dev view {', '.join(absent)}, which a system that reads no "
            "picture does not have; set select: [own] for this row in params.yaml"
        )
    optimiser = make_optimiser(model, recipe)
    progress, best = checkpoint.restore(checkpoint_path, model, optimiser, key, recipe.epochs)
    meters = Meters(device, progress.spent)
    train = data.splits["train/own"]
    lengths = _lengths(train)
    updates = -(-len(train) // recipe.batch_size)
    total = recipe.epochs * updates
    for epoch in range(progress.epochs_done, recipe.epochs):
        if _out_of_patience(progress, recipe):
            break
        order = _order(lengths, recipe, seed, epoch)
        name = f"{label} epoch {epoch + 1}/{recipe.epochs}"
        before = progress.curve[progress.best_epoch]["dev_f1"] if progress.best_epoch >= 0 else NONE_YET
        loss, found, first = 0.0, NONE_YET, epoch * updates
        with torch_stream(device, seed, "dropout", epoch):
            for part in parts_between_evaluations(order, first, recipe.evaluate_every):
                loss += _train(model, train, part, optimiser, recipe, (first, total), device, meters, name)
                first += len(part)
                views = [data.splits[f"dev/{view}"] for view in recipe.select]
                score = float(np.mean([_dev_f1(model, split, recipe, device, meters) for split in views]))
                if score > max(found, before):
                    best = checkpoint.trainable_state(model)
                found = max(found, score)
        metrics = {"epoch": epoch, "train_loss": loss / len(train), "dev_f1": found}
        progress.curve.append(metrics)
        progress.epochs_done = epoch + 1
        if found > before:
            progress.best_epoch = epoch
        if recipe.predict_every_epoch:
            tags = predict(model, data.splits["test/own"], recipe, device, meters.inference)
            progress.epoch_tags[f"epoch-{epoch + 1}.test.own"] = tags
        progress.spent = meters.spent()
        checkpoint.save(checkpoint_path, model, optimiser, progress, best)
        if observer is not None:
            observer.epoch({k: v for k, v in metrics.items() if k != "epoch"}, epoch)
    checkpoint.load_trainable(model, best)
    predictions = {
        name.replace("/", "."): predict(model, split, recipe, device, meters.inference)
        for name, split in data.splits.items()
        if not name.startswith("train/")
    }
    return Outcome(progress, {**predictions, **progress.epoch_tags}, whole_tables(model, best), meters)


def _out_of_patience(progress: checkpoint.Progress, recipe: Recipe) -> bool:
    worse = progress.epochs_done - 1 - progress.best_epoch
    return recipe.patience is not None and progress.epochs_done > 0 and worse >= recipe.patience


def _lengths(split: SplitData) -> np.ndarray:
    table = split.text if split.cross is None else split.cross
    return table.lengths()


def _order(lengths: np.ndarray, recipe: Recipe, seed: int, epoch: int) -> list[list[int]]:
    if recipe.shuffled == "never":
        every = list(range(len(lengths)))
        return [every[start : start + recipe.batch_size] for start in range(0, len(every), recipe.batch_size)]
    return training_order(lengths, recipe.batch_size, numpy_generator(seed, "order", epoch))


def parts_between_evaluations(
    order: Sequence[Sequence[int]], first: int, every: int | None
) -> Iterator[Sequence[Sequence[int]]]:
    """Cut the batches of an epoch where dev is evaluated: after every ``every`` updates of the run.

    Args:
        order: Batches of one epoch; the first of them is update ``first`` of the run, from 0.
        first: Updates before this epoch.
        every: Updates between two evaluations; None evaluates at the end of the epoch alone.

    Yields:
        Batches up to the next evaluation; the last part ends with the epoch.
    """
    cuts = [] if every is None else [done for done in range(1, len(order)) if (first + done) % every == 0]
    edges = [*cuts, len(order)]
    for start, end in zip([0, *cuts], edges, strict=True):
        yield order[start:end]


def _train(
    model: Model,
    split: SplitData,
    order: Sequence[Sequence[int]],
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    place: tuple[int, int],
    device: torch.device,
    meters: Meters,
    label: str,
) -> float:
    """Train from update ``place[0]`` of ``place[1]`` on; returns the sum of the loss over sentences."""
    model.train()
    first_update, total = place
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    loss_sum = torch.zeros((), device=device)
    with (
        meters.training.phase(),
        tqdm(total=len(split), desc=label, unit="sentence", leave=False, disable=None) as bar,
    ):
        for step, (rows, batch) in enumerate(batches_on(split, order, device)):
            loss = train_step(model, batch, optimiser, parameters, recipe, first_update + step, total)
            loss_sum += loss * len(rows)
            meters.training.count(len(rows))
            bar.update(len(rows))
    loss_of_all = float(loss_sum)
    if not np.isfinite(loss_of_all):
        raise TrainingError(
            f"{label}: the training loss is {loss_of_all}; lower the learning rates in params.yaml"
        )
    return loss_of_all


def train_step(
    model: Model,
    batch: Batch,
    optimiser: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
    recipe: Recipe,
    update: int,
    total: int,
) -> Float[Tensor, ""]:
    """One update (number ``update`` of ``total``, from 0) on a batch that lies on the device; returns its loss."""
    model.begin_update(update, total)
    with autocast(recipe, batch.word_mask.device):
        loss = model.loss(batch)
    set_learning_rates(optimiser, recipe, update, total)
    optimiser.zero_grad(set_to_none=True)
    (loss * batch.word_mask.shape[0] if recipe.loss == "sum" else loss).backward()
    clip(parameters, recipe)
    optimiser.step()
    return loss.detach()


def _dev_f1(model: Model, split: SplitData, recipe: Recipe, device: torch.device, meters: Meters) -> float:
    predicted = predict(model, split, recipe, device, meters.inference)
    gold = [sentence.tags or () for sentence in split.sentences]
    return mean_dev_f1(gold, predicted, recipe.dev_batch)


@torch.no_grad()
def predict(model: Model, split: SplitData, recipe: Recipe, device: torch.device, meter: Meter) -> list[list[str]]:
    """Tags of every sentence of a split, in order; dropout off."""
    model.eval()
    tags: list[list[str]] = [[] for _ in range(len(split))]
    with meter.phase():
        order = batches_in_order(_lengths(split), recipe.evaluation_batch_size)
        for rows, batch in batches_on(split, order, device):
            with autocast(recipe, device):
                decoded = model.decode(batch)
            for row, labels in zip(rows, decoded, strict=True):
                tags[row] = labels
            meter.count(len(rows))
    for sentence, predicted in zip(split.sentences, tags, strict=True):
        if len(sentence.words) != len(predicted):
            raise TrainingError(
                f"sentence {sentence.index}: {len(predicted)} tags for {len(sentence.words)} words; "
                "a system's decode() gives one tag a word"
            )
    return tags
