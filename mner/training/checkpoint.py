"""What a killed run needs to go on as if nothing had happened: one file, whole or absent, after every epoch."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from mner.files import write_atomically
from mner.training.meters import Spent

CONTENT = {"model", "optimiser", "progress", "best"}


class CheckpointError(ValueError):
    """A state that is torn or does not fit the model; a checkpoint's message names the file to delete."""


@dataclass(slots=True)
class Progress:
    """What has been reached: one entry per finished epoch, the best epoch so far (from 0), the tags each finished
    epoch would have given the test split, where the recipe keeps them, and what all that has cost (meters)."""

    key: str
    epochs_done: int = 0
    best_epoch: int = -1
    curve: list[dict[str, float]] = field(default_factory=list)
    epoch_tags: dict[str, list[list[str]]] = field(default_factory=dict)
    spent: Spent = field(default_factory=dict)


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """Copies of trained parameters and of buffers; frozen weights come from the pretrained files again."""
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    names |= {name for name, _ in model.named_buffers()}
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items() if name in names}


def load_trainable(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put :func:`trainable_state` back.

    Raises:
        CheckpointError: names or shapes are those of another model.
    """
    own = model.state_dict()
    strangers = set(state) ^ set(trainable_state(model))
    strangers |= {name for name in set(state) & set(own) if state[name].shape != own[name].shape}
    if strangers:
        named = ", ".join(sorted(strangers)[:3]) + (", ..." if len(strangers) > 3 else "")
        raise CheckpointError(f"the state is that of another model: it differs in {named}")
    model.load_state_dict(state, strict=False)


def save(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress, best: dict) -> None:
    """Write weights, optimiser, progress and the best epoch's weights as one file, atomically."""
    content = {
        "model": trainable_state(model),
        "optimiser": optimiser.state_dict(),
        "progress": asdict(progress),
        "best": best,
    }
    write_atomically(path, lambda part: torch.save(content, part))


def restore(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, key: str) -> tuple[Progress, dict]:
    """Read :func:`save`'s file into model and optimiser; a fresh start where there is none.

    A checkpoint of another key (other data, code or recipe) is not used: training starts again.

    Raises:
        CheckpointError: the file is not a checkpoint, or not one of this model.
    """
    if not path.is_file():
        return Progress(key), {}
    mend = "delete this file, and the run starts again from its first epoch"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is torn and cannot be read; {mend}") from error
    if not isinstance(content, dict) or set(content) != CONTENT:
        raise CheckpointError(f"{path} is not a checkpoint of a run; {mend}")
    if content["progress"]["key"] != key:
        return Progress(key), {}
    try:
        load_trainable(model, content["model"])
        optimiser.load_state_dict(content["optimiser"])
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; {mend}") from error
    return Progress(**content["progress"]), content["best"]
