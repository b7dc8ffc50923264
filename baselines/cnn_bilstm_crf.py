"""CNN-BiLSTM-CRF: BiLSTM-CRF whose words also bring a convolution over their characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mner.data.batch import Batch
from mner.models.cards import Card
from mner.models.recurrent import CharCNN, WordBiLSTM
from mner.models.system import BuildContext, Emissions
from mner.models.words import make_words

CARD = Card(
    name="cnn-bilstm-crf",
    version=1,
    title="CNN-BiLSTM-CRF",
    cite="Ma, Hovy: End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF. ACL 2016",
    published={
        "recipe": "none is stated for this row. The cited paper's, on newswire, from memory: SGD 0.015, momentum "
        "0.9, batch 10, clip 5, decay 0.05, dropout 0.5",
        "characters": "vectors of 30, 30 filters of width 3",
        "hidden size": "200 a direction in the cited paper (from memory); 100 in this table's siblings",
    },
    caveats=(
        "The printed row's recipe, vectors, vocabulary, seeds and scorer are not stated.",
        "The word vectors are the project's; SGD is used in profile paper alone, AdamW elsewhere.",
    ),
)


class Tagger(nn.Module):
    """BiLSTM over [word vector ; maxima of a character convolution], then W h + b."""

    def __init__(
        self,
        build: BuildContext,
        *,
        words: Mapping[str, Any],
        characters: int,
        filters: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.vocabulary, self.words = make_words(build, words)
        self.characters = CharCNN(self.vocabulary.n_characters, characters, filters, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.lstm = WordBiLSTM(self.words.width + filters, hidden)
        self.emission = nn.Linear(hidden, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        ids = self.vocabulary.encode(batch)
        spelled = self.characters(ids.characters, ids.lengths)
        embedded = self.dropout(torch.cat([self.words(ids.words), spelled], dim=-1))
        states = self.lstm(embedded, batch.word_mask)
        return Emissions(self.emission(self.dropout(states)), batch.word_mask)
