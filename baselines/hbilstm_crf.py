"""HBiLSTM-CRF: BiLSTM-CRF whose words also bring a bidirectional LSTM over their characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mner.data.batch import Batch
from mner.models.cards import Card
from mner.models.recurrent import make_hbilstm
from mner.models.system import BuildContext, Emissions

CARD = Card(
    name="hbilstm-crf",
    version=1,
    title="HBiLSTM-CRF",
    cite="Lample, Ballesteros, Subramanian, Kawakami, Dyer: Neural Architectures for Named Entity Recognition. "
    "NAACL 2016",
    published={
        "recipe": "none is stated for this row. Proposed, from its siblings' code (OCSGA, AGBAN): SGD, lr 0.005 / "
        "(1 + 0.05 epoch), batch 10, summed loss, L2 1e-8, dropout 0.5, up to 200 epochs, digits read as 0",
        "characters": "vectors of 30, LSTM of 25 a direction (siblings' code)",
        "word vectors": "GloVe-Twitter, 200 values a word (siblings' code)",
        "hidden size": "100 a direction (siblings' code)",
    },
    caveats=(
        "That the printed row has its siblings' sizes is inferred; its recipe, seeds and scorer are not stated.",
        "Lample et al. put a tanh layer before the CRF (from memory); the siblings' code has none, nor have we.",
        "The word vectors are the project's; the proposed SGD is used in profile paper alone, AdamW elsewhere.",
    ),
)


class Tagger(nn.Module):
    """BiLSTM over [word vector ; last states of a character BiLSTM], then W h + b."""

    def __init__(self, build: BuildContext, *, reader: Mapping[str, Any]) -> None:
        super().__init__()
        self.vocabulary, self.text = make_hbilstm(build, reader)
        self.emission = nn.Linear(self.text.width, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        states = self.text(self.vocabulary.encode(batch), batch.word_mask)
        return Emissions(self.emission(states), batch.word_mask)
