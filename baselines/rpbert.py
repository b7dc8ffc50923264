"""RpBERT: regions are further tokens of one BERT, scaled by how much the picture belongs to the tweet.

BERT runs twice with the same weights: once to judge the relation of text and picture, once to read the words with
the picture scaled by that judgement. Sources: Sun, Wang, Zhang, Su, Weng, AAAI 2021 (arXiv 2102.02967); the 2022
rewrite of the published code as described in golden/OLDER.md 4. The joint BERT is ``mner.models.joint_bert``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.data.batch import Batch, TextInput, Visual
from mner.models.cards import Card
from mner.models.joint_bert import PLACEMENTS, POSITIONS, JointBert, mean_piece_vectors
from mner.models.recurrent import run_packed
from mner.models.system import BuildContext, Emissions, given, visual_size_of
from mner.models.words import Vocabulary, WordEmbedding, make_words

ADDS_MEANING = 1

CARD = Card(
    name="rpbert",
    version=1,
    title="RpBERT",
    cite="Sun, Wang, Zhang, Su, Weng 2021, RpBERT: A Text-image Relation Propagation-based BERT Model for "
    "Multimodal NER, AAAI",
    needs=("regions",),
    decoder="crf",
    published={
        "text encoder": "BERT-base-uncased, fine-tuned",
        "visual input": "ResNet-101 grid, 7x7x2048, fine-tuned",
        "word vectors": "frozen, beside BERT's: fastText, GloVe-Twitter, Flair (rewrite); fastText and trained "
        "characters (first release)",
        "optimiser": "Adam, 1e-5 for BERT and ResNet, 1e-3 for the rest, constant (rewrite)",
        "batch": "16 (rewrite), 4 (first release)",
        "epochs": "10 (rewrite), 40 (first release); best dev F1",
        "relation task": "Bloomberg text-image relations, first 3576 rows, loss x 0.05, before every NER epoch",
        "tagger": "2-layer BiLSTM, 256 a direction, no dropout (rewrite)",
    },
    variants={
        "released": "the 2022 rewrite: placement projection, positions padded",
        "first release": "placement embedding, positions packed; and a word is its first piece, 3 LSTM layers",
        "paper": "soft gates as here, or hard ones (r rounded), which nothing trains without relation labels",
        **PLACEMENTS,
        **POSITIONS,
    },
    caveats=(
        "Trained without the relation data set, which is not at hand: the relation classifier learns only through "
        "r from the NER loss, so r need not mean that the picture adds meaning, and what the paper gains from "
        "those labels is not tested here.",
        "The first release detached r; without relation labels its classifier would never be trained, so r is not "
        "detached here.",
        "In profile paper the grid is of microsoft/resnet-101, trained otherwise than torchvision's.",
        "Of the frozen word vectors only one source stands here (option words), or none.",
        "Frozen encoder layers stay frozen, but their cached states are not used: the picture enters below them.",
        "With r = 0 the visual tokens are still attended to in placement projection: position and type remain.",
        "An absent picture's tokens are masked; the code always has a picture.",
        "The code turns URLs and blanks into [UNK]; here a word without pieces gets a zero vector.",
        "Old numbers of the authors were selected on test; the rewrite uses the larger Twitter-2017 split.",
    ),
    published_recipe={
        "epochs": 10,
        "batch_size": 16,
        "encoder_learning_rate": 1e-5,
        "head_learning_rate": 1e-3,
        "transition_learning_rate": 1e-3,
        "weight_decay": 0.0,
        "optimiser": "adam",
        "schedule": "constant",
        "warmup": 0.0,
        "precision": "float32",
        "frozen_layers": 0,
        "image_encoder": "trained",
    },
    recipe_inferred="the 2022 rewrite; the printed row is a re-run whose recipe is not stated",
    missing=("text-image relation labels of the relation task", "frozen word vectors beside BERT's"),
)


class RelationBert(nn.Module):
    """Word vectors from a joint BERT run twice: to find the gate r, and with the picture scaled by it."""

    def __init__(self, joint: JointBert) -> None:
        super().__init__()
        self.joint = joint
        self.relation = nn.Linear(joint.encoder.width, 2)

    def forward(self, text: TextInput, image: Visual) -> Float[Tensor, "batch words width"]:
        """Mean of each word's pieces in the second pass (steps 2 and 3); gradients flow through r."""
        states = self.joint(text, image, self.relevance(text, image))
        return mean_piece_vectors(states[:, : text.input_ids.shape[1]], text)

    def relation_logits(self, text: TextInput, image: Visual) -> Float[Tensor, "batch 2"]:
        """Does the picture not add (0) or add (1) to the meaning? Read from [CLS] of the first pass, r = 1."""
        return self.relation(self.joint(text, image)[:, 0])

    def relevance(self, text: TextInput, image: Visual) -> Float[Tensor, " batch"]:
        """The soft gate r, the probability that the picture adds to the meaning."""
        return self.relation_logits(text, image).softmax(-1)[:, ADDS_MEANING]


class RecurrentHead(nn.Module):
    """Stacked BiLSTM, ``hidden`` values a direction, and a linear layer (step 4); no dropout."""

    def __init__(self, inputs: int, hidden: int, layers: int, labels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, layers, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, labels)

    def forward(
        self, words: Float[Tensor, "batch words inputs"], mask: Bool[Tensor, "batch words"]
    ) -> Float[Tensor, "batch words labels"]:
        return self.output(run_packed(self.lstm, words, mask.sum(-1))[0])


class Tagger(nn.Module):
    """BERT's words, word vectors beside them if ``words`` names any, BiLSTM and linear layer; the CRF is shared.

    ``placement`` and ``positions`` are keys of ``joint_bert.PLACEMENTS`` and ``POSITIONS``; ``words`` holds the
    fields of ``mner.models.words.WordOptions``, or is None.
    """

    def __init__(
        self,
        build: BuildContext,
        *,
        placement: str = "projection",
        positions: str = "padded",
        words: Mapping[str, Any] | None = None,
        hidden: int = 256,
        layers: int = 2,
    ) -> None:
        super().__init__()
        joint = JointBert(build.encoder(), visual_size_of(build, CARD.name), placement, positions)
        self.reader = RelationBert(joint)
        self.vocabulary: Vocabulary | None = None
        self.vectors: WordEmbedding | None = None
        if words:
            self.vocabulary, self.vectors = make_words(build, words)
        inputs = joint.encoder.width + (self.vectors.width if self.vectors else 0)
        self.head = RecurrentHead(inputs, hidden, layers, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        words = self.reader(batch.text, given(batch.image, "image", CARD.name))
        if self.vocabulary is not None and self.vectors is not None:
            words = torch.cat([words, self.vectors(self.vocabulary.encode(batch).words)], -1)
        return Emissions(self.head(words, batch.word_mask), batch.word_mask)
