"""OCSGA: the names of the objects in the picture, arranged by the words of the tweet and added to them.

A detector's labels are words, so a picture is at most four word vectors. Guided attention lets every word of the
tweet collect what it needs of them; a CRF reads the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.data.side_data import COCO_80
from mner.models.cards import Card
from mner.models.recurrent import make_hbilstm
from mner.models.system import BuildContext, Emissions, given, one_of
from mner.models.word_object_attention import DenseCoAttention, MaskedBatchNorm
from mner.models.words import PADDING, Vocabulary, WordEmbedding, WordOptions

CARD = Card(
    name="ocsga",
    version=1,
    title="OCSGA",
    cite="Wu et al.: Multimodal Representation with Embedded Visual Guiding Objects for Named Entity Recognition "
    "in Social Media Posts. ACM MM 2020, doi 10.1145/3394171.3413650",
    needs=("objects",),
    decoder="crf",
    published={
        "words": "200 values, GloVe-Twitter, trained; digits read as 0; vocabulary of all three splits (code)",
        "characters": "30 values, BiLSTM to 50 (code)",
        "objects": "first four label words of Mask R-CNN, same vectors, not trained (code)",
        "attention": "1 layer, 2 heads, width 200, feed-forward 800, dropout 0.6; elsewhere 0.5 (code)",
        "optimiser": "SGD 0.005 without momentum, L2 1e-8, rate / (1 + 0.05 epoch), no clipping (code)",
        "batch": "10, losses summed (code)",
        "epochs": "200; neither selected nor saved by score (code)",
    },
    variants={
        "released": "a picture without objects adds one constant vector; padding enters the batch statistics",
        "paper": "a picture without objects adds nothing, in the sum and in the statistics; padding is left out",
    },
    caveats=(
        "Outside profile paper our recipe is the harness's, not the published one; which epoch was printed is not "
        "known, ours is the best on dev.",
        "The code's CRF keeps three extra states (padding and the borders) at -10000; ours has labels alone.",
        "The code comments its residual connections in the last layer out; both variants go without, as it does.",
        "Word vectors are those the options name; GloVe-Twitter must be supplied as a file.",
        "Published labels exist for Twitter-2015 alone.",
    ),
    published_recipe={
        "epochs": 200,
        "batch_size": 10,
        "head_learning_rate": 0.005,
        "transition_learning_rate": 0.005,
        "weight_decay": 1e-8,
        "optimiser": "sgd",
        "schedule": "inverse_time",
        "decay": 0.05,
        "warmup": 0.0,
        "clip_by": "none",
        "precision": "float32",
        "loss": "sum",
    },
)


class ObjectFusion(nn.Module):
    """Words plus what they collect from the objects, normalised over channels (golden/OLDER.md 2, steps 3-5)."""

    def __init__(
        self, object_size: int, width: int, *, heads: int, layers: int, dropout: float, variant: str
    ) -> None:
        super().__init__()
        self.released = one_of(f"{CARD.name}: variant", variant, tuple(CARD.variants or ())) == "released"
        self.projection = nn.Linear(object_size, width)
        self.attention = DenseCoAttention(width, heads, layers, dropout)
        self.norm = MaskedBatchNorm(width)

    def forward(
        self,
        words: Float[Tensor, "batch words width"],
        word_mask: Bool[Tensor, "batch words"],
        objects: Float[Tensor, "batch objects object_size"],
        object_mask: Bool[Tensor, "batch objects"],
    ) -> Float[Tensor, "batch words width"]:
        collected = self.attention(words, word_mask, self.projection(objects), object_mask)
        if self.released:
            return self.norm(words + collected)
        collected = collected.masked_fill(~object_mask.any(-1)[:, None, None], 0)
        return self.norm(words + collected, word_mask)


class Tagger(nn.Module):
    """Character and word BiLSTM, object fusion, a linear layer; ``reader``: see ``ReaderOptions``."""

    def __init__(
        self,
        build: BuildContext,
        *,
        variant: str,
        reader: Mapping[str, Any],
        max_objects: int,
        heads: int,
        layers: int,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.vocabulary, self.text = make_hbilstm(build, reader)
        self.label_words, self.labels = frozen_labels(reader["words"])
        self.max_objects = max_objects
        self.fusion = ObjectFusion(
            self.labels.width,
            self.text.width,
            heads=heads,
            layers=layers,
            dropout=attention_dropout,
            variant=variant,
        )
        self.emission = nn.Linear(self.text.width, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        objects = self._objects(batch)
        words = self.text(self.vocabulary.encode(batch), batch.word_mask)
        fused = self.fusion(words, batch.word_mask, self.labels(objects), objects != PADDING)
        return Emissions(self.emission(fused), batch.word_mask)

    def _objects(self, batch: Batch) -> Int[Tensor, "batch objects"]:
        """Label words split at blanks, in the detector's order, repetitions kept; the first few of them."""
        pictures = given(batch.image_text, "image_text", CARD.name, "objects")
        spoken = [[word for label in picture.objects for word in label.split()] for picture in pictures]
        return self.label_words.encode_lists(spoken, self.max_objects).to(batch.word_mask.device)


def frozen_labels(words: Mapping[str, Any]) -> tuple[Vocabulary, WordEmbedding]:
    """The words of a detector's labels and their vectors, which training does not move."""
    options = WordOptions.read({**words, "trained": False, "vocabulary": "train", "unknown_rate": 0.0})
    vocabulary = Vocabulary.build({"train": ()}, options, (word for name in COCO_80 for word in name.split()))
    return vocabulary, WordEmbedding(vocabulary, options)
