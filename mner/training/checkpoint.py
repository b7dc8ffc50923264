"""What a killed run needs to go on as if nothing had happened: one file, whole or absent, after every epoch.

The file ends in the SHA-256 of all before it. A flipped bit would change the tags of a resumed run under its
key, so a file that is not what was written is not used: the run starts again.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mner.base.files import write_atomically
from mner.base.meters import Spent

CONTENT = {"model", "optimiser", "progress", "best"}
_CHUNK = 1 << 20
_MARK = b"\nsha256 "
_SEAL = len(_MARK) + 64


class CheckpointError(ValueError):
    """A state that does not fit the model; a checkpoint's message names the file to delete."""


class DamagedError(ValueError):
    """A checkpoint that is not what :func:`save` wrote; ``why`` says in a few words what is wrong with it."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path} is damaged ({why})")


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


def load_trainable(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put :func:`trainable_state` back.

    Raises:
        CheckpointError: names or shapes are those of another model.
    """
    _refuse_strangers(model, state)
    model.load_state_dict(state, strict=False)


def save(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress, best: dict) -> None:
    """Write weights, optimiser, progress, the best epoch's weights and a checksum as one file, atomically."""
    content = {
        "model": trainable_state(model),
        "optimiser": optimiser.state_dict(),
        "progress": asdict(progress),
        "best": best,
    }

    def write(part: Path) -> None:
        torch.save(content, part)
        seal(part)

    write_atomically(path, write)


def seal(path: Path) -> None:
    """Append the SHA-256 of a file to it."""
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as handle:
        handle.write(_MARK + digest.encode("ascii"))


def restore(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, key: str, epochs: int | None = None
) -> tuple[Progress, dict]:
    """Read :func:`save`'s file into model and optimiser; a fresh start where there is none.

    A checkpoint of another key (other data, code or recipe) is not used, and neither is a damaged one, which is
    said in one line: training starts again. Model and optimiser are then as they were.

    Args:
        path: the file.
        model: freshly built.
        optimiser: of the model's parameters.
        key: of the run that is trained.
        epochs: how many the recipe has at most.

    Raises:
        CheckpointError: a whole checkpoint of this key is not one of this model.
    """
    if not path.is_file():
        return Progress(key), {}
    try:
        content = _checked_content(path)
        progress = Progress(**content["progress"])
        if progress.key != key:
            return Progress(key), {}
        if fault := _fault(progress, content["best"], epochs):
            raise DamagedError(path, fault)
    except DamagedError as error:
        print(f"{error}; the run starts again from its first epoch", file=sys.stderr, flush=True)
        return Progress(key), {}
    try:
        _refuse_strangers(model, content["model"])
        if content["best"]:
            _refuse_strangers(model, content["best"])
        optimiser.load_state_dict(content["optimiser"])
        load_trainable(model, content["model"])
    except ValueError as error:
        mend = "delete this file, and the run starts again from its first epoch"
        raise CheckpointError(f"{path}: {error}; {mend}") from error
    return progress, content["best"]


def _refuse_strangers(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    own = model.state_dict()
    strangers = set(state) ^ set(trainable_state(model))
    strangers |= {name for name in set(state) & set(own) if state[name].shape != own[name].shape}
    if strangers:
        named = ", ".join(sorted(strangers)[:3]) + (", ..." if len(strangers) > 3 else "")
        raise CheckpointError(f"the state is that of another model: it differs in {named}")


def _checked_content(path: Path) -> dict[str, Any]:
    """What a file holds, read only after its checksum was found right."""
    length = path.stat().st_size - _SEAL
    with path.open("rb") as handle:
        handle.seek(max(0, length))
        end = handle.read(_SEAL)
    if length <= 0 or not end.startswith(_MARK):
        raise DamagedError(path, "it does not end in a checksum")
    if _digest(path, length).encode("ascii") != end.removeprefix(_MARK):
        raise DamagedError(path, "its checksum is wrong")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise DamagedError(path, "it cannot be read") from error
    if not isinstance(content, dict) or set(content) != CONTENT or not isinstance(content["progress"], dict):
        raise DamagedError(path, "it is no checkpoint of a run")
    if set(content["progress"]) != set(Progress.__slots__):
        raise DamagedError(path, "it is no checkpoint of a run")
    return content


def _fault(progress: Progress, best: Mapping[str, Tensor], epochs: int | None) -> str | None:
    """What of the progress contradicts the rest of it, in words; None where nothing does."""
    done, scores = progress.epochs_done, [row.get("dev_f1", float("nan")) for row in progress.curve]
    if done != len(scores) or (epochs is not None and done > epochs):
        return f"{done} epochs done, {len(scores)} in its curve" + (f", {epochs} in the recipe" if epochs else "")
    if [row.get("epoch") for row in progress.curve] != list(range(done)):
        return "the epochs of its curve are not numbered from 0"
    chosen = max(range(done), key=scores.__getitem__) if done else -1
    if progress.best_epoch != chosen or bool(best) != bool(done):
        return f"it names epoch {progress.best_epoch} as the best, its curve {chosen}"
    if strangers := set(progress.epoch_tags) - {f"epoch-{number + 1}.test.own" for number in range(done)}:
        return f"it holds tags of {min(strangers)}, which is no epoch of its curve"
    return None


def _digest(path: Path, length: int) -> str:
    """SHA-256 of the first ``length`` bytes of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while length > 0 and (chunk := handle.read(min(_CHUNK, length))):
            digest.update(chunk)
            length -= len(chunk)
    return digest.hexdigest()
