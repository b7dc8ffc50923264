"""A graph layer over a sentence's words and its picture's objects, whose edges carry gates in place of attention.

Source: UMGF (Zhang et al., AAAI 2021), layer equations 3a to 3f of golden/README.md 4. Words and objects first
attend to their own kind, then exchange gated sums at the same time, then pass a feed-forward net; every step is
added to its input and normalised. An object that no link reaches adds exactly nothing.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mner.data.batch import Visual
from mner.models.attention import MultiHeadAttention, check_heads, join_heads, split_heads


class ObjectAttention(nn.Module):
    """Self-attention whose values are the objects themselves: no value and no output projection (3b)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)

    def forward(
        self, objects: Float[Tensor, "batch objects width"], mask: Bool[Tensor, "batch objects"]
    ) -> Float[Tensor, "batch objects width"]:
        present = mask.any(-1)
        attended = F.scaled_dot_product_attention(
            split_heads(self.query(objects), self.heads),
            split_heads(self.key(objects), self.heads),
            split_heads(objects, self.heads),
            attn_mask=(mask | ~present[:, None])[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        return join_heads(attended) * present[:, None, None].to(objects.dtype)


class PairGate(nn.Module):
    """``sigmoid(W [word ; object] + b)`` for every pair; each half of W is applied before the pairs are formed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * width, width)

    def forward(
        self, words: Float[Tensor, "batch words width"], objects: Float[Tensor, "batch objects width"]
    ) -> Float[Tensor, "batch words objects width"]:
        of_word, of_object = self.linear.weight.chunk(2, dim=1)
        word_part, object_part = F.linear(words, of_word, self.linear.bias), F.linear(objects, of_object)
        return torch.sigmoid(word_part[:, :, None] + object_part[:, None])


class GatedExchange(nn.Module):
    """What objects tell words and words tell objects: gated sums over links, no softmax (3c, 3d)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_words = PairGate(width)
        self.to_objects = PairGate(width)

    def forward(
        self,
        words: Float[Tensor, "batch words width"],
        objects: Float[Tensor, "batch objects width"],
        links: Bool[Tensor, "batch words objects"],
    ) -> tuple[Float[Tensor, "batch words width"], Float[Tensor, "batch objects width"]]:
        to_words = self.to_words(words, objects) * links[..., None].to(words.dtype)
        to_objects = self.to_objects(words, objects) * links[..., None].to(words.dtype)
        return (to_words * objects[:, None]).sum(2), (to_objects * words[:, :, None]).sum(1)


class GatedGraphLayer(nn.Module):
    """One fusion layer; linear maps start Glorot-uniform with zero biases.

    ``same_start`` lets queries and keys of either self-attention start equal, as the published code does.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float, same_start: bool) -> None:
        super().__init__()
        self.word_attention = MultiHeadAttention(width, width, heads, dropout)
        self.object_attention = ObjectAttention(width, heads, dropout)
        self.exchange = GatedExchange(width)
        self.word_feedforward = _feedforward(width, inner)
        self.object_feedforward = _feedforward(width, inner)
        self.word_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.object_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        start_glorot(self)
        if same_start:
            for attention in (self.word_attention, self.object_attention):
                attention.key.load_state_dict(attention.query.state_dict())

    def forward(
        self,
        words: Float[Tensor, "batch words width"],
        objects: Float[Tensor, "batch objects width"],
        word_mask: Bool[Tensor, "batch words"],
        object_mask: Bool[Tensor, "batch objects"],
        links: Bool[Tensor, "batch words objects"],
    ) -> tuple[Float[Tensor, "batch words width"], Float[Tensor, "batch objects width"]]:
        words = self._added(self.word_norms[0], words, self.word_attention(words, words, word_mask))
        objects = self._added(self.object_norms[0], objects, self.object_attention(objects, object_mask))
        to_words, to_objects = self.exchange(words, objects, links)
        words = self._added(self.word_norms[1], words, to_words)
        objects = self._added(self.object_norms[1], objects, to_objects)
        words = self._added(self.word_norms[2], words, self.word_feedforward(words))
        return words, self._added(self.object_norms[2], objects, self.object_feedforward(objects))

    def _added(self, norm: nn.Module, states: Tensor, branch: Tensor) -> Tensor:
        return norm(states + self.dropout(branch))


def start_glorot(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases for every linear map of ``module``."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)


def pooled_regions(image: Visual, nodes: int) -> Visual:
    """At most ``nodes`` nodes a picture: means over consecutive, near-equal runs of its real regions.

    A picture of fewer regions keeps them as they are; one without regions has no node.
    """
    count = image.mask.sum(-1, keepdim=True)
    kept = count.clamp(max=nodes)
    position = image.mask.cumsum(-1) - 1
    run = torch.div(position * kept, count.clamp(min=1), rounding_mode="floor")
    node = torch.arange(nodes, device=run.device)
    belongs = (run[:, None] == node[:, None]) & image.mask[:, None]
    weight = belongs.to(image.regions.dtype)
    total = torch.einsum("bnr,brd->bnd", weight, image.regions)
    return Visual(total / weight.sum(-1, keepdim=True).clamp(min=1), node < kept)


def first_regions(image: Visual, nodes: int) -> Visual:
    """The first ``nodes`` regions of each picture as they are: for stores whose regions come best first."""
    return Visual(image.regions[:, :nodes], image.mask[:, :nodes])


def _feedforward(width: int, inner: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))
