"""Models to measure, at a size of choice, and the regime of the released programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mner.benchmarking.workload import VISUAL_WIDTH, Workload
from mner.config import Config
from mner.config.training_recipe import Recipe
from mner.data.batch import Batch, TextInput
from mner.data.corpus import LABELS
from mner.models.encoders import TextEncoder
from mner.models.model import Model, make_model
from mner.models.system import BuildContext
from mner.models.used_subwords import keep_used_rows

SIZES: Mapping[str, Mapping[str, Any]] = {
    "tiny": {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "intermediate_size": 128,
        "max_position_embeddings": 256,
    },
    "minilm": {
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
        "max_position_embeddings": 512,
    },
    "bert-base": {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 512,
    },
}
VOCABULARY = 30522


def random_bert(size: str) -> nn.Module:
    """A BERT of one of ``SIZES`` (vocabulary 30,522, dropout 0.1), as a pretrained one is loaded."""
    from transformers import AutoModel, BertConfig

    config = BertConfig(vocab_size=VOCABULARY, **SIZES[size])
    return AutoModel.from_config(config, attn_implementation="sdpa", add_pooling_layer=False)


def build_model(
    module: ModuleType,
    options: Mapping[str, Any],
    workload: Workload,
    size: str,
    device: torch.device,
    frozen_layers: int = 0,
    used: torch.Tensor | None = None,
) -> Model:
    """A system's model on ``device`` over a random encoder of the wanted size and pictures 2,048 wide.

    ``used`` are the ids that its subword table keeps; None keeps all.
    """

    def encoder() -> TextEncoder:
        bert = random_bert(size)
        return TextEncoder(bert if used is None else keep_used_rows(bert, used), frozen_layers)

    words = {"train": tuple(sentence.words for sentence in workload.split.sentences)}
    build = BuildContext(LABELS, encoder, VISUAL_WIDTH, words)
    return make_model(module, build, options).to(device)


def speed_recipe(config: Config, system: str, precision: str = "auto") -> Recipe:
    """A row's recipe with everything that decides speed as the published programs have it: batches of 16, every
    layer trained; ``precision`` is ours to choose."""
    return replace(
        config.recipe_of(system),
        batch_size=16,
        frozen_layers=0,
        train_sentences=None,
        precision=precision,
        evaluation_batch_size=64,
    )


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
