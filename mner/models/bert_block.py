"""BERT's transformer layer with a choice of what is asked: self-attention, or one sequence over another.

Post-norm, residual on the queries in both cases (Devlin et al. 2019; golden/README.md 2, "Block"). Where there is
nothing to attend to, attention adds exactly nothing and the layer is a feed-forward layer on its queries.
"""

from __future__ import annotations

from typing import Protocol

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mner.models.attention import MultiHeadAttention

INITIAL_DEVIATION = 0.02


class BertSizes(Protocol):
    """The part of a BERT configuration that one of its layers needs."""

    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    layer_norm_eps: float


class BertBlock(nn.Module):
    """``y = LN(q + drop(attend(q, k)))``, then ``LN(y + drop(W2 gelu(W1 y)))``; self-attention is ``(x, x)``.

    ``sizes`` is the configuration of the encoder it stands on. Weights start as BERT's: normal, deviation 0.02,
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
