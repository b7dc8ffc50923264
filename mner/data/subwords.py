"""Words to word pieces, once per data set and view; stored ragged, padded only when a batch is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mner.data.batch import TextInput

SEPARATOR = "<EOS>"


@dataclass(frozen=True, slots=True)
class PieceTable:
    """Word pieces of many sentences, back to back.

    ``offsets[i]:offsets[i + 1]`` are sentence i's pieces, ``[CLS]`` and ``[SEP]`` included; ``first_piece[i]``
    has one position per word of the tweet, -1 for a word without a piece or beyond ``max_pieces``.
    ``states`` are cached states of the frozen lower layers, aligned with ``ids``. Batches are padded to a
    ``multiple`` of so many pieces.
    """

    ids: np.ndarray
    offsets: np.ndarray
    first_piece: tuple[np.ndarray, ...]
    pad_id: int
    truncated_words: int
    multiple: int = 1
    states: Float[Tensor, "total width"] | None = None

    def __len__(self) -> int:
        return len(self.first_piece)

    def lengths(self) -> np.ndarray:
        """Number of pieces of every sentence."""
        return np.diff(self.offsets)

    def with_states(self, states: Float[Tensor, "total width"]) -> PieceTable:
        """The same table carrying cached lower-layer states."""
        if len(states) != len(self.ids):
            raise ValueError(f"{len(states)} cached states for {len(self.ids)} pieces")
        return replace(self, states=states)

    def rows(self, rows: Sequence[int], words: int) -> TextInput:
        """Pad the named sentences to the longest of them, in pieces, and to ``words`` words."""
        lengths = self.lengths()[list(rows)]
        longest = -(-int(lengths.max()) // self.multiple) * self.multiple
        ids = np.full((len(rows), longest), self.pad_id, dtype=np.int64)
        first = np.full((len(rows), words), -1, dtype=np.int64)
        states = None
        if self.states is not None:
            states = torch.zeros(len(rows), longest, self.states.shape[1], dtype=self.states.dtype)
        for slot, row in enumerate(rows):
            start, length = self.offsets[row], lengths[slot]
            ids[slot, :length] = self.ids[start : start + length]
            first[slot, : len(self.first_piece[row])] = self.first_piece[row]
            if states is not None and self.states is not None:
                states[slot, :length] = self.states[start : start + length]
        mask = np.arange(longest)[None, :] < lengths[:, None]
        return TextInput(torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(first), states)


class WordPieces:
    """Splits words with a pretrained tokenizer; every distinct word is split once.

    Batches of its tables are padded to a ``multiple`` of so many pieces.
    """

    def __init__(self, tokenizer: Any, multiple: int = 1) -> None:
        self._tokenizer, self._multiple = tokenizer, multiple
        self._known: dict[str, list[int]] = {SEPARATOR: [tokenizer.sep_token_id]}

    def learn(self, words: Iterable[str]) -> None:
        """Split all words not seen before, in one call."""
        new = sorted(set(words) - self._known.keys())
        if not new:
            return
        encoded = self._tokenizer([[word] for word in new], is_split_into_words=True, add_special_tokens=False)
        self._known.update(zip(new, encoded["input_ids"], strict=True))

    def count(self, words: Sequence[str]) -> list[int]:
        """Number of pieces of each word (0 for a word the tokenizer dissolves)."""
        self.learn(words)
        return [len(self._known[word]) for word in words]

    def table(
        self,
        tweets: Sequence[Sequence[str]],
        contexts: Sequence[Sequence[str]] | None = None,
        *,
        max_pieces: int,
        max_context: int | None = None,
    ) -> PieceTable:
        """Split tweets, each followed by its context words if any.

        The tweet keeps its pieces first: a long context is cut before the tweet is. Words of a tweet beyond
        ``max_pieces`` keep their place with first piece -1 and are counted in ``truncated_words``. A context is
        cut to ``max_context`` subwords behind its first, the separator, if a number is given.
        """
        contexts = contexts if contexts is not None else [()] * len(tweets)
        self.learn(word for words in (*tweets, *contexts) for word in words)
        start, end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        all_ids: list[int] = []
        offsets, firsts, truncated = [0], [], 0
        for tweet, context in zip(tweets, contexts, strict=True):
            ids, first, lost = self._split(tweet, max_pieces - 2)
            extra = [piece for word in context for piece in self._known[word]]
            if max_context is not None:
                extra = extra[: 1 + max_context]
            all_ids += [start, *ids, *extra[: max_pieces - 2 - len(ids)], end]
            offsets.append(len(all_ids))
            firsts.append(np.asarray(first, dtype=np.int64))
            truncated += lost
        return PieceTable(
            np.asarray(all_ids, dtype=np.int64),
            np.asarray(offsets, dtype=np.int64),
            tuple(firsts),
            self._tokenizer.pad_token_id,
            truncated,
            self._multiple,
        )

    def _split(self, words: Sequence[str], room: int) -> tuple[list[int], list[int], int]:
        ids: list[int] = []
        first: list[int] = []
        lost = 0
        for word in words:
            pieces = self._known[word]
            fits = bool(pieces) and len(ids) + len(pieces) <= room
            first.append(len(ids) + 1 if fits else -1)
            if fits:
                ids += pieces
            elif pieces:
                lost += 1
                room = len(ids)
        return ids, first, lost
