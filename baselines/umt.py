"""UMT: words and regions ask each other through BERT layers; spans found in the text alone guide the tags.

Sources: Yu, Jiang, Yang, Xia, ACL 2020; the published code as described in golden/README.md 3, whose step numbers
are used below.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.data.batch import Batch, Visual
from mner.models.attention import BertBlock, BertSizes
from mner.models.cards import Card, ContractError
from mner.models.decoders import CRFDecoder
from mner.models.shared_recipes import UMT_FAMILY
from mner.models.system import BuildContext, Emissions, given, one_of, visual_size_of

SHARE = {"released": 0.5, "paper": 1.0}
"""What tag scores and converted span scores are each multiplied by before they are added (step 9)."""

CARD = Card(
    name="umt",
    version=1,
    title="UMT",
    cite="Yu, Jiang, Yang, Xia 2020, Improving Multimodal Named Entity Recognition via Entity Span Detection with "
    "Unified Multimodal Transformer, ACL",
    needs=("regions",),
    decoder="crf",
    published={
        "text encoder": "BERT-base-cased, 128 pieces, fine-tuned",
        "visual input": "ResNet-152 grid, 7x7x2048, not trained",
        "optimiser": "BertAdam 5e-5, warm-up 10 %, linear decay, weight decay 0.01, clip 1.0",
        "batch": "32 (16 at evaluation)",
        "epochs": "24 on Twitter-2015, 22 on Twitter-2017; best dev F1",
        "dropout": "0.1 on the encoder's output and in every added layer",
        "seed": "32, a single run",
        "span weight": "0.5",
    },
    variants={
        "released": "the CRF reads half the tag scores plus half the converted span scores (code)",
        "paper": "the CRF reads their plain sum, as its equations have it; from memory of the paper",
    },
    caveats=(
        "Tags and spans are over words here; the code adds padding, X, [CLS] and [SEP] as tags of both CRFs.",
        "Pixel path only: the code runs its frozen ResNet in training mode, so its batch-norm statistics drift "
        "and it normalises by batch; crop and flip are drawn once an image, for dev and test too. Ours are fixed.",
        "A picture that does not load is replaced by one fixed picture in the code; here it is masked: no region "
        "is attended to and the gated visual half of every word is zero.",
        "BertAdam as the code uses it clips each parameter's gradient by itself; so does profile paper; "
        "elsewhere all have one norm.",
        "The authors' public log has 73.20 and 85.09, the R-GCN table's re-runs 73.39 and 84.05.",
    ),
    published_recipe={**UMT_FAMILY, "image_encoder": "not trained"},
)


def span_label(label: str) -> str:
    """``B`` of ``B-PER``; a label without a type is its own span label."""
    return label.partition("-")[0]


def conversion_matrix(labels: Sequence[str], spans: Sequence[str]) -> Float[Tensor, "spans labels"]:
    """A span label's score is shared evenly among the labels it can stand for (the matrix M; not trained)."""
    belongs = torch.tensor([[float(span_label(label) == span) for label in labels] for span in spans])
    return belongs / belongs.sum(1, keepdim=True)


class Tagger(nn.Module):
    """The released network at word level; its added layers have the sizes of the encoder's own.

    ``layers`` counts the stacked blocks of steps 4 (words over regions), 5 (regions over words) and 6 (words over
    those regions); ``span_weight`` weighs the auxiliary loss; ``variant`` is a key of ``CARD.variants``.
    """

    def __init__(
        self,
        build: BuildContext,
        *,
        variant: str = "released",
        layers: Sequence[int] = (1, 1, 1),
        span_weight: float = 0.5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        one_of(f"{CARD.name}: variant", variant, SHARE)
        if len(layers) != 3 or min(layers) < 1:
            raise ContractError(f"umt: layers {list(layers)}; give three counts of at least 1 (steps 4, 5, 6)")
        visual_size = visual_size_of(build, CARD.name)
        spans = tuple(dict.fromkeys(map(span_label, build.labels)))
        self.share, self.span_weight = SHARE[variant], span_weight
        self.register_buffer("conversion", conversion_matrix(build.labels, spans), persistent=False)
        of_label = torch.tensor([spans.index(span_label(label)) for label in build.labels])
        self.span_of_label: Tensor
        self.register_buffer("span_of_label", of_label, persistent=False)
        self.encoder = build.encoder()
        self.dropout = nn.Dropout(dropout)
        width, sizes = self.encoder.width, BertSizes.of(self.encoder.bert.config)

        def stack(count: int) -> nn.ModuleList:
            return nn.ModuleList(BertBlock(sizes, dropout) for _ in range(count))

        self.span_block = BertBlock(sizes, dropout)
        self.span_output = nn.Linear(width, len(spans))
        self.span_decoder = CRFDecoder(len(spans))
        self.word_block = BertBlock(sizes, dropout)
        self.region_keys = nn.Linear(visual_size, width)
        self.region_queries = nn.Linear(visual_size, width)
        self.words_ask_regions, self.regions_ask_words, self.words_ask_answers = map(stack, layers)
        self.gate = nn.Linear(2 * width, width)
        self.output = nn.Linear(2 * width, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        return Emissions(self.scores(batch)[0], batch.word_mask)

    def scores(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "batch words labels"], Float[Tensor, "batch words spans"]]:
        """Final emissions of the tags, and emissions of the spans (steps 1 to 9)."""
        image = given(batch.image, "image", CARD.name)
        words, mask = self.dropout(self.encoder(batch.text)), batch.word_mask
        spans = self.span_output(self.span_block(words, words, mask))
        fused = self.fused(self.word_block(words, words, mask), mask, image)
        return self.share * self.output(fused) + self.share * (spans @ self.conversion.to(spans.dtype)), spans

    def fused(
        self, words: Float[Tensor, "batch words width"], mask: Bool[Tensor, "batch words"], image: Visual
    ) -> Float[Tensor, "batch words both"]:
        """Image-aware words beside their gated view of the picture (steps 3 to 8); that view is 0 without one."""
        keys, answers = self.region_keys(image.regions), self.region_queries(image.regions)
        visual, aware = words, words
        for block in self.words_ask_regions:
            visual = block(visual, keys, image.mask)
        for block in self.regions_ask_words:
            answers = block(answers, words, mask)
        for block in self.words_ask_answers:
            aware = block(aware, answers, image.mask)
        visual = visual * image.mask.any(-1)[:, None, None].to(visual.dtype)
        gate = torch.sigmoid(self.gate(torch.cat([aware, visual], -1)))
        return torch.cat([aware, gate * visual], -1)

    def loss(self, batch: Batch, decoder: CRFDecoder) -> Float[Tensor, ""]:
        """Mean NLL of the tags plus ``span_weight`` times that of their spans (step 10)."""
        if batch.tags is None:
            raise ContractError("umt: the batch carries no tags, so it has no loss; the test split is blind")
        tag_scores, span_scores = self.scores(batch)
        spans = Emissions(span_scores, batch.word_mask)
        auxiliary = self.span_decoder.nll(spans, self.span_of_label[batch.tags])
        return decoder.nll(Emissions(tag_scores, batch.word_mask), batch.tags) + self.span_weight * auxiliary
