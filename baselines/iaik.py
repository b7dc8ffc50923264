"""IAIK, reconstructed: words attend to the picture's regions and to the names of what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.data.side_data import COCO_80, ImageText
from mner.models.cards import Card, ContractError
from mner.models.coattention import AdditiveAttention, FiltrationGate, GatedFusion
from mner.models.recurrent import make_hbilstm
from mner.models.system import BuildContext, Emissions, visual_size_of
from mner.models.words import PADDING

CARD = Card(
    name="iaik",
    version=1,
    title="IAIK",
    cite="Chen, Li, Gu, Chen: Multimodal Named Entity Recognition with Image Attributes and Image Knowledge. "
    "DASFAA 2021",
    needs=("regions", "objects"),
    published={
        "attributes": "labels of an ImageNet classifier (abstract)",
        "knowledge": "a general multimodal knowledge graph, DBpedia or Yago (abstract)",
        "all else": "not known: no code and no full text could be read",
    },
    caveats=(
        "A detector's object labels stand in for the classifier's attributes.",
        "No knowledge graph is at hand: the knowledge path, half of the paper's idea, is absent.",
        "Fusion and gates are ACOA's, on which the paper probably builds; sizes and recipe are proposed; "
        "in profile paper the recipe is ACOA's.",
    ),
    reconstructed="from the abstract, one of its two paths; no distance from the printed number means anything",
    missing=("the knowledge base", "attributes of an ImageNet classifier"),
)


class Tagger(nn.Module):
    """BiLSTM words; attention over regions and over attribute words; gated sum, filtration gate, linear layer.

    ``attributes`` is how many words of the picture's distinct labels are read, in the detector's order.
    Without a picture nothing passes the filtration gate.
    """

    def __init__(
        self,
        build: BuildContext,
        *,
        reader: Mapping[str, Any],
        attributes: int,
    ) -> None:
        super().__init__()
        names = [word for name in COCO_80 for word in name.split()]
        self.vocabulary, self.text = make_hbilstm(build, reader, extra=names)
        self.attributes = attributes
        hidden = self.text.width
        self.region = nn.Linear(visual_size_of(build, CARD.name), hidden)
        self.attribute = nn.Linear(self.text.embedding.width, hidden)
        self.over_regions = AdditiveAttention(hidden, hidden, hidden, "interacting")
        self.over_attributes = AdditiveAttention(hidden, hidden, hidden, "interacting")
        self.fusion = GatedFusion(hidden, hidden, hidden)
        self.filtration = FiltrationGate(hidden, hidden, hidden)
        self.emission = nn.Linear(2 * hidden, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        if batch.image is None or batch.image_text is None:
            raise ContractError("iaik needs a batch's regions and labels; its card asks for regions and objects")
        text = self.text(self.vocabulary.encode(batch), batch.word_mask)
        names = self.names(batch.image_text).to(text.device)
        regions = torch.tanh(self.region(batch.image.regions))
        attributes = torch.tanh(self.attribute(self.text.embedding.table(names)))
        seen, _ = self.over_regions(text, regions, batch.image.mask)
        named, _ = self.over_attributes(text, attributes, names != PADDING)
        reserved = self.filtration(text, self.fusion(seen, named).states).states
        present = batch.image.mask.any(-1) | (names != PADDING).any(-1)
        joined = torch.cat([text, reserved * present[:, None, None].to(text.dtype)], dim=-1)
        return Emissions(self.emission(joined), batch.word_mask)

    def names(self, pictures: Sequence[ImageText]) -> Int[Tensor, "batch attributes"]:
        """Word numbers of each picture's distinct labels; multi-word labels are read word by word."""
        labels = [dict.fromkeys(picture.objects) for picture in pictures]
        return self.vocabulary.encode_lists([" ".join(names).split() for names in labels], self.attributes)
