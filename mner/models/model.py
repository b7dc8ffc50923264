"""A system ready to train: the tagger of its file and the decoder its card asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from mner.data.batch import Batch
from mner.models.cards import Card, ContractError
from mner.models.decoders import make_decoder
from mner.models.system import BuildContext, Emissions, make_tagger


class EmissionsError(ContractError):
    """A tagger's emissions have a wrong shape; ``found`` and ``expected`` are ``(batch, words, labels)``."""

    def __init__(self, card: str, found: tuple[int, ...], expected: tuple[int, int, int], subwords: int) -> None:
        self.card, self.found, self.expected, self.subwords = card, found, expected, subwords
        super().__init__(
            f"{card}: its Tagger gave scores of shape {list(found)}, expected one row a word, "
            f"[batch, words, labels] = {list(expected)}. {self._advice()}"
        )

    @property
    def are_subwords(self) -> bool:
        """Whether there is one row a subword."""
        return self.found[:2] == (self.expected[0], self.subwords) and self.subwords != self.expected[1]

    def _advice(self) -> str:
        if self.are_subwords:
            return (
                f"It gave {self.subwords} rows, one a subword; words were expected. Use encoder(batch.text), "
                "which gives one state a word, with batch.word_mask"
            )
        if self.found[:2] == self.expected[:2] and self.found[2:] != self.expected[2:]:
            return f"The data set has {self.expected[2]} labels: make the output of size len(build.labels)"
        return "Scores belong to the words of batch.word_mask"


class Model(nn.Module):
    """Tagger and decoder as one module; all the loop needs is :meth:`loss` and :meth:`decode`."""

    def __init__(self, card: Card, tagger: nn.Module, labels: Sequence[str]) -> None:
        super().__init__()
        self.card = card
        self.tagger: Any = tagger
        self.labels = tuple(labels)
        self.decoder: Any = make_decoder(card.decoder, len(self.labels))
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
        return self.decoder.nll(self._emissions(batch), batch.tags)

    def decode(self, batch: Batch) -> list[list[str]]:
        """Word-level BIO tags, one list a sentence, as long as the sentence."""
        if hasattr(self.tagger, "decode"):
            return self.tagger.decode(batch, self.decoder)
        return [[self.labels[label] for label in row] for row in self.decoder.decode(self._emissions(batch))]

    def _emissions(self, batch: Batch) -> Emissions:
        """Call the tagger.

        Raises:
            EmissionsError: it scores something other than the batch's words and the data set's labels.
        """
        emissions = self.tagger(batch)
        if not isinstance(emissions, Emissions):
            raise ContractError(f"{self.card.name}: its Tagger returned {type(emissions).__name__}, no Emissions")
        expected = (*batch.word_mask.shape, len(self.labels))
        found = tuple(emissions.scores.shape)
        if found != expected or emissions.mask.shape != batch.word_mask.shape:
            raise EmissionsError(self.card.name, found, expected, batch.text.input_ids.shape[1])
        return emissions


def make_model(module: ModuleType, build: BuildContext, options: Mapping[str, Any]) -> Model:
    """Build a system's model with the current state of torch's generators."""
    return Model(module.CARD, make_tagger(module, build, options), build.labels)
