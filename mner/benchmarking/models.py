"""Models of a wanted size with random weights: speed does not depend on what the weights are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import torch
from torch import nn

from mner.benchmarking.workload import VISUAL_WIDTH, Workload
from mner.config import Config
from mner.config.training_recipe import Recipe
from mner.data.corpus import LABELS
from mner.models.encoders import TextEncoder
from mner.models.system import Ingredients
from mner.training.model import Model, make_model

SIZES: Mapping[str, Mapping[str, int]] = {
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
) -> Model:
    """A system's model on ``device`` over a random encoder of the wanted size and pictures 2,048 wide."""
    words = {"train": tuple(sentence.words for sentence in workload.split.sentences)}
    ingredients = Ingredients(LABELS, lambda: TextEncoder(random_bert(size), frozen_layers), VISUAL_WIDTH, words)
    return make_model(module, ingredients, options).to(device)


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
