"""A system ready to train: the tagger of its file and the decoder its card asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.data.corpus import LABELS
from mner.models.decoders import make_decoder
from mner.models.system import BuildContext, Card, ContractError, make_tagger


class Model(nn.Module):
    """Tagger and decoder as one module; all the loop needs is :meth:`loss` and :meth:`decode`."""

    def __init__(self, card: Card, tagger: nn.Module, labels: int) -> None:
        super().__init__()
        self.card = card
        self.tagger = tagger
        self.decoder = make_decoder(card.decoder, labels)
        if self.decoder is None and not (hasattr(tagger, "loss") and hasattr(tagger, "decode")):
            raise ContractError(f"{card.name}: decoder 'own' means that Tagger has loss() and decode()")

    def begin_update(self, update: int, total: int) -> None:
        """Tell a tagger that follows a schedule of its own where training stands (update from 0, of total)."""
        if hasattr(self.tagger, "begin_update"):
            self.tagger.begin_update(update, total)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Training loss of a batch; the tagger's own where it has one (auxiliary losses, own decoder)."""
        if hasattr(self.tagger, "loss"):
            return self.tagger.loss(batch, self.decoder)
        return self.decoder.nll(self.tagger(batch), batch.tags)

    def decode(self, batch: Batch) -> list[list[str]]:
        """Word-level BIO tags, one list a sentence, as long as the sentence."""
        if hasattr(self.tagger, "decode"):
            return self.tagger.decode(batch, self.decoder)
        return [[LABELS[label] for label in row] for row in self.decoder.decode(self.tagger(batch))]


def make_model(module: ModuleType, build: BuildContext, options: Mapping[str, Any]) -> Model:
    """Build a system's model with the current state of torch's generators."""
    return Model(module.CARD, make_tagger(module, build, options), len(build.labels))
