"""UMGF: words and at most four objects of the picture as one graph, fused by stacked gated graph layers.

Sources: Zhang, Wei, Li, Wu, Li, Zhou, AAAI 2021; the published code as described in golden/README.md 4, whose step
numbers are used below. The layers are ``mner.models.gated_graph``.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.data.batch import Batch, Visual
from mner.models.cards import Card, ContractError
from mner.models.decoders import CRFDecoder
from mner.models.gated_graph import GatedGraphLayer, first_regions, pooled_regions, start_glorot
from mner.models.system import BuildContext, Emissions, given, one_of, visual_size_of

VARIANTS = {
    "released": "loss summed over the batch; all layers start as copies of one, queries and keys equal (code)",
    "paper": "loss averaged over the batch; every layer and every projection starts on its own",
}

NODES = {"pooled": pooled_regions, "first": first_regions}

CARD = Card(
    name="umgf",
    version=1,
    title="UMGF",
    cite="Zhang, Wei, Li, Wu, Li, Zhou 2021, Multi-modal Graph Fusion for Named Entity Recognition with Targeted "
    "Visual Guidance, AAAI",
    needs=("regions",),
    decoder="crf",
    published={
        "text encoder": "BERT-base-cased, 128 pieces, fine-tuned",
        "visual input": "4 crops a picture, grounded by the four type words; ResNet-152 pooled, fine-tuned",
        "optimiser": "Adam 1e-4 for every parameter, x0.8 every 2 epochs, no warm-up, no decay, no clipping",
        "batch": "16, in file order, never shuffled",
        "epochs": "30; best dev F1",
        "dropout": "0.4 in the graph layers and after the object projections",
        "sizes": "6 layers, width 512, feed-forward 256, 8 heads",
        "seed": "2019 in the instructions, 2021 as the program's default",
    },
    variants=VARIANTS,
    caveats=(
        "Crops by visual grounding are not at hand: the 4 object nodes are means over consecutive runs of the "
        "picture's region features, so what the row needs its grounding for is not tested here; a detector's "
        "crops (kind crops) are read one a node with nodes: first, as in profile paper.",
        "The code links every word with every object; the paper also speaks of noun phrases and sparse links.",
        "Tags are over words here; the code tags word pieces with PAD, X, CLS and SEP among its tags.",
        "The code takes the whole picture where nothing is found; without a picture ours has no node.",
        "Test F1 is printed every epoch and a best-test epoch too: the paper's selection rule is not known.",
        "A summed loss makes the shared recipe's clipping stronger; neither code nor profile paper clips.",
        "An ITA author could not reach the paper's number from the code (issue 5 of its repository).",
    ),
    published_recipe={
        "epochs": 30,
        "batch_size": 16,
        "encoder_learning_rate": 1e-4,
        "head_learning_rate": 1e-4,
        "transition_learning_rate": 1e-4,
        "weight_decay": 0.0,
        "optimiser": "adam",
        "schedule": "step",
        "decay": 0.8,
        "decay_epochs": 2,
        "warmup": 0.0,
        "clip_by": "none",
        "precision": "float32",
        "frozen_layers": 0,
        "image_encoder": "trained",
        "shuffled": "never",
        "loss": "sum",
    },
    missing=("crops that a grounding tool cuts out for the four type words",),
)


class Tagger(nn.Module):
    """The released network at word level: ``objects`` nodes a picture, ``width`` and ``inner`` of the graph.

    ``nodes`` says what they are: ``pooled`` means over runs of regions, for a grid or for words of a caption;
    ``first`` the first regions themselves, for ``crops``, which come best first with the whole picture last.
    """

    def __init__(
        self,
        build: BuildContext,
        *,
        variant: str = "released",
        layers: int = 6,
        heads: int = 8,
        width: int = 512,
        inner: int = 256,
        objects: int = 4,
        dropout: float = 0.4,
        nodes: str = "pooled",
    ) -> None:
        super().__init__()
        one_of(f"{CARD.name}: variant", variant, VARIANTS)
        if layers < 1 or objects < 1:
            raise ContractError(f"umgf: {layers} layers, {objects} objects; both are at least 1")
        visual = visual_size_of(build, CARD.name)
        self.nodes = NODES[one_of(f"{CARD.name}: nodes", nodes, NODES)]
        self.released, self.objects = variant == "released", objects
        self.encoder = build.encoder()
        self.word_input = nn.Linear(self.encoder.width, width)
        self.object_head = nn.Linear(visual, visual)
        self.object_input = nn.Sequential(
            nn.Linear(visual, width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip
        start_glorot(self.object_input)
        graph = [GatedGraphLayer(width, heads, inner, dropout, self.released) for _ in range(layers)]
        self.graph = nn.ModuleList([deepcopy(graph[0]) for _ in graph] if self.released else graph)
        self.output = nn.Linear(self.encoder.width + width, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        nodes = self.nodes(given(batch.image, "image", CARD.name), self.objects)
        links = self.links(batch.word_mask, nodes.mask)
        return Emissions(self.scores(self.encoder(batch.text), batch.word_mask, nodes, links), batch.word_mask)

    def links(
        self, word_mask: Bool[Tensor, "batch words"], object_mask: Bool[Tensor, "batch objects"]
    ) -> Bool[Tensor, "batch words objects"]:
        """Every word with every object."""
        return word_mask[:, :, None] & object_mask[:, None, :]

    def scores(
        self,
        text: Float[Tensor, "batch words text"],
        word_mask: Bool[Tensor, "batch words"],
        nodes: Visual,
        links: Bool[Tensor, "batch words objects"],
    ) -> Float[Tensor, "batch words labels"]:
        """Steps 1 to 4: emissions from the encoder's words beside the graph's."""
        words, objects = self.word_input(text), self.object_input(self.object_head(nodes.regions))
        for layer in self.graph:
            words, objects = layer(words, objects, word_mask, nodes.mask, links)
        return self.output(torch.cat([text, words], -1))

    def loss(self, batch: Batch, decoder: CRFDecoder) -> Float[Tensor, ""]:
        """Negative log-likelihood, summed (``released``) or averaged (``paper``) over the batch's sentences."""
        if batch.tags is None:
            raise ContractError("umgf: the batch carries no tags, so it has no loss; the test split is blind")
        mean = decoder.nll(self(batch), batch.tags)
        return mean * len(batch.tags) if self.released else mean
