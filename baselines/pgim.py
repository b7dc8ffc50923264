"""PGIM: the tweet, a separator, and what ChatGPT wrote on the tweet and its picture's caption; encoder and CRF.

Only the tweet's words get emissions; the knowledge acts through attention alone. Source: Li et al., Findings of
EMNLP 2023, and the files its authors released, which hold the tweet, ``<EOS>`` and the knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.data.subwords import SEPARATOR
from mner.models.cards import Card, ContractError
from mner.models.system import BuildContext, Emissions, checked_limit, given

if TYPE_CHECKING:
    from mner.data.side_data import ImageText

KNOWLEDGE = "knowledge"

CARD = Card(
    name="pgim",
    title="PGIM",
    cite="Li et al. 2023, Prompting ChatGPT in MNER: Enhanced Multimodal Named Entity Recognition with "
    "Auxiliary Refined Knowledge, Findings of EMNLP",
    needs=(KNOWLEDGE,),
    decoder="crf",
    published={
        "input": "tweet, <EOS>, knowledge, as the released files hold them",
        "knowledge": "by ChatGPT, asked with the tweet, its picture's BLIP-2 caption and similar annotated tweets",
    },
    caveats=(
        "The released recipe and encoder were not read here; the recipe is the profile's.",
        "The knowledge opens with a list of named entities that ChatGPT found in the tweet, by means of annotated "
        "examples. A gain over text alone is that of ChatGPT's reading of the text and of the caption together; "
        "the knowledge of another tweet cannot tell the two apart.",
        "A context is cut to max_subwords; the released program reads it up to its encoder's limit.",
        "On Twitter-2015 the last tweet of each split has no knowledge.",
        "The knowledge on tweets with invalid pictures is kept: it was written with the placeholder's caption.",
    ),
)


def context(image_text: ImageText, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Give a separator and the words of the knowledge; nothing where there is none."""
    words = image_text.knowledge.split()
    return (SEPARATOR, *words) if words else ()


class Tagger(nn.Module):
    """Emissions = W dropout(h_w) + b, h_w the last-layer state of word w's first subword beside the knowledge.

    ``context`` is ``[knowledge]``; ``max_subwords`` limits it where its table is made.
    """

    def __init__(
        self, build: BuildContext, context: Sequence[str], dropout: float, max_subwords: int | None
    ) -> None:
        super().__init__()
        if list(context) != [KNOWLEDGE]:
            raise ContractError(f"pgim: context {list(context)}; it reads [{KNOWLEDGE}]")
        checked_limit(max_subwords, "pgim")
        self.encoder = build.encoder()
        self.dropout = nn.Dropout(dropout)
        self.emission = nn.Linear(self.encoder.width, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        cross = given(batch.cross, "cross", "pgim", KNOWLEDGE)
        words: Float[Tensor, "batch words width"] = self.encoder(cross)
        return Emissions(self.emission(self.dropout(words)), batch.word_mask)
