"""Masked multi-head attention, and the transformer layers around it.

A sentence may have no key at all (no picture): its attention output is exactly zero, never NaN.

Post-norm, residual on the queries in both cases (Devlin et al. 2019; golden/README.md 2, "Block"). Where there is
nothing to attend to, attention adds exactly nothing and the layer is a feed-forward layer on its queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mner.models.cards import ContractError
from mner.models.system import one_of

FEEDFORWARD_FACTOR = 4
STARTS = ("identity", "glorot")


def split_heads(
    states: Float[Tensor, "batch length width"], heads: int
) -> Float[Tensor, "batch heads length part"]:
    """Cut the last axis into consecutive parts, one a head."""
    return states.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(states: Float[Tensor, "batch heads length part"]) -> Float[Tensor, "batch length width"]:
    """Inverse of :func:`split_heads`."""
    return states.transpose(1, 2).flatten(-2)


def check_heads(width: int, heads: int) -> None:
    """Raises ContractError where ``heads`` does not divide ``width``."""
    if heads < 1 or width % heads:
        raise ContractError(f"{heads} attention heads do not divide a width of {width}; change option 'heads'")


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention of ``queries`` over ``keys``, whose widths may differ.

    The output projection starts at zero, so that a new block leaves a pretrained residual stream untouched until
    training finds a use for it; the other projections start Glorot-uniform.
    """

    def __init__(self, query_size: int, key_size: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        check_heads(query_size, heads)
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(query_size, query_size)
        self.key = nn.Linear(key_size, query_size)
        self.value = nn.Linear(key_size, query_size)
        self.output = nn.Linear(query_size, query_size)
        for projection in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(
        self,
        queries: Float[Tensor, "batch asking query_size"],
        keys: Float[Tensor, "batch asked key_size"],
        key_mask: Bool[Tensor, "batch asked"],
    ) -> Float[Tensor, "batch asking query_size"]:
        answerable = key_mask.any(-1)
        visible = key_mask | ~answerable[:, None]
        attended = F.scaled_dot_product_attention(
            split_heads(self.query(queries), self.heads),
            split_heads(self.key(keys), self.heads),
            split_heads(self.value(keys), self.heads),
            attn_mask=visible[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(join_heads(attended)) * answerable[:, None, None].to(queries.dtype)


class TransformerBlock(nn.Module):
    """Pre-norm transformer layer: ``q + attention(norm(q), norm(k))``, then ``+ feedforward(norm(.))``.

    Self-attention is ``block(x, x, mask)``. Used where a paper says "transformer layer" and nothing more.
    ``start`` is one of ``STARTS``: with ``identity`` both branches start at zero, so that a fresh block changes
    nothing and, until its output projections have moved, lets no gradient through to ``keys``; with ``glorot``
    the output projections start Glorot-uniform like the others.
    """

    def __init__(
        self, query_size: int, key_size: int, heads: int, dropout: float = 0.0, start: str = "identity"
    ) -> None:
        super().__init__()
        one_of("start", start, STARTS)
        self.query_norm = nn.LayerNorm(query_size)
        self.key_norm = nn.LayerNorm(key_size)
        self.attention = MultiHeadAttention(query_size, key_size, heads, dropout)
        self.feedforward_norm = nn.LayerNorm(query_size)
        self.inner = nn.Linear(query_size, FEEDFORWARD_FACTOR * query_size)
        self.outer = nn.Linear(FEEDFORWARD_FACTOR * query_size, query_size)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.inner.weight)
        nn.init.zeros_(self.inner.bias)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        if start == "glorot":
            for last in (self.attention.output, self.outer):
                nn.init.xavier_uniform_(last.weight)

    def forward(
        self,
        queries: Float[Tensor, "batch asking query_size"],
        keys: Float[Tensor, "batch asked key_size"],
        key_mask: Bool[Tensor, "batch asked"],
    ) -> Float[Tensor, "batch asking query_size"]:
        attended = self.attention(self.query_norm(queries), self.key_norm(keys), key_mask)
        states = queries + self.dropout(attended)
        return states + self.dropout(self.outer(F.gelu(self.inner(self.feedforward_norm(states)))))


INITIAL_DEVIATION = 0.02


@dataclass(frozen=True, slots=True)
class BertSizes:
    """The part of an encoder's configuration that a layer of its size needs."""

    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    layer_norm_eps: float

    @classmethod
    def of(cls, config: Any) -> BertSizes:
        """Read a configuration of transformers; DistilBERT and ModernBERT name or fix two of the sizes."""
        inner = getattr(config, "intermediate_size", getattr(config, "hidden_dim", 4 * config.hidden_size))
        epsilon = getattr(config, "layer_norm_eps", getattr(config, "norm_eps", 1e-12))
        return cls(config.hidden_size, config.num_attention_heads, inner, epsilon)


class BertBlock(nn.Module):
    """``y = LN(q + drop(attend(q, k)))``, then ``LN(y + drop(W2 gelu(W1 y)))``; self-attention is ``(x, x)``.

    ``sizes`` are those of the encoder it stands on. Weights start as BERT's: normal, deviation 0.02,
    biases at zero. GELU is the exact form.
    """

    def __init__(self, sizes: BertSizes, dropout: float) -> None:
        super().__init__()
        width = sizes.hidden_size
        self.attention = MultiHeadAttention(width, width, sizes.num_attention_heads, dropout)
        self.attention_norm = nn.LayerNorm(width, eps=sizes.layer_norm_eps)
        self.inner = nn.Linear(width, sizes.intermediate_size)
        self.outer = nn.Linear(sizes.intermediate_size, width)
        self.output_norm = nn.LayerNorm(width, eps=sizes.layer_norm_eps)
        self.dropout = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=INITIAL_DEVIATION)
                nn.init.zeros_(module.bias)

    def forward(
        self,
        queries: Float[Tensor, "batch asking width"],
        keys: Float[Tensor, "batch asked width"],
        key_mask: Bool[Tensor, "batch asked"],
    ) -> Float[Tensor, "batch asking width"]:
        attended = self.dropout(self.attention(queries, keys, key_mask))
        states = self.attention_norm(queries + attended)
        return self.output_norm(states + self.dropout(self.outer(F.gelu(self.inner(states)))))
