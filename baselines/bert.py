"""BERT with a softmax: every word is labelled on its own; what a CRF adds to this row is the row BERT-CRF."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.models.cards import Card
from mner.models.shared_recipes import UMT_FAMILY
from mner.models.system import BuildContext, Emissions

CARD = Card(
    name="bert",
    version=1,
    title="BERT",
    cite="Devlin et al. 2019, BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, "
    "NAACL; as printed in the R-GCN paper's Table 1",
    decoder="softmax",
    published={
        "encoder": "BERT base; cased or uncased is not stated for this row",
        "optimiser": "not stated; the code family has BertAdam, lr 5e-5, warm-up 10 %, decay 0.01, clip 1.0",
        "dropout": "0.1 on the last layer (code family)",
        "batch": "not stated; 32 in the code family",
        "kind": "proposed: no recipe was published for this row; UMT's in profile paper, elsewhere the shared one",
    },
    caveats=(
        "The printed row's recipe, seeds and scorer are not stated.",
        "The table's code family trains 13 classes over word pieces (X, [CLS], [SEP], padding among them); "
        "ours trains the labels on words, each read from its first piece.",
        "Nothing forbids an I- that continues no entity; lenient scoring starts one there, strict does not.",
    ),
    published_recipe=UMT_FAMILY,
    recipe_inferred="UMT's program, of whose family the row is believed to be; epochs and all else are UMT's",
)


class Tagger(nn.Module):
    """Emissions = W dropout(h_w) + b, with h_w the last-layer state of word w's first piece.

    The loss is the mean over words of the cross-entropy (``mner.models.decoders.SoftmaxDecoder``).
    """

    def __init__(self, build: BuildContext, dropout: float) -> None:
        super().__init__()
        self.encoder = build.encoder()
        self.dropout = nn.Dropout(dropout)
        self.emission = nn.Linear(self.encoder.width, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        words: Float[Tensor, "batch words width"] = self.encoder(batch.text)
        return Emissions(self.emission(self.dropout(words)), batch.word_mask)
