"""BiLSTM-CRF: word vectors, one bidirectional LSTM, a linear layer and a CRF; no characters, no picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mner.data.batch import Batch
from mner.models.cards import Card
from mner.models.recurrent import WordBiLSTM
from mner.models.system import BuildContext, Emissions
from mner.models.words import make_words

CARD = Card(
    name="bilstm-crf",
    version=1,
    title="BiLSTM-CRF",
    cite="Huang, Xu, Yu: Bidirectional LSTM-CRF Models for Sequence Tagging. arXiv:1508.01991, 2015",
    published={
        "recipe": "none is stated for this row. Proposed, from its siblings' code (OCSGA, AGBAN): SGD, lr 0.005 / "
        "(1 + 0.05 epoch), batch 10, summed loss, L2 1e-8, dropout 0.5, up to 200 epochs, digits read as 0",
        "word vectors": "not stated; the siblings use GloVe-Twitter, 200 values a word",
        "hidden size": "100 a direction (siblings' code)",
    },
    caveats=(
        "The printed row's recipe, vectors, vocabulary, seeds and scorer are not stated.",
        "The word vectors are the project's; the proposed SGD is used in profile paper alone, AdamW elsewhere.",
    ),
)


class Tagger(nn.Module):
    """Emissions = W dropout(h_w) + b, with h = BiLSTM(dropout(word vectors))."""

    def __init__(self, build: BuildContext, *, words: Mapping[str, Any], hidden: int, dropout: float) -> None:
        super().__init__()
        self.vocabulary, self.words = make_words(build, words)
        self.dropout = nn.Dropout(dropout)
        self.lstm = WordBiLSTM(self.words.width, hidden)
        self.emission = nn.Linear(hidden, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        ids = self.vocabulary.encode(batch)
        states = self.lstm(self.dropout(self.words(ids.words)), batch.word_mask)
        return Emissions(self.emission(self.dropout(states)), batch.word_mask)
