"""An encoder's subword table cut to the rows that its data reads, and made whole again where weights are kept.

BERT's table is a fifth of its parameters, XLM-R's two thirds, and a data set of tweets reads a third of its
rows or less. The others get a gradient of zeros, which every update still sums, clips and adds. Without them
the forward pass is the same to the bit. The norm of all gradients is summed in another order, so a run differs
by rounding. AdamW's weight decay shrinks a row that is never read by ``learning rate * decay`` an update. A row
that was cut off comes back as it was pretrained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mner.models.encoder_places import EncoderError


class UsedSubwords(nn.Module):
    """Stands for an embedding table: takes the same ids, holds the rows of the used ones alone."""

    places: Tensor

    def __init__(self, table: nn.Embedding, used: Int[Tensor, " used"]) -> None:
        """Cut a table.

        Args:
            table: of the pretrained model; it is left as it is.
            used: ids that will be read, in any order and number; the padding id counts as one of them.

        Raises:
            EncoderError: the table scales its rows or their gradients, which this module does not.
        """
        super().__init__()
        if table.max_norm is not None or table.scale_grad_by_freq or table.sparse:
            raise EncoderError(f"{table} cannot be cut to the rows that are used; set subword_rows to all")
        self.padding_idx = table.padding_idx
        padding = [] if self.padding_idx is None else [self.padding_idx]
        self._rows = torch.unique(torch.cat([used.flatten(), torch.tensor(padding, dtype=used.dtype)]))
        self._pretrained = table.weight.detach()
        places = torch.full((table.num_embeddings,), -1, dtype=torch.long)
        places[self._rows] = torch.arange(len(self._rows))
        self._place_of_padding = None if self.padding_idx is None else int(places[self.padding_idx])
        self.register_buffer("places", places, persistent=False)
        rows = self._pretrained[self._rows].clone()
        self.weight = nn.Parameter(rows, requires_grad=table.weight.requires_grad)

    def forward(self, ids: Int[Tensor, "*axes"]) -> Float[Tensor, "*axes width"]:
        """Look rows up.

        Raises:
            IndexError: an id is not among the used ones (on a CPU; a GPU stops with an assertion).
        """
        padding = None if self.padding_idx is None else self._place_of_padding
        return F.embedding(self.places[ids], self.weight, padding_idx=padding)

    def whole(self, rows: Float[Tensor, "used width"]) -> Float[Tensor, "vocabulary width"]:
        """Put rows of this table back among the pretrained ones."""
        table = self._pretrained.clone()
        table[self._rows] = rows.to(table.dtype)
        return table


def keep_used_rows(encoder: Any, used: Int[Tensor, " used"]) -> Any:
    """Cut the subword table of a pretrained model of transformers; returns the model.

    Args:
        encoder: on the CPU, as it was loaded; its padding id counts as used.
        used: ids of all subwords that it will read.
    """
    padding = torch.tensor([encoder.config.pad_token_id or 0], dtype=used.dtype)
    encoder.set_input_embeddings(UsedSubwords(encoder.get_input_embeddings(), torch.cat([used, padding])))
    return encoder


def whole_tables(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a state in which every cut table of ``model`` has all its rows, as a model without cuts takes it.

    Args:
        model: whose modules tell which tables are cut.
        state: weights by name, such as those of its best epoch; not changed.
    """
    weights = dict(state)
    for name, module in model.named_modules():
        if isinstance(module, UsedSubwords) and f"{name}.weight" in weights:
            weights[f"{name}.weight"] = module.whole(weights[f"{name}.weight"])
    return weights
