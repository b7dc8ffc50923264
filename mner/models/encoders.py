"""Text encoders: pretrained transformers whose lower layers may be frozen and their states cached.

Word pieces live here and in batching only; what leaves :meth:`TextEncoder.forward` is one vector a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mner.base.files import cached_sha256_of, sha256_of_folder, sha256_of_json
from mner.config.schema import EncoderSource
from mner.data.batch import TextInput
from mner.models.encoder_places import EncoderError, location_of
from mner.models.layer_arguments import layer_arguments, relative_bias_table, supported_attention


def fingerprint_of(source: EncoderSource) -> str:
    """SHA-256 of all files of the encoder: weights, whole or in shards, configuration and tokenizer.

    Notes for readers (Markdown) and hidden files are left out. Of an encoder that the hub keeps it is that of
    name and revision: a commit fixes its files.

    Raises:
        EncoderError: the package is not installed, or the folder is not there.
    """
    folder = Path(location_of(source))
    if folder.is_dir():
        return sha256_of_folder(folder, _makes_an_encoder)
    if source.package is not None or source.is_folder:
        raise EncoderError(f"encoder {source.name}: {folder} is no folder; correct its source in params.yaml")
    return sha256_of_json([source.hub, source.revision])


def extraction_fingerprint_of(source: EncoderSource) -> str:
    """What feature and graph files say of the encoder that made them: of a package, the hash of its weights.

    A package's version fixes its other files, and files that were made before keep their bytes.
    """
    weights = Path(location_of(source)) / "model.safetensors"
    return cached_sha256_of(weights) if source.package and weights.is_file() else fingerprint_of(source)


def pretrained_model(source: EncoderSource) -> nn.Module:
    """Load the pretrained model (PyTorch attention, no pooler).

    Raises:
        EncoderError: neither installed nor reachable.
    """
    from transformers import AutoConfig, AutoModel

    return load_pretrained(
        source,
        AutoModel,
        attn_implementation=supported_attention(load_pretrained(source, AutoConfig)),
        add_pooling_layer=False,
        dtype=torch.float32,
        use_safetensors=True,
    )


def longest_input(source: EncoderSource) -> int:
    """The longest input the encoder has positions for, in subwords, special ones included."""
    from transformers import AutoConfig

    config = load_pretrained(source, AutoConfig)
    # RoBERTa and its kin number positions from the padding index on.
    kin = "roberta" in config.model_type or config.model_type in ("camembert", "mpnet")
    reserved = config.pad_token_id + 1 if kin else 0
    return int(config.max_position_embeddings) - reserved


def tokenizer_of(source: EncoderSource) -> Any:
    """The model's own fast tokenizer."""
    from transformers import AutoTokenizer

    return load_pretrained(source, AutoTokenizer)


def load_pretrained(source: EncoderSource, factory: Any, **options: Any) -> Any:
    """What a factory of transformers (a model, a configuration, a tokenizer) makes of a source.

    Raises:
        EncoderError: neither installed nor reachable.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    if source.revision is not None:
        options["revision"] = source.revision
    try:
        return factory.from_pretrained(location_of(source), **options)
    except OSError as error:
        raise EncoderError(
            f"encoder {source.name} ({source.describe()}) is not at hand and its hub cannot be reached: choose "
            "encoder 'minilm' in params.yaml, which installs with the project, or fill the hub's cache on "
            f"a machine with access. Reason: {str(error).splitlines()[0]}"
        ) from error


def _makes_an_encoder(path: Path) -> bool:
    """Whether a file of an encoder's folder has a part in what the encoder computes."""
    return path.suffix.lower() != ".md" and not any(part.startswith(".") for part in path.parts)


class TextEncoder(nn.Module):
    """A BERT-like transformer, last layer, first-piece pooling (ITA and UMT use the same; golden/ita/ITA.md 5).

    With ``frozen_layers`` k > 0 the embeddings and the first k layers are not trained and run without dropout,
    so their output depends on the input alone and may be cached (``TextInput.states``).
    """

    def __init__(self, bert: nn.Module, frozen_layers: int = 0) -> None:
        super().__init__()
        depth = len(bert.encoder.layer)
        if not 0 <= frozen_layers <= depth:
            raise EncoderError(f"frozen_layers is {frozen_layers}; the encoder has {depth} layers")
        wanted = supported_attention(bert.config)
        if bert.config._attn_implementation != wanted:
            raise EncoderError(f"the encoder must be loaded with attn_implementation={wanted!r}")
        self.bert = bert
        self.frozen_layers = frozen_layers
        self.width: int = bert.config.hidden_size
        for part in self._frozen_parts():
            part.requires_grad_(False)

    def _frozen_parts(self) -> list[nn.Module]:
        if self.frozen_layers == 0:
            return []
        # One table of relative positions serves all layers: states below are only fixed if it is.
        shared = relative_bias_table(self.bert)
        return [
            self.bert.embeddings,
            *self.bert.encoder.layer[: self.frozen_layers],
            *([shared] if shared else []),
        ]

    def train(self, mode: bool = True) -> TextEncoder:
        super().train(mode)
        for part in self._frozen_parts():
            part.eval()
        return self

    def lower(self, text: TextInput) -> Float[Tensor, "batch pieces width"]:
        """States after the embeddings and the frozen layers."""
        states = self.bert.embeddings(input_ids=text.input_ids)
        return self._layers(states, text.attention_mask, 0, self.frozen_layers)

    def pieces(self, text: TextInput) -> Float[Tensor, "batch pieces width"]:
        """Last-layer states of every piece; padded keys are never attended to."""
        if text.states is not None:
            states = text.states.to(self.bert.dtype)
        elif self.frozen_layers:
            with torch.no_grad():
                states = self.lower(text)
        else:
            states = self.lower(text)
        return self._layers(states, text.attention_mask, self.frozen_layers, len(self.bert.encoder.layer))

    def upper(self, text: TextInput) -> tuple[Tensor, Tensor]:
        """Give the states of every subword after the last layer but one, and after the last."""
        depth = len(self.bert.encoder.layer)
        embedded = self.bert.embeddings(input_ids=text.input_ids)
        below = self._layers(embedded, text.attention_mask, 0, depth - 1)
        return below, self._layers(below, text.attention_mask, depth - 1, depth)

    def _layers(self, states: Tensor, attention_mask: Tensor, first: int, last: int) -> Tensor:
        arguments = layer_arguments(self.bert, states, attention_mask)
        for layer in self.bert.encoder.layer[first:last]:
            output = layer(states, *arguments)
            states = output[0] if isinstance(output, tuple) else output
        return states

    def forward(self, text: TextInput) -> Float[Tensor, "batch words width"]:
        """One vector a word: its first piece, or zero for words without a piece."""
        return first_piece_vectors(self.pieces(text), text.first_piece)


def first_piece_vectors(
    pieces: Float[Tensor, "batch pieces width"], first_piece: Int[Tensor, "batch words"]
) -> Float[Tensor, "batch words width"]:
    """Pick each word's first piece; position -1 gives the zero vector (golden/ita/ITA.md 5)."""
    index = first_piece.clamp(min=0)[..., None].expand(-1, -1, pieces.shape[-1])
    present: Bool[Tensor, "batch words 1"] = (first_piece >= 0)[..., None]
    return pieces.gather(1, index) * present.to(pieces.dtype)
