"""Golden files of our own making in the layout of OCSGA and Object-AGBAN, at any size."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

LENGTHS = (6, 4, 1)
WORDS, CHARACTERS, STATES, WORD_SIZE, CHARACTER_SIZE, CHARACTER_HIDDEN = 13, 9, 7, 5, 3, 4
SENTENCES = (("Anna", "eats", "in", "Rome"), ("Rome", "waits"), ("Anna", "in", "2019"))
WORD_OPTIONS = {
    "vectors": "random", "size": 6, "trained": True, "vocabulary": "train", "lower_case": True,
    "digits": "zero", "missing": "uniform", "unknown_rate": 0.0,
}  # fmt: skip
READER = {"words": WORD_OPTIONS, "characters": 4, "character_hidden": 4, "hidden": 8, "dropout": 0.0}
Shapes = dict[str, tuple[int, ...]]


def linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def batch_norm(name: str, width: int) -> Shapes:
    return {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")} | {
        f"{name}.num_batches_tracked": ()
    }


def text_shapes(hidden: int) -> Shapes:
    """Parameters both models have: embeddings, two LSTMs, batch norm, linear layer, CRF."""
    shapes: Shapes = {
        "word_embeddings.weight": (WORDS, WORD_SIZE),
        "char_embeddings.weight": (CHARACTERS, CHARACTER_SIZE),
        "crf.transitions": (STATES, STATES),
    }
    for name, inputs, half in (
        ("char_lstm", CHARACTER_SIZE, CHARACTER_HIDDEN // 2),
        ("word_lstm", WORD_SIZE + CHARACTER_HIDDEN, hidden // 2),
    ):
        for side in ("l0", "l0_reverse"):
            shapes |= {
                f"{name}.weight_ih_{side}": (4 * half, inputs),
                f"{name}.weight_hh_{side}": (4 * half, half),
            }
            shapes |= {f"{name}.bias_ih_{side}": (4 * half,), f"{name}.bias_hh_{side}": (4 * half,)}
    return shapes | batch_norm("cat_bn", hidden) | linear("hidden2tag", STATES, hidden)


def parameters(shapes: Shapes, generator: torch.Generator) -> dict[str, Tensor]:
    """Random values of those shapes; variances positive."""
    values = {f"param/{name}": 0.4 * normal(generator, *shape) for name, shape in shapes.items()}
    for name in values:
        if name.endswith("running_var"):
            values[name] = values[name].abs() + 0.5
        if name.endswith("num_batches_tracked"):
            values[name] = torch.tensor(3)
    return values


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def text_inputs(generator: torch.Generator) -> dict[str, Tensor]:
    """Three sentences, the longest first; padded words count as one character."""
    lengths, words = torch.tensor(LENGTHS), max(LENGTHS)
    mask = torch.arange(words) < lengths[:, None]

    def draw(limit: int, *shape: int) -> Tensor:
        return torch.randint(1, limit, shape, generator=generator)

    character_lengths = draw(5, len(LENGTHS), words).masked_fill(~mask, 1)
    real = (torch.arange(4) < character_lengths[..., None]) & mask[..., None]
    return {
        "input/word_ids": draw(WORDS, len(LENGTHS), words) * mask,
        "input/char_ids": draw(CHARACTERS, len(LENGTHS), words, 4) * real,
        "input/char_lengths": character_lengths,
        "input/lengths": lengths,
        "input/mask": mask,
        "input/label_ids": draw(STATES - 2, len(LENGTHS), words) * mask,
        "input/alt_transitions": 0.5 * normal(generator, STATES, STATES),
    }


def gradients(loss: Tensor, weights: dict[str, Tensor], prefix: str = "grad/") -> dict[str, Tensor]:
    found = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
    return {f"{prefix}{name}": value for name, value in zip(weights, found, strict=True) if value is not None}


def save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> Path:
    save_file({name: t.detach().contiguous().clone() for name, t in tensors.items()}, path, metadata)
    return path


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(str(path), "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata()  # noqa: SIM118


def changed(source: Path, target: Path, name: str, change) -> Path:
    tensors, metadata = load(source)
    tensors[name] = change(tensors[name])
    return save(target, tensors, metadata)


def nudge(values: Tensor) -> Tensor:
    """The largest entry, by one part in a million."""
    values = values.clone()
    values.view(-1)[values.abs().argmax()] *= 1 + 1e-6
    return values


def shift(values: Tensor) -> Tensor:
    """Every entry, by a millionth: a transition that no path takes would not be missed."""
    return values + 1e-6


def flip(tags: Tensor) -> Tensor:
    """Another tag on the first word."""
    tags = tags.clone()
    tags[0, 0] = 1 if tags[0, 0] != 1 else 2
    return tags
