"""Text encoders: pretrained transformers whose lower layers may be frozen and their states cached.

Subwords live here and in batching only; what leaves :meth:`TextEncoder.forward` is one vector a word.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from torch import Tensor, nn

from mner.base.files import cached_sha256_of
from mner.config.schema import EncoderSource
from mner.data.batch import TextInput
from mner.models.encoder_places import EncoderError, fingerprint_of, location_of
from mner.models.encoder_stacks import LayerStack, stack_of, supported_attention
from mner.models.word_tokenizers import WordTokenizer, loses_blanks

POSITIONS_BEHIND_PADDING = (
    *("camembert", "data2vec-text", "ibert", "longformer", "roberta", "roberta-prelayernorm"),
    *("xlm-roberta", "xlm-roberta-xl", "xmod"),
)
"""Values of ``config.model_type`` whose first subword has the position behind ``pad_token_id``."""


def extraction_fingerprint_of(source: EncoderSource) -> str:
    """What feature and graph files say of the encoder that made them: of a package, the hash of its weights.

    A package's version fixes its other files, and files that were made before keep their bytes.
    """
    weights = Path(location_of(source)) / "model.safetensors"
    of_package = source.package is not None and source.normalise is None and weights.is_file()
    return cached_sha256_of(weights) if of_package else fingerprint_of(source)


def pretrained_model(source: EncoderSource) -> Any:
    """Load the pretrained model in float32 (PyTorch's attention where its class has it, no pooler).

    Raises:
        EncoderError: neither installed nor reachable, or no model of text that transformers knows.
    """
    from transformers import MODEL_MAPPING, AutoModel

    config = encoder_config(source)
    options: dict[str, Any] = {"attn_implementation": supported_attention(config), "dtype": torch.float32}
    known: Any = MODEL_MAPPING.get(type(config), None)
    if known is not None and "add_pooling_layer" in inspect.signature(known.__init__).parameters:
        options["add_pooling_layer"] = False
    if _holds_only_pickled_weights(source):
        return load_pretrained(source, AutoModel, use_safetensors=False, **options)
    try:
        return load_pretrained(source, AutoModel, use_safetensors=True, **options)
    except EncoderError:
        if source.hub is None or source.is_folder:
            raise
    # An older model of the hub, such as BERTweet; torch reads its file without running code from it.
    return load_pretrained(source, AutoModel, use_safetensors=False, **options)


def encoder_config(source: EncoderSource) -> Any:
    """Load the configuration alone.

    Raises:
        EncoderError: neither installed nor reachable.
    """
    from transformers import AutoConfig

    return load_pretrained(source, AutoConfig)


def longest_input(source: EncoderSource) -> int:
    """Count the positions an encoder has, in subwords, special ones included.

    Raises:
        EncoderError: its configuration states no limit.
    """
    config = encoder_config(source)
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        raise EncoderError(
            f"encoder {source.name}: {config.model_type} states no number of positions (max_position_embeddings); "
            "choose an encoder like BERT, whose input has a length"
        )
    return positions - _reserved_positions(config)


def _reserved_positions(config: Any) -> int:
    """Count the positions that no subword gets: RoBERTa and its kin number them behind the padding index."""
    if config.model_type == "mpnet":
        return 2  # its padding index is 1 whatever its configuration says
    return config.pad_token_id + 1 if config.model_type in POSITIONS_BEHIND_PADDING else 0


def tokenizer_of(source: EncoderSource) -> Any:
    """Load the model's own tokenizer; a word that it splits alone keeps the blank before it.

    Raises:
        EncoderError: neither installed nor reachable.
    """
    from transformers import AutoTokenizer

    tokenizer = load_pretrained(source, AutoTokenizer)
    blanks = loses_blanks(tokenizer)
    if blanks:
        tokenizer = load_pretrained(source, AutoTokenizer, add_prefix_space=True)
        blanks = loses_blanks(tokenizer)
    if blanks or source.normalise is not None:
        return WordTokenizer(tokenizer, blanks=blanks, normalise=source.normalise is not None)
    return tokenizer


def load_pretrained(source: EncoderSource, factory: Any, **options: Any) -> Any:
    """What a factory of transformers (a model, a configuration, a tokenizer) makes of a source.

    Raises:
        EncoderError: neither installed nor reachable, or made of files that transformers cannot read.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    if source.revision is not None:
        options["revision"] = source.revision
    location = location_of(source)
    try:
        return factory.from_pretrained(location, **options)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if Path(location).is_dir():
            raise EncoderError(
                f"encoder {source.name}: {factory.__name__} cannot read the folder {location}; it takes files "
                f"that save_pretrained of model and tokenizer wrote. Reason: {reason}"
            ) from error
        raise EncoderError(
            f"encoder {source.name} ({source.describe()}) is not available and its hub cannot be reached: choose "
            "encoder 'minilm' in params.yaml, which installs with the project, or fill the hub's cache on "
            f"a machine with access. Reason: {reason}"
        ) from error


def _holds_only_pickled_weights(source: EncoderSource) -> bool:
    folder = Path(location_of(source))
    return folder.is_dir() and not any(folder.glob("*.safetensors")) and any(folder.glob("pytorch_model*.bin"))


class TextEncoder(nn.Module):
    """A transformer, last layer, first-subword pooling (ITA and UMT use the same; golden/ita/ITA.md 5).

    With ``frozen_layers`` k > 0 the embeddings and the first k layers are not trained and run without dropout,
    so their output depends on the input alone and may be cached (``TextInput.states``).
    """

    bert: Any  # a model of transformers, which ships no types

    def __init__(self, bert: Any, frozen_layers: int = 0) -> None:
        super().__init__()
        self._stack = stack_of(bert)
        if not 0 <= frozen_layers <= self._stack.depth:
            raise EncoderError(f"frozen_layers is {frozen_layers}; the encoder has {self._stack.depth} layers")
        wanted = supported_attention(bert.config)
        if bert.config._attn_implementation != wanted:
            raise EncoderError(f"the encoder must be loaded with attn_implementation={wanted!r}")
        self.bert = bert
        self.frozen_layers = frozen_layers
        self.width: int = bert.config.hidden_size
        self._frozen = tuple(self._stack.frozen_parts(frozen_layers)) if frozen_layers else ()
        for part in self._frozen:
            part.requires_grad_(False)

    @property
    def is_stack(self) -> bool:
        """Whether its layers can be called one by one, as BERT's (``bert.encoder.layer``)."""
        return isinstance(self._stack, LayerStack)

    def train(self, mode: bool = True) -> TextEncoder:
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def lower(self, text: TextInput) -> Float[Tensor, "batch pieces width"]:
        """States after the embeddings and the frozen layers."""
        return self._stack.below(text, self.frozen_layers)

    def pieces(self, text: TextInput) -> Float[Tensor, "batch pieces width"]:
        """Last-layer states of every subword; padded keys are never attended to."""
        if text.states is not None:
            return self._stack.above(text.states.to(self.bert.dtype), text, self.frozen_layers)
        if not self.frozen_layers:
            return self._stack.whole(text)
        with torch.no_grad():
            states = self.lower(text)
        return self._stack.above(states, text, self.frozen_layers)

    def upper(self, text: TextInput) -> tuple[Tensor, Tensor]:
        """Give the states of every subword after the last layer but one, and after the last."""
        return self._stack.upper(text)

    def forward(self, text: TextInput) -> Float[Tensor, "batch words width"]:
        """One vector a word: its first subword, or zero for words without one."""
        return first_piece_vectors(self.pieces(text), text.first_piece)


def first_piece_vectors(
    pieces: Float[Tensor, "batch pieces width"], first_piece: Int[Tensor, "batch words"]
) -> Float[Tensor, "batch words width"]:
    """Pick each word's first piece; position -1 gives the zero vector (golden/ita/ITA.md 5)."""
    index = first_piece.clamp(min=0)[..., None].expand(-1, -1, pieces.shape[-1])
    present: Bool[Tensor, "batch words 1"] = (first_piece >= 0)[..., None]
    return pieces.gather(1, index) * present.to(pieces.dtype)
