"""BERT-CRF: a pretrained text encoder, a linear layer and a CRF; the text-only row others are read against."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.models.cards import Card
from mner.models.shared_recipes import UMT_FAMILY
from mner.models.system import BuildContext, Emissions

CARD = Card(
    name="bert-crf",
    version=1,
    title="BERT-CRF",
    cite="Devlin et al. 2019 (encoder), Lafferty et al. 2001 (CRF); as printed in the R-GCN paper's Table 1",
    decoder="crf",
    published={
        "encoder": "BERT base; cased or uncased is not stated for this row",
        "optimiser": "not stated; the code family has BertAdam, lr 5e-5, warm-up 10 %, decay 0.01, clip 1.0",
        "dropout": "0.1 on the last layer",
        "batch": "not stated",
    },
    caveats=(
        "The printed row's recipe, seeds and scorer are not stated.",
        "The table's code family runs the CRF over word pieces with an extra tag X; ours runs over words.",
    ),
    published_recipe=UMT_FAMILY,
    recipe_inferred="UMT's program, of whose family the row is believed to be; epochs and all else are UMT's",
)


class Tagger(nn.Module):
    """Emissions = W dropout(h_w) + b, with h_w the last-layer state of word w's first piece."""

    def __init__(self, build: BuildContext, dropout: float) -> None:
        super().__init__()
        self.encoder = build.encoder()
        self.dropout = nn.Dropout(dropout)
        self.emission = nn.Linear(self.encoder.width, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        words: Float[Tensor, "batch words width"] = self.encoder(batch.text)
        return Emissions(self.emission(self.dropout(words)), batch.word_mask)
