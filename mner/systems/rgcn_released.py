"""R-GCN as its published code computes it (variant ``released``), quirk by quirk.

Equation and quirk numbers are those of golden/R_GCN.md, sections 3 and 4; ``mner parity rgcn`` proves this file
against the authors' numbers. Word pieces, the tag X and a CRF without start and end scores stay in here.
Parameter names avoid "bias" and "LayerNorm" exactly where the code's weight decay does not skip them, so that
``BertAdam`` on these names decays what the code decays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mner.data.batch import Batch, Neighbours, TextInput, Visual
from mner.models.attention import check_heads, join_heads, split_heads
from mner.models.cards import Card, ContractError
from mner.models.decoders import ChainScores, log_partition, path_score, viterbi
from mner.models.relational import SigmoidGate
from mner.models.system import BuildContext, given, visual_size_of
from mner.systems import rgcn

CONTINUATION = "X"
MASKED_SCORE = float(1 - 2**32)
BLOCK_NORM_EPSILON = 1e-8

CARD = Card(
    name="rgcn-released",
    version=1,
    title="R-GCN (released code)",
    cite=rgcn.CARD.cite,
    needs=("regions", "relations"),
    decoder="own",
    published=rgcn.CARD.published,
    variants=rgcn.CARD.variants,
    caveats=(
        "the published text-image lists do not go with the tweets they stand beside (reports/graphs.md)",
        "the layout of the unpublished feature files; neighbour-major is assumed (Q15)",
        "the depth of the ResNet behind the 7×7×2048 grids",
        "what the recipe below does not say of training is ours: the encoder's GELU, the clip norm of summed "
        "gradients (Q12); the code has tanh GELU, a norm over single look-ups of pieces",
        "dev F1 is the mean over batches of 16, as published, but of words, in the order of the file and without "
        "dropout; the code has subwords, another order each time, and dropout on",
        "dev is evaluated every 300 updates, as published, and also at the end of each epoch",
    ),
    published_recipe=rgcn.CARD.published_recipe,
)


@dataclass(frozen=True, slots=True)
class GraphTrace:
    """One relation graph (3.3): after bias, ReLU and regrouping; and its mean Z."""

    regrouped: Float[Tensor, "batch regions k visual"]
    mean: Float[Tensor, "batch regions visual"]


@dataclass(frozen=True, slots=True)
class BlockTrace:
    """One attention block (3.6): before its norm, after it, after the two dense layers."""

    residual_sum: Float[Tensor, "batch length width"]
    normed: Float[Tensor, "batch length width"]
    out: Float[Tensor, "batch length width"]


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything section 3 names, for all L = 2R padded positions; ``mask`` is True on real word pieces."""

    mask: Bool[Tensor, "batch pieces"]
    hidden: Float[Tensor, "batch pieces text"]
    inter: GraphTrace
    projected: Float[Tensor, "batch pieces text"]
    inter_gate: Float[Tensor, "batch pieces text"]
    words: Float[Tensor, "batch pieces text"]
    intra: GraphTrace
    intra_gate: Float[Tensor, "batch regions visual"]
    regions: Float[Tensor, "batch regions visual"]
    self_text: BlockTrace
    self_image: BlockTrace
    cross: BlockTrace
    emissions: Float[Tensor, "batch pieces labels"]


def star_adjacency(scores: Float[Tensor, "batch k"]) -> Float[Tensor, "batch k k"]:
    """Identity with row 0 and column 0 overwritten by the scores, the corner included (3.2; Q1, Q2)."""
    adjacency = torch.eye(scores.shape[1], dtype=scores.dtype, device=scores.device).repeat(len(scores), 1, 1)
    adjacency[:, 0, :] = scores
    adjacency[:, :, 0] = scores
    return adjacency


def regroup(nodes: Float[Tensor, "batch k regions width"]) -> Float[Tensor, "batch regions k width"]:
    """Read the neighbour-major list of k·R rows in groups of k: consecutive regions, not neighbours (Q3)."""
    batch, k, regions, width = nodes.shape
    return nodes.reshape(batch, regions, k, width)


