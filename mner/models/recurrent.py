"""Words as a BiLSTM reads them: vectors of words and characters, and packed recurrent layers.

All work on right-padded input and leave padding out: the vector of a word depends on its sentence alone, never on
what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mner.models.cards import ContractError
from mner.models.system import BuildContext
from mner.models.words import Vocabulary, WordIds, make_words

LSTMState = tuple[Float[Tensor, "directions batch half"], Float[Tensor, "directions batch half"]]


class WordBiLSTM(nn.Module):
    """Bidirectional LSTM over the words of a sentence, ``hidden`` values a word: forward half ; backward half.

    ``mask`` is True on a non-empty prefix of every row; rows of padded words are exactly 0 and the backward
    direction starts at the last real word (golden/OLDER.md 2, step 2). ``start`` optionally sets the first states.

    Raises:
        ContractError: ``hidden`` is odd.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, _half(hidden), batch_first=True, bidirectional=True)

    def forward(
        self,
        words: Float[Tensor, "batch words inputs"],
        mask: Bool[Tensor, "batch words"],
        start: LSTMState | None = None,
    ) -> Float[Tensor, "batch words hidden"]:
        states, _ = run_packed(self.lstm, words, mask.sum(-1), start)
        return states


class CharLSTM(nn.Module):
    """Bidirectional LSTM over the characters of each word: last forward state ; last backward state.

    The last backward state is the one at the first character. ``lengths`` counts a word's characters; a padded
    word counts as one character of id 0 (golden/OLDER.md 2, step 1), and what it yields must be masked later.
    """

    def __init__(self, characters: int, embedding: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, embedding)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(embedding, _half(hidden), batch_first=True, bidirectional=True)
        self.width = hidden

    def forward(
        self, characters: Int[Tensor, "batch words characters"], lengths: Int[Tensor, "batch words"]
    ) -> Float[Tensor, "batch words hidden"]:
        embedded = self.dropout(self.embedding(characters.flatten(0, 1)))
        _, last = run_packed(self.lstm, embedded, lengths.flatten().clamp(min=1))
        return last.transpose(0, 1).flatten(1).unflatten(0, lengths.shape)


