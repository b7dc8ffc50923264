"""The regime of the released programs: every batch padded to a fixed length, sentences unsorted, float32."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch.nn import functional as F

from mner.data.batch import Batch, TextInput


@dataclass(frozen=True, slots=True)
class ReleasedProgram:
    """A published program's fixed length and its measured speed on 2 CPU cores, in sentences per second.

    Measured at BERT-base size, float32, batches of 16, features read from memory; UMT's with the authors' PyTorch
    code, R-GCN's with their TensorFlow graph (golden/R_GCN.md 8).
    """

    title: str
    pieces: int
    training: float
    inference: float


RELEASED = {
    "umt": ReleasedProgram("UMT", 128, 1.7, 6.5),
    "rgcn": ReleasedProgram("R-GCN", 98, 3.2, 8.3),
    "rgcn-released": ReleasedProgram("R-GCN", 98, 3.2, 8.3),
}
ANCHOR_THREADS = 2


def padded(batch: Batch, pieces: int) -> Batch:
    """The batch with its word pieces and its words padded to ``pieces`` positions, as the programs tag them."""
    missing = pieces - batch.word_mask.shape[1]
    return replace(
        batch,
        word_mask=F.pad(batch.word_mask, (0, missing)),
        tags=None if batch.tags is None else F.pad(batch.tags, (0, missing)),
        text=_padded_text(batch.text, pieces),
        cross=None if batch.cross is None else _padded_text(batch.cross, pieces),
    )


def _padded_text(text: TextInput, pieces: int) -> TextInput:
    missing = pieces - text.input_ids.shape[1]
    if missing < 0:
        raise ValueError(f"a batch of {text.input_ids.shape[1]} pieces does not fit the released {pieces}")
    return replace(
        text,
        input_ids=F.pad(text.input_ids, (0, missing)),
        attention_mask=F.pad(text.attention_mask, (0, missing)),
        first_piece=F.pad(text.first_piece, (0, pieces - text.first_piece.shape[1]), value=-1),
    )
