"""Say before any training whether an encoder can be used, from its configuration, tokenizer and file names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mner.config.schema import EncoderSource
from mner.models.encoder_stacks import EncoderError
from mner.models.encoders import encoder_config, location_of, longest_input, tokenizer_of
from mner.models.word_tokenizers import loses_blanks

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def check_encoder(source: EncoderSource, frozen_layers: int = 0) -> None:
    """Refuse what would fail, or compute something else, in the first run.

    Args:
        source: the encoder's entry in params.yaml.
        frozen_layers: how many of its layers a recipe freezes.

    Raises:
        EncoderError: the encoder is absent, is no encoder of text, or cannot freeze its layers.
    """
    config = encoder_config(source)
    _check_architecture(source, config)
    _check_frozen_layers(source, config, frozen_layers)
    longest_input(source)
    _check_tokenizer(source, config)
    folder = Path(location_of(source))
    if folder.is_dir() and not any(path for pattern in WEIGHTS for path in folder.glob(pattern)):
        raise EncoderError(f"encoder {source.name}: {folder} holds no weights; expected {' or '.join(WEIGHTS)}")


def _check_architecture(source: EncoderSource, config: Any) -> None:
    # Its names alone: looking a class up in MODEL_MAPPING imports the model, which takes longer than the plan.
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    kind = config.model_type
    if kind not in MODEL_MAPPING_NAMES:
        raise EncoderError(f"encoder {source.name}: transformers has no model class for {kind!r} alone")
    if config.is_encoder_decoder or getattr(config, "is_decoder", False):
        raise EncoderError(
            f"encoder {source.name}: {kind} writes text; choose a model that only reads it, such as BERT"
        )
    missing = [part for part in ("hidden_size", "num_hidden_layers", "vocab_size") if not hasattr(config, part)]
    if missing:
        raise EncoderError(
            f"encoder {source.name}: {kind} is no encoder of text alone (its configuration has no "
            f"{' and no '.join(missing)}); choose one such as BERT"
        )


def _check_frozen_layers(source: EncoderSource, config: Any, frozen_layers: int) -> None:
    if frozen_layers > config.num_hidden_layers:
        raise EncoderError(
            f"encoder {source.name}: frozen_layers is {frozen_layers}; it has {config.num_hidden_layers} layers"
        )
    if frozen_layers and hasattr(config, "num_hidden_groups"):
        raise EncoderError(
            f"encoder {source.name}: the layers of {config.model_type} share their weights, so that single layers "
            "cannot be frozen; set frozen_layers to 0"
        )


def _check_tokenizer(source: EncoderSource, config: Any) -> None:
    tokenizer = tokenizer_of(source)
    missing = [name for name in ("cls", "sep", "pad") if getattr(tokenizer, f"{name}_token_id") is None]
    if missing:
        raise EncoderError(
            f"encoder {source.name}: its tokenizer has no {' and no '.join(missing)} token "
            "(an input is [CLS] words [SEP])"
        )
    if len(tokenizer) > config.vocab_size:
        raise EncoderError(
            f"encoder {source.name}: its tokenizer knows {len(tokenizer):,} subwords, its model "
            f"{config.vocab_size:,}; they do not belong together"
        )
    if loses_blanks(tokenizer):
        raise EncoderError(
            f"encoder {source.name}: its tokenizer splits a word alone otherwise than in a sentence, and "
            "add_prefix_space does not mend it"
        )
