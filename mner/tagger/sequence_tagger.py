"""Tag new sentences with the weights of a trained row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mner.base.meters import Meter
from mner.base.seqeval_metrics import seqeval_metrics
from mner.data.corpus import Sentence
from mner.data.side_data import Side
from mner.data.subwords import WordPieces
from mner.models.encoders import tokenizer_of
from mner.models.model import Model
from mner.models.system import load_system
from mner.tagger.row_recipe import RowRecipe
from mner.training.batching import Tables
from mner.training.loop import predict

NEEDS_PIXELS = frozenset({"regions", "relations", "caption-tokens"})
"""Inputs that are arrays made from pictures; words cannot stand for them."""


class PredictError(ValueError):
    """A sentence that cannot be tagged, or a row that cannot tag new sentences; the message says why."""


@dataclass(frozen=True, slots=True)
class Span:
    """An entity: its type, its first word and the word after its last, counted from 0, and its text."""

    type: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """One sentence with one tag a word, and the entities that the tags mark."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    spans: tuple[Span, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


class SequenceTagger:
    """A trained row that tags sentences.

    Args:
        recipe: what the row is.
        model: with its trained weights, in evaluation mode.
        device: where it lies.
    """

    def __init__(self, recipe: RowRecipe, model: Model, device: torch.device) -> None:
        self.recipe, self.model, self.device = recipe, model, device
        self._module = load_system(recipe.file)

    def predict(self, words: Sequence[str], caption: str | None = None, image: Path | None = None) -> Tagged:
        """Tag one sentence; see :meth:`predict_all`."""
        return self.predict_all([words], [caption], [image])[0]

    def predict_all(
        self,
        sentences: Sequence[Sequence[str]],
        captions: Sequence[str | None] | None = None,
        images: Sequence[Path | None] | None = None,
    ) -> list[Tagged]:
        """Tag sentences.

        Args:
            sentences: the words of each.
            captions: what the picture of each shows; None where there is none.
            images: files of pictures. A row reads them as captions, so a file without a caption is refused.

        Returns:
            As many tagged sentences, in their order.

        Raises:
            PredictError: no words, another number of captions, or a picture that the row cannot read here.
        """
        rows = [tuple(words) for words in sentences]
        texts, files = captions or [None] * len(rows), images or [None] * len(rows)
        if not len(rows) == len(texts) == len(files):
            raise PredictError(f"{len(rows)} sentences, but {len(texts)} captions and {len(files)} images")
        if not rows or not all(rows):
            raise PredictError("a sentence without words cannot be tagged")
        for text, file in zip(texts, files, strict=True):
            self._check_picture(text, file)
        return [_tagged(words, tags) for words, tags in zip(rows, self._tags(rows, texts), strict=True)]

    def save_pretrained(self, folder: Path) -> None:
        """Write weights, labels, recipe and card into a folder that :func:`from_pretrained` reads."""
        from mner.tagger.pretrained_folder import save

        save(self.recipe, self.model, folder)

    def _check_picture(self, caption: str | None, image: Path | None) -> None:
        if image is not None and not image.is_file():
            raise PredictError(f"{image}: no such file")
        if image is not None and not caption and self.recipe.needs:
            raise PredictError(f"{image}: {self.recipe.system} reads a picture as words; give them with --caption")

    def _tags(self, sentences: Sequence[tuple[str, ...]], captions: Sequence[str | None]) -> list[list[str]]:
        known = {str(i): text for i, text in enumerate(captions) if text}
        needs = set(self.recipe.needs)
        context = getattr(self._module, "context", None) if needs else None
        recipe = self.recipe.recipe
        tables = Tables(
            WordPieces(tokenizer_of(self.recipe.encoder), recipe.length_multiple),
            recipe.max_pieces,
            Side(known, {}, {}, frozenset()),
            None,
            None,
            context,
            self.recipe.options,
            bool(needs & {"captions", "objects", "ocr"}) and context is None,
            self.recipe.labels,
        )
        rows = tuple(Sentence(i, str(i), words, None) for i, words in enumerate(sentences))
        split = tables.split(rows, None)
        return predict(self.model, split, recipe, self.device, Meter(self.device))


def _tagged(words: tuple[str, ...], tags: Sequence[str]) -> Tagged:
    get_entities = seqeval_metrics().get_entities

    found = [(kind, first, last + 1) for kind, first, last in get_entities(list(tags))]
    spans = tuple(Span(kind, start, end, " ".join(words[start:end])) for kind, start, end in found)
    return Tagged(words, tuple(tags), spans)