def deal_halves(regions: Float[Tensor, "batch regions width"]) -> Float[Tensor, "batch pieces half"]:
    """Piece t takes half t mod 2 of region t // 2 (3.4; Q4)."""
    batch, count, width = regions.shape
    return regions.reshape(batch, 2 * count, width // 2)


class StarConvolution(nn.Module):
    """``ReLU(A X W + b)`` over the k neighbours, then the mean over the quirk's groups (3.3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, width, bias=False)
        self.shift = nn.Parameter(torch.empty(width))
        nn.init.uniform_(self.projection.weight, -0.01, 0.01)
        nn.init.uniform_(self.shift, -0.01, 0.01)

    def forward(
        self, regions: Float[Tensor, "batch k regions width"], scores: Float[Tensor, "batch k"]
    ) -> GraphTrace:
        summed = torch.einsum("bnm,bmrd->bnrd", star_adjacency(scores), self.projection(regions))
        regrouped = regroup(F.relu(summed + self.shift))
        return GraphTrace(regrouped, regrouped.mean(2))


class AttentionBlock(nn.Module):
    """Attention with ReLU on query, key and value, and two dense layers without residual (3.6; Q6, Q7, Q8)."""

    def __init__(self, query_size: int, key_size: int, heads: int) -> None:
        super().__init__()
        check_heads(query_size, heads)
        self.heads = heads
        self.query = _glorot(query_size, query_size)
        self.key = _glorot(key_size, query_size)
        self.value = _glorot(key_size, query_size)
        self.gain = nn.Parameter(torch.ones(query_size))
        self.shift = nn.Parameter(torch.zeros(query_size))
        self.inner = _glorot(query_size, query_size)
        self.outer = _glorot(query_size, query_size)

    def forward(
        self,
        queries: Float[Tensor, "batch asking query_size"],
        sources: Float[Tensor, "batch asked key_size"],
    ) -> BlockTrace:
        residual_sum = self._attend(queries, sources) + queries
        normed = F.layer_norm(residual_sum, self.gain.shape, self.gain, self.shift, BLOCK_NORM_EPSILON)
        return BlockTrace(residual_sum, normed, self.outer(F.relu(self.inner(normed))))

    def _attend(self, queries: Tensor, sources: Tensor) -> Tensor:
        query = split_heads(F.relu(self.query(queries)), self.heads)
        key = split_heads(F.relu(self.key(sources)), self.heads)
        value = split_heads(F.relu(self.value(sources)), self.heads)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        scores = scores.masked_fill((sources.sum(-1) == 0)[:, None, None, :], MASKED_SCORE)
        attention = scores.softmax(-1).masked_fill((queries.sum(-1) == 0)[:, None, :, None], 0)
        return join_heads(attention @ value)


class Tagger(nn.Module):
    """The released network; every sentence is padded to L = 2 × ``regions`` word pieces.

    Fewer regions than ``regions`` are filled up with zeros, as are absent pictures. Gates and relations are always
    on. Sentences with more than L pieces, and pictures with more regions, are refused.
    """

    def __init__(self, build: BuildContext, *, regions: int = 49, dropout: float = 0.1, heads: int = 8) -> None:
        super().__init__()
        visual = visual_size_of(build, CARD.name)
        if visual % 2:
            raise ContractError(f"region vectors of odd width {visual} cannot be halved (Q4)")
        self.labels = (*build.labels, CONTINUATION)
        self.regions = regions
        self.encoder = build.encoder()
        # The code's embedding table learns from padding, too: padding is attended to after BERT (Q8).
        self.encoder.bert.get_input_embeddings().padding_idx = None
        text, labels = self.encoder.width, len(self.labels)
        self.inter = StarConvolution(visual)
        self.intra = StarConvolution(visual)
        self.image_to_text = nn.Linear(visual // 2, text, bias=False)
        self.inter_gate = SigmoidGate(text, tied=True)
        self.intra_gate = SigmoidGate(visual, tied=True)
        for linear in (self.image_to_text, self.inter_gate.of_states, self.intra_gate.of_states):
            nn.init.uniform_(linear.weight, -0.01, 0.01)
        self.dropout = nn.Dropout(dropout)
        self.self_text = AttentionBlock(text, text, heads)
        self.self_image = AttentionBlock(visual, visual, heads)
        self.cross = AttentionBlock(text, visual, heads)
        self.output = nn.Linear(text, labels, bias=False)
        self.output_shift = nn.Parameter(torch.zeros(labels))
        self.transitions = nn.Parameter(torch.empty(labels, labels))
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.xavier_uniform_(self.transitions)

    def forward(self, batch: Batch) -> Trace:
        """Equations 3.1 to 3.6 and the emissions of 3.7."""
        text = self._padded_text(batch)
        image = self._padded_image(batch.image)
        hidden = self.encoder.pieces(text)
        inter = self.inter(*self._padded_neighbours(batch.inter))
        projected = self.image_to_text(deal_halves(inter.mean))
        inter_gate = self.inter_gate.value(hidden, projected)
        words = self.dropout(hidden + inter_gate * projected)
        intra = self.intra(*self._padded_neighbours(batch.intra))
        intra_gate = self.intra_gate.value(image, intra.mean)
        regions = image + intra_gate * intra.mean
        self_text = self.self_text(words, words)
        self_image = self.self_image(regions, regions)
        cross = self.cross(self_text.out, self_image.out)
        emissions = self.output(cross.out) + self.output_shift
        return Trace(
            text.attention_mask, hidden, inter, projected, inter_gate, words, intra, intra_gate, regions,
            self_text, self_image, cross, emissions,
        )  # fmt: skip

    def chain(self) -> ChainScores:
        """The CRF's scores: transitions only (3.7)."""
        zeros = torch.zeros_like(self.output_shift)
        return ChainScores(zeros, self.transitions, zeros)

    def log_likelihood(
        self, trace: Trace, piece_tags: Int[Tensor, "batch pieces"]
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Path score and log partition of each sentence; their difference is its log-likelihood."""
        emissions = trace.emissions if trace.emissions.dtype == torch.float64 else trace.emissions.float()
        score = path_score(emissions, piece_tags, trace.mask, self.chain())
        return score, log_partition(emissions, trace.mask, self.chain())

    def loss(self, batch: Batch, decoder: None = None) -> Float[Tensor, ""]:
        """Mean over sentences of the negative log-likelihood of the piece tags, [CLS] and [SEP] included."""
        if batch.tags is None:
            raise ContractError("a batch without tags has no loss; the test split is blind")
        score, partition = self.log_likelihood(self(batch), self.piece_tags(batch))
        return (partition - score).mean()

    @torch.no_grad()
    def decode(self, batch: Batch, decoder: None = None) -> list[list[str]]:
        """Tags of words: their first piece's; O where that is X or the word has no piece."""
        trace = self(batch)
        paths, _ = viterbi(trace.emissions.float(), trace.mask, self.chain())
        outside = self.labels[0]
        decoded = []
        for words, first, path in zip(batch.words, batch.text.first_piece.tolist(), paths, strict=True):
            tags = [self.labels[path[piece]] if piece >= 0 else outside for piece in first[: len(words)]]
            decoded.append([outside if tag == CONTINUATION else tag for tag in tags])
        return decoded

    def piece_tags(self, batch: Batch) -> Int[Tensor, "batch pieces"]:
        """First pieces carry their word's tag, further pieces X; [CLS], [SEP] and padding are O (label 0)."""
        gold = given(batch.tags, "tags", CARD.name, "a loss")
        mask = self._padded_text(batch).attention_mask
        position = torch.arange(mask.shape[1], device=mask.device)
        inside = (position > 0) & (position < mask.sum(1, keepdim=True) - 1)
        tags = torch.where(inside, self.labels.index(CONTINUATION), 0)
        row, word = (batch.text.first_piece >= 0).nonzero(as_tuple=True)
        tags[row, batch.text.first_piece[row, word]] = gold[row, word]
        return tags

    def _padded_text(self, batch: Batch) -> TextInput:
        """The text at L pieces; cached states are dropped, for padding's own states matter here (Q8)."""
        length = 2 * self.regions
        pieces = batch.text.attention_mask.sum(1)
        if (pieces > length).any():
            row = int(pieces.argmax())
            raise ContractError(
                f"sentence {int(batch.index[row])} has {int(pieces[row])} word pieces, the released R-GCN holds "
                f"2 × regions = {length} (Q4): raise option 'regions'"
            )
        missing = length - batch.text.input_ids.shape[1]
        pad = self.encoder.bert.config.pad_token_id or 0
        return replace(
            batch.text,
            input_ids=F.pad(batch.text.input_ids, (0, missing), value=pad),
            attention_mask=F.pad(batch.text.attention_mask, (0, missing), value=False),
            states=None,
        )

    def _padded_image(self, image: Visual | None) -> Float[Tensor, "batch regions visual"]:
        image = given(image, "image", CARD.name)
        return self._padded(image.regions, image.mask)

    def _padded_neighbours(self, neighbours: Neighbours | None) -> tuple[Tensor, Tensor]:
        if neighbours is None:
            raise ContractError("rgcn-released needs batch.inter and batch.intra; its card asks for relations")
        return self._padded(neighbours.regions, neighbours.mask), neighbours.scores

    def _padded(
        self, regions: Float[Tensor, "*axes count visual"], mask: Bool[Tensor, "*axes count"]
    ) -> Float[Tensor, "*axes regions visual"]:
        if mask[..., self.regions :].any():
            most = int(mask.sum(-1).max())
            raise ContractError(f"a picture has {most} regions, option 'regions' allows {self.regions}: raise it")
        regions = regions * mask[..., None].to(regions.dtype)
        return F.pad(regions, (0, 0, 0, self.regions - regions.shape[-2]))


def _glorot(inputs: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
