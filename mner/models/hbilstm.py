"""Words as a BiLSTM reads them: a vector a word, beside one made of its characters."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.models.recurrent import CharLSTM, WordBiLSTM
from mner.models.words import WordIds


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
