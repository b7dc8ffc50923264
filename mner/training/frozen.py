"""States of frozen lower layers, computed once per cell and shared by all its seeds and epochs."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from mner.data.batch import moved
from mner.data.pieces import PieceTable
from mner.models.encoders import TextEncoder


@torch.no_grad()
def lower_states(
    table: PieceTable, encoder: TextEncoder, *, batch_size: int, device: torch.device, precision: str, label: str
) -> Float[Tensor, "total width"]:
    """States of every piece after ``encoder``'s frozen layers, in the table's order, as bfloat16 or float32.

    Frozen layers run without dropout, so these are the very states training would compute again each time (in
    bfloat16 rounded once more).
    """
    encoder = encoder.to(device).eval()
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    states = torch.zeros(len(table.ids), encoder.width, dtype=dtype)
    order = np.argsort(-table.lengths(), kind="stable")
    with tqdm(total=len(order), desc=f"frozen layers, {label}", unit="sentence", leave=False, disable=None) as bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size].tolist()
            text = moved(table.rows(rows, max(len(table.first_piece[row]) for row in rows)), device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                batch = encoder.lower(text)
            for slot, row in enumerate(rows):
                begin, end = int(table.offsets[row]), int(table.offsets[row + 1])
                states[begin:end] = batch[slot, : end - begin].to("cpu", dtype)
            bar.update(len(rows))
    return states
