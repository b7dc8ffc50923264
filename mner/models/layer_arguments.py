"""What a transformer's layers are called with, where architectures differ: attention, masks, relative positions.

BERT and RoBERTa take a mask of booleans through PyTorch's attention. MPNet (Song et al. 2020) computes its own
attention: it takes an additive mask, and one bias of relative positions that all its layers share.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def supported_attention(config) -> str:
    """Name the attention that a model is loaded with: ``sdpa`` where its class has it, else ``eager``."""
    return "eager" if config.model_type == "mpnet" else "sdpa"


def relative_bias_table(bert: nn.Module) -> nn.Module | None:
    """Give the table of relative positions that all layers share; None where the encoder has none."""
    return getattr(bert.encoder, "relative_attention_bias", None)


def layer_arguments(
    bert: nn.Module, states: Float[Tensor, "batch pieces width"], attention_mask: Bool[Tensor, "batch pieces"]
) -> tuple[Tensor, ...]:
    """Give what each layer takes behind the states; padded keys are never attended to."""
    visible = attention_mask[:, None, None, :].expand(-1, 1, attention_mask.shape[1], -1)
    if relative_bias_table(bert) is None:
        return (visible,)
    hidden = torch.zeros((), dtype=states.dtype, device=states.device).expand(visible.shape)
    additive = hidden.masked_fill(~visible, torch.finfo(states.dtype).min)
    # One row: the bias depends on places alone and is added to all sentences alike.
    return additive, bert.encoder.compute_position_bias(states[:1])
