"""The one batch every system receives: word-level tensors, and word pieces where an encoder needs them.

Anything a system does not ask for in its card is None. Absent pictures are masks, never other pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeVar, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mner.data.side_data import ImageText

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TextInput:
    """Word pieces of one view of the batch, ``[CLS] pieces [SEP]`` (and context), padded at the end.

    ``first_piece[b, w]`` is the position of word w's first piece, or -1 for padding and for words the
    tokenizer dissolves. Only the tweet's own words are addressed; context pieces have no word.
    ``states`` holds the output of the frozen lower layers where a recipe freezes and caches them.
    """

    input_ids: Int[Tensor, "batch pieces"]
    attention_mask: Bool[Tensor, "batch pieces"]
    first_piece: Int[Tensor, "batch words"]
    states: Float[Tensor, "batch pieces width"] | None = None


@dataclass(frozen=True, slots=True)
class Visual:
    """Region features of one picture per sentence; ``mask`` is False on padding and on absent pictures."""

    regions: Float[Tensor, "batch regions visual"]
    mask: Bool[Tensor, "batch regions"]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """k retrieved pictures per sentence, best first, with their retrieval scores (0 where there is none)."""

    regions: Float[Tensor, "batch k regions visual"]
    mask: Bool[Tensor, "batch k regions"]
    scores: Float[Tensor, "batch k"]


@dataclass(frozen=True, slots=True)
class Batch:
    """B sentences of at most W words.

    ``tags`` are indices into ``corpus.LABELS``, 0 on padding, None for the blind test split. ``cross`` is the
    tweet followed by a separator and its picture in words; ``has_context[b]`` says whether there were any.
    ``image_text`` holds those words as they are, for systems that embed captions or labels themselves.
    """

    index: Int[Tensor, " batch"]
    words: tuple[tuple[str, ...], ...]
    word_mask: Bool[Tensor, "batch words"]
    tags: Int[Tensor, "batch words"] | None
    text: TextInput
    cross: TextInput | None = None
    has_context: Bool[Tensor, " batch"] | None = None
    image: Visual | None = None
    inter: Neighbours | None = None
    intra: Neighbours | None = None
    image_text: tuple[ImageText, ...] | None = None

    def to(self, device: torch.device) -> Batch:
        """A copy with every tensor, nested ones too, on ``device``."""
        return moved(self, device)


def moved(value: T, device: torch.device) -> T:
    """A copy of a tensor, or of a batch and all its parts, on ``device``; anything else as it is."""
    return _each_tensor(value, lambda tensor: tensor.to(device, non_blocking=True))


def pinned(value: T) -> T:
    """A copy whose tensors in main memory are page-locked, so that a GPU fetches them while others compute."""
    return _each_tensor(value, lambda tensor: tensor if tensor.is_cuda else tensor.pin_memory())


def _each_tensor(value: T, change: Callable[[Tensor], Tensor]) -> T:
    if isinstance(value, Tensor):
        return cast(T, change(value))
    if isinstance(value, Batch | TextInput | Visual | Neighbours):
        parts = {part.name: _each_tensor(getattr(value, part.name), change) for part in fields(value)}
        return replace(value, **parts)
    return value