class CharCNN(nn.Module):
    """One convolution over a word's characters (zero-padded at its ends), then the maximum over its characters.

    Source: Ma & Hovy 2016, section 2.1. A padded word counts as one character of id 0.
    """

    def __init__(
        self, characters: int, embedding: int, filters: int, kernel: int = 3, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ContractError(f"kernel {kernel}: an odd one keeps a word's length")
        self.embedding = nn.Embedding(characters, embedding)
        self.dropout = nn.Dropout(dropout)
        self.convolution = nn.Conv1d(embedding, filters, kernel, padding=kernel // 2)
        self.width = filters

    def forward(
        self, characters: Int[Tensor, "batch words characters"], lengths: Int[Tensor, "batch words"]
    ) -> Float[Tensor, "batch words filters"]:
        position = torch.arange(characters.shape[-1], device=characters.device)
        real = (position < lengths.flatten().clamp(min=1)[:, None])[:, None]
        embedded = self.dropout(self.embedding(characters.flatten(0, 1))).transpose(1, 2) * real
        convolved = self.convolution(embedded).masked_fill(~real, float("-inf"))
        return convolved.amax(-1).unflatten(0, lengths.shape)


class ParallelCharCNN(nn.Module):
    """Convolutions of several widths over ``length`` characters, maxima, then two linear layers.

    Words are cut or padded to ``length``, and padding is convolved like any character (id 0, never trained). Of
    width k's outputs only the first length - k + 1 enter the maximum. Source: golden/OLDER.md 1, step 1.

    Raises:
        ContractError: ``length`` is so small that more than one pooling window would fit.
    """

    def __init__(
        self,
        characters: int,
        embedding: int,
        filters: int,
        widths: Sequence[int],
        inner: int,
        outputs: int,
        length: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if any(2 * (width // 2) >= length - width + 1 for width in widths):
            raise ContractError(f"{length} characters a word are too few for convolutions of {max(widths)}")
        self.embedding = nn.Embedding(characters, embedding, padding_idx=0)
        self.filter_widths = tuple(widths)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, filters, k, padding=k // 2) for k in widths)
        self.inner = nn.Linear(filters * len(widths), inner)
        self.outer = nn.Linear(inner, outputs)
        self.dropout = nn.Dropout(dropout)
        self.length = length
        self.width = outputs

    def pooled(
        self, characters: Int[Tensor, "batch words characters"]
    ) -> Float[Tensor, "batch words filters widths"]:
        """The maximum of every filter of every width."""
        fixed = F.pad(characters, (0, self.length - characters.shape[-1]))
        embedded = self.embedding(fixed.flatten(0, 1)).transpose(1, 2)
        maxima = [
            torch.tanh(convolution(embedded))[..., : self.length - width + 1].amax(-1)
            for width, convolution in zip(self.filter_widths, self.convolutions, strict=True)
        ]
        return torch.stack(maxima, dim=-1).unflatten(0, characters.shape[:2])

    def forward(self, characters: Int[Tensor, "batch words characters"]) -> Float[Tensor, "batch words outputs"]:
        pooled = self.dropout(self.pooled(characters)).flatten(-2)
        return self.outer(self.dropout(torch.relu(self.inner(pooled))))


def run_packed(
    lstm: nn.LSTM,
    sequences: Float[Tensor, "batch length inputs"],
    lengths: Int[Tensor, " batch"],
    start: LSTMState | None = None,
) -> tuple[Float[Tensor, "batch length states"], Float[Tensor, "directions batch half"]]:
    """States at every position (0 on padding) and the last state of each direction.

    Runs in the weights' precision whatever autocast says: rounding to bfloat16 adds up along a sequence.
    """
    with torch.autocast(sequences.device.type, enabled=False):
        weight_type = next(lstm.parameters()).dtype
        packed = pack_padded_sequence(
            sequences.to(weight_type), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, (last, _) = lstm(packed, None if start is None else tuple(part.to(weight_type) for part in start))
        padded, _ = pad_packed_sequence(states, batch_first=True, total_length=sequences.shape[1])
    return padded, last


def _half(hidden: int) -> int:
    if hidden < 2 or hidden % 2:
        raise ContractError(f"a bidirectional LSTM splits its {hidden} values in two; give an even number")
    return hidden // 2


class HBiLSTM(nn.Module):
    """``dropout(BiLSTM(dropout([embedding(word) ; characters(word)])))``; rows of padded words are exactly 0.

    Source: Lample et al. 2016; it is the text encoder inside OCSGA and Object-AGBAN
    (golden/OLDER.md 2, steps 1 and 2).
    """

    def __init__(self, embedding: Any, size: int, characters: CharLSTM, hidden: int, dropout: float) -> None:
        super().__init__()
        self.embedding = embedding
        self.characters = characters
        self.sentence = WordBiLSTM(size + characters.width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.width = hidden

    def forward(self, ids: WordIds, mask: Bool[Tensor, "batch words"]) -> Float[Tensor, "batch words hidden"]:
        characters = self.characters(ids.characters, ids.lengths)
        words = torch.cat([self.embedding(ids.words), characters], dim=-1)
        return self.dropout(self.sentence(self.dropout(words), mask))


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """Option ``reader`` of the rows that read words this way.

    ``words`` are the fields of ``WordOptions``; a character's vector has ``characters`` values, the states of the
    character LSTM ``character_hidden`` and those of the word LSTM ``hidden`` (both directions together).
    """

    words: Mapping[str, Any]
    characters: int
    character_hidden: int
    hidden: int
    dropout: float


def make_hbilstm(
    build: BuildContext, reader: Mapping[str, Any], extra: Iterable[str] = ()
) -> tuple[Vocabulary, HBiLSTM]:
    """The vocabulary of a data set (``extra`` words added) and a fresh HBiLSTM over it.

    Raises:
        ContractError: a field of ``ReaderOptions`` is missing or unknown.
    """
    unequal = sorted({part.name for part in fields(ReaderOptions)} ^ set(reader))
    if unequal:
        raise ContractError(f"option 'reader': fields missing or unknown: {', '.join(unequal)}")
    options = ReaderOptions(**reader)
    vocabulary, embedding = make_words(build, options.words, extra=extra)
    spelling = CharLSTM(vocabulary.n_characters, options.characters, options.character_hidden, options.dropout)
    return vocabulary, HBiLSTM(embedding, embedding.width, spelling, options.hidden, options.dropout)
