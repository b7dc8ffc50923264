"""Words as a BiLSTM reads them: a vector a word, beside one made of its characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.models.recurrent import CharLSTM, WordBiLSTM
from mner.models.system import ContractError, Ingredients
from mner.models.words import Vocabulary, WordIds, make_words


class HBiLSTM(nn.Module):
    """``dropout(BiLSTM(dropout([embedding(word) ; characters(word)])))``; rows of padded words are exactly 0.

    Source: Lample et al. 2016; it is the text encoder inside OCSGA and Object-AGBAN
    (golden/OLDER.md 2, steps 1 and 2).
    """

    def __init__(self, embedding: nn.Module, size: int, characters: CharLSTM, hidden: int, dropout: float) -> None:
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
    ingredients: Ingredients, reader: Mapping[str, Any], extra: Iterable[str] = ()
) -> tuple[Vocabulary, HBiLSTM]:
    """The vocabulary of a data set (``extra`` words added) and a fresh HBiLSTM over it.

    Raises:
        ContractError: a field of ``ReaderOptions`` is missing or unknown.
    """
    unequal = sorted({part.name for part in fields(ReaderOptions)} ^ set(reader))
    if unequal:
        raise ContractError(f"option 'reader': fields missing or unknown: {', '.join(unequal)}")
    options = ReaderOptions(**reader)
    vocabulary, embedding = make_words(ingredients, options.words, extra=extra)
    spelling = CharLSTM(vocabulary.n_characters, options.characters, options.character_hidden, options.dropout)
    return vocabulary, HBiLSTM(embedding, embedding.width, spelling, options.hidden, options.dropout)
