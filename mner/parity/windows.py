"""Long inputs: overlapping windows of word pieces and how their states are joined again.

Source: golden/ITA.md 5 (first sub-token, separator, long inputs).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor


class WindowError(ValueError):
    """Windows that cannot cover an input, or states that are not those of its windows."""


def cut_windows(pieces: int, max_length: int, stride: int) -> list[range]:
    """Positions of each window's pieces, [CLS] and [SEP] not counted.

    The first window takes ``max_length - 2`` pieces, every further one starts ``stride`` pieces before the
    last one's end, until all are covered. With an odd stride the joined states repeat one piece at each seam.

    Raises:
        WindowError: the windows would not advance.
    """
    room = max_length - 2
    if not 0 <= stride < room:
        raise WindowError(f"stride {stride} must be at least 0 and less than max_length - 2 = {room}")
    windows = [range(min(room, pieces))]
    while windows[-1].stop < pieces:
        first = windows[-1].stop - stride
        windows.append(range(first, min(first + room, pieces)))
    return windows


def join_windows(states: Sequence[Float[Tensor, "_ width"]], stride: int) -> Float[Tensor, "joined width"]:
    """Join the states of one input's windows, [CLS] first and [SEP] last in each.

    Of the overlap each neighbour gives up ``stride // 2`` states; the first [CLS] and the last [SEP] stay.

    Raises:
        WindowError: there is no window.
    """
    if not states:
        raise WindowError("an input has at least one window, even without pieces")
    half = stride // 2
    last = len(states) - 1
    parts = []
    for number, window in enumerate(states):
        begin = 0 if number == 0 else 1 + half
        end = len(window) if number == last else len(window) - 1 - half
        parts.append(window[begin:end])
    return torch.cat(parts)


def first_positions(subwords_per_word: Sequence[int]) -> list[int]:
    """Position of each word's first piece behind [CLS], or -1 for a word without pieces."""
    before = [0, *accumulate(subwords_per_word)][:-1]
    return [1 + start if count else -1 for start, count in zip(before, subwords_per_word, strict=True)]


def separator_piece(eos_token: str | None, sep_token: str) -> str:
    """What stands for the separator word: the tokenizer's end-of-sentence token, or [SEP] if it has none."""
    return sep_token if eos_token is None else eos_token
