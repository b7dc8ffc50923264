"""R-GCN as its figure and slides describe it (variant ``paper``), at word level with masks throughout.

Two star graphs over retrieved pictures, a gate after each, then text self-attention, picture self-attention and
cross-attention from words to regions; a CRF reads the words. What the slides leave open is an option or a caveat.
The published code computes something else: ``rgcn_released.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from mner.data.batch import Batch, TextInput, Visual
from mner.models.attention import TransformerBlock
from mner.models.cards import Card, ContractError
from mner.models.encoders import first_piece_vectors
from mner.models.relational import InterRelation, IntraRelation, make_gate, masked_mean, without
from mner.models.system import BuildContext, Emissions, given, one_of, visual_size_of

TEXT_NODES = ("cls", "mean")
HEADS = ("both", "fused")

CARD = Card(
    name="rgcn",
    version=1,
    title="R-GCN",
    cite="Zhao, Li, Wu, Xing, Dai: Learning from Different text-image Pairs: A Relation-enhanced Graph "
    "Convolutional Network for Multimodal NER. ACM MM 2022, doi 10.1145/3503161.3548228",
    needs=("regions", "relations"),
    decoder="crf",
    published={
        "text encoder": "BERT-base-uncased, fine-tuned (code)",
        "visual input": "frozen ResNet grid, 7×7×2048 (figure and code)",
        "neighbours": "5 a graph, of 10 listed (code)",
        "epochs": "25 (code)",
        "batch": "16 (code)",
        "learning rate": "5e-5 for every parameter, 10 % warm-up, linear decay (code)",
        "dropout": "0.1 in BERT and after the text gate (code)",
        "seeds": "not stated",
    },
    variants={
        "paper": "this file: stars centred on the text and on the own picture, masks, standard blocks",
        "released": "mner/systems/rgcn_released.py: what the published code computes",
    },
    caveats=(
        "the published text-image lists do not go with the tweets they stand beside (reports/graphs.md)",
        "which vector is the text node (CLS here; text_node: mean is offered)",
        "normalisation of the adjacency (row here; norm: none is the code's)",
        "whether the gate's two matrices are tied (not here; gate_tie: true is the code's)",
        "what replaces the gate in the row w/o Gate (none_add, none_replace, none_concat)",
        "depth of the ResNet, captioner, sentence encoder and detector behind the relations",
        "pre-norm blocks are our choice; the paper says transformer layer",
        "what the blocks start as (as nothing here, so that the first updates leave the pretrained words alone "
        "and reach no picture; start: glorot is the usual start; row rgcn-figure)",
        "the head reads the encoder's words beside the fused ones here, so that every gate form keeps them; the "
        "figure draws it over the fused ones alone (head: fused; row rgcn-figure)",
        "a tweet without its own picture reads no neighbour here; the text-centred star of the figure does not "
        "need one (inter_needs_picture: false; row rgcn-figure)",
        "the code uses BERT's optimiser without bias correction (recipe: optimiser bert), one rate, and the tanh "
        "GELU; here the recipe below and the encoder's GELU",
    ),
    published_recipe={
        "epochs": 25,
        "batch_size": 16,
        "encoder_learning_rate": 5e-5,
        "head_learning_rate": 5e-5,
        "transition_learning_rate": 5e-5,
        "weight_decay": 0.01,
        "optimiser": "bert",
        "schedule": "bert",
        "warmup": 0.1,
        "clip": 1.0,
        "evaluate_every": 300,
        "dev_batch": 16,
        "precision": "float32",
        "frozen_layers": 0,
        "image_encoder": "not trained",
    },
)


class Tagger(nn.Module):
    """Relation graphs, gates and three attention blocks around a text encoder.

    Options: ``gate`` one of ``mner.models.relational.GATES`` for both branches, or ``{text: ..., image: ...}``;
    ``gate_tie`` one matrix for both of the gate's addends, ``inter`` / ``intra`` switch a relation off (its
    parameters are not made), ``norm`` divides a star's sum by its weights (``row``) or not (``none``),
    ``text_node`` is the inter star's centre. ``aggregate`` says how a star is summed (``relational.AGGREGATES``):
    over padded neighbours, or by PyTorch Geometric's message passing; the numbers are the same.

    With ``head: both`` the head reads the encoder's words beside the fused ones, so that every gate form,
    ``none_replace`` too, keeps the words apart and starts no worse than plain BERT-CRF; with ``fused`` it reads
    the fused ones alone. ``start`` is that of the three blocks. With ``inter_needs_picture`` a sentence without
    its own picture receives nothing from any picture, neighbours included; else from its text's neighbours.
    """

    def __init__(
        self,
        build: BuildContext,
        *,
        gate: str | Mapping[str, str] = "sigmoid",
        gate_tie: bool = False,
        inter: bool = True,
        intra: bool = True,
        norm: str = "row",
        text_node: str = "cls",
        dropout: float = 0.1,
        heads: int = 8,
        head: str = "both",
        start: str = "identity",
        inter_needs_picture: bool = True,
        aggregate: str = "dense",
    ) -> None:
        super().__init__()
        self.head, self.inter_needs_picture = one_of("head", head, HEADS), inter_needs_picture
        self.text_node = one_of("text_node", text_node, TEXT_NODES)
        self.encoder = build.encoder()
        text_size, visual_size = self.encoder.width, visual_size_of(build, CARD.name)
        self.inter = InterRelation(text_size, visual_size, norm, aggregate) if inter else None
        text_gate, image_gate = _gates(gate)
        self.inter_gate = make_gate(text_gate, text_size, gate_tie) if inter else None
        self.intra = IntraRelation(visual_size, norm, aggregate) if intra else None
        self.intra_gate = make_gate(image_gate, visual_size, gate_tie) if intra else None
        self.dropout = nn.Dropout(dropout)
        self.text_block = TransformerBlock(text_size, text_size, heads, dropout, start)
        self.image_block = TransformerBlock(visual_size, visual_size, heads, dropout, start)
        self.cross_block = TransformerBlock(text_size, visual_size, heads, dropout, start)
        self.output = nn.Linear(text_size, len(build.labels))

    def forward(self, batch: Batch) -> Emissions:
        image = given(batch.image, "image", CARD.name)
        has_picture = image.mask.any(-1)
        pieces = self.encoder.pieces(batch.text)
        text = first_piece_vectors(pieces, batch.text.first_piece)
        words = self.dropout(self._words(batch, pieces, text, has_picture))
        words = self.text_block(words, words, batch.word_mask)
        regions = self._regions(batch, image, has_picture)
        regions = self.image_block(regions, regions, image.mask)
        words = self.cross_block(words, regions, image.mask)
        return Emissions(self.output(text + words if self.head == "both" else words), batch.word_mask)

    def _words(
        self, batch: Batch, pieces: Tensor, text: Tensor, has_picture: Tensor
    ) -> Float[Tensor, "batch words text"]:
        """Words after the inter relation and its gate."""
        if self.inter is None or self.inter_gate is None:
            return text
        neighbours = given(batch.inter, "inter", CARD.name, "relations")
        if self.inter_needs_picture:
            neighbours = without(neighbours, has_picture)
        relation = self.inter(self._centre(pieces, text, batch.text), neighbours)
        return self.inter_gate(text, relation[:, None].expand_as(text))

    def _regions(self, batch: Batch, image: Visual, has_picture: Tensor) -> Float[Tensor, "batch regions visual"]:
        """Regions after the intra relation and its gate."""
        if self.intra is None or self.intra_gate is None:
            return image.regions
        neighbours = without(given(batch.intra, "intra", CARD.name, "relations"), has_picture)
        return self.intra_gate(image.regions, self.intra(image, neighbours))

    def _centre(self, pieces: Tensor, words: Tensor, text: TextInput) -> Float[Tensor, "batch text"]:
        if self.text_node == "cls":
            return pieces[:, 0]
        return masked_mean(words, text.first_piece >= 0)


def _gates(gate: str | Mapping[str, str]) -> tuple[str, str]:
    """The forms of the text's and of the picture's gate."""
    if isinstance(gate, str):
        return gate, gate
    if set(gate) != {"text", "image"}:
        raise ContractError(
            f"gate {dict(gate)}: give one form for both branches, or one for text and one for image"
        )
    return gate["text"], gate["image"]
