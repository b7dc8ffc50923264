"""What a trained row is, apart from its weights: enough to build its model again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from mner.config.schema import EncoderSource
from mner.config.strict import build
from mner.config.training_recipe import Recipe
from mner.models.encoders import TextEncoder, pretrained_model
from mner.models.model import Model, make_model
from mner.models.system import BuildContext, load_system
from mner.tagger.picture_words import Maker, makers_of
from mner.training.determinism import torch_stream
from mner.training.experiment import Cell


@dataclass(frozen=True, slots=True)
class RowRecipe:
    """A row as it was trained.

    Attributes:
        file: the system's file, relative to the repository.
        system: its name in params.yaml.
        dataset: what it was trained on.
        options: of the system.
        recipe: of training.
        encoder: where the text encoder comes from.
        encoder_sha256: the hash of its files.
        needs: what the row reads of a picture, as far as its training data had it.
        versions: of the system and of the training protocol.
        labels: in the order of the model's output.
        makers: extractors of what was extracted from pictures, by input.
    """

    file: str
    system: str
    dataset: str
    options: Mapping[str, Any]
    recipe: Recipe
    encoder: EncoderSource
    encoder_sha256: str
    needs: tuple[str, ...]
    versions: Mapping[str, int]
    labels: tuple[str, ...]
    makers: Mapping[str, Maker] = field(default_factory=dict)

    @classmethod
    def of(
        cls, cell: Cell, encoder_sha256: str, versions: Mapping[str, int], labels: tuple[str, ...]
    ) -> RowRecipe:
        """The row of a cell, with what the record of its run states."""
        file = cell.config.systems[cell.system].file
        row = cell.system, cell.dataset, cell.options, cell.recipe, cell.encoder
        needs = cell.needs() & cell.at_hand()
        makers = makers_of(cell.config, cell.dataset, needs)
        return cls(file, *row, encoder_sha256, tuple(sorted(needs)), versions, labels, makers)

    def model(self, seed: int, device: torch.device, words: Mapping[str, Any]) -> Model:
        """Build the row's model with random weights; ``words`` are the sentences of each split, by split."""

        def encoder() -> TextEncoder:
            return TextEncoder(pretrained_model(self.encoder), self.recipe.frozen_layers)

        context = BuildContext(self.labels, encoder, None, words)
        with torch_stream(torch.device("cpu"), seed, "init"):
            return make_model(load_system(self.file), context, self.options).to(device)

    def has_vocabulary(self) -> bool:
        """Whether the model's word vectors depend on the words of the data set."""
        reader = self.options.get("reader")
        return bool(self.options.get("words") or (isinstance(reader, Mapping) and reader.get("words")))

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> RowRecipe:
        """Read what :meth:`as_json` gave.

        Raises:
            ConfigError: a field is missing, unknown or of the wrong kind.
        """
        found: RowRecipe = build(cls, row, "tagger.json")
        return found
