"""Tag new sentences with the weights of a trained row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mner.base.meters import Meter
from mner.base.seqeval_metrics import seqeval_metrics
from mner.data.corpus import Sentence
from mner.data.side_data import WORDS, ImageText, Side
from mner.data.subwords import WordPieces
from mner.models.encoders import tokenizer_of
from mner.models.model import Model
from mner.models.system import load_system
from mner.tagger.picture_words import MADE, Picture, PictureReader, PredictError
from mner.tagger.row_recipe import RowRecipe
from mner.training.batching import Tables
from mner.training.loop import predict

NEEDS_PIXELS = frozenset({"regions", "relations", "caption-tokens"})
"""Inputs that are arrays made from pictures; words cannot stand for them."""


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
        self._pictures = PictureReader(recipe.system, recipe.needs, recipe.makers, device)

    def predict(
        self,
        words: Sequence[str],
        caption: str | None = None,
        image: Path | None = None,
        *,
        objects: Sequence[str] | None = None,
        ocr: str | None = None,
        further: Mapping[str, str] | None = None,
    ) -> Tagged:
        """Tag one sentence with what is known of its picture; see :class:`Picture` and :meth:`predict_all`."""
        named = None if objects is None else tuple(objects)
        return self.predict_all([words], [Picture(caption, named, ocr, further or {}, image)])[0]

    def predict_all(
        self, sentences: Sequence[Sequence[str]], pictures: Sequence[Picture | None] | None = None
    ) -> list[Tagged]:
        """Tag sentences.

        Args:
            sentences: the words of each.
            pictures: what is known of each one's picture; None where there is none. What the row reads of a file
                and nobody says is made by the extractor that made it for training.

        Returns:
            As many tagged sentences, in their order.

        Raises:
            PredictError: no words, another number of pictures, or a picture that the row cannot read here.
        """
        rows = [tuple(words) for words in sentences]
        seen = pictures or [None] * len(rows)
        if len(rows) != len(seen):
            raise PredictError(f"{len(rows)} sentences, but {len(seen)} pictures")
        if not rows or not all(rows):
            raise PredictError("a sentence without words cannot be tagged")
        texts = [ImageText() if one is None else self._pictures.words_of(one) for one in seen]
        return [_tagged(words, tags) for words, tags in zip(rows, self._tags(rows, texts), strict=True)]

    def save_pretrained(self, folder: Path) -> None:
        """Write weights, labels, recipe and card into a folder that :func:`from_pretrained` reads."""
        from mner.tagger.pretrained_folder import save

        save(self.recipe, self.model, folder)

    def _tags(self, sentences: Sequence[tuple[str, ...]], texts: Sequence[ImageText]) -> list[list[str]]:
        needs = set(self.recipe.needs)
        context = getattr(self._module, "context", None) if needs else None
        recipe = self.recipe.recipe
        tables = Tables(
            WordPieces(tokenizer_of(self.recipe.encoder), recipe.length_multiple),
            recipe.max_pieces,
            _side(texts),
            None,
            None,
            context,
            self.recipe.options,
            bool(needs & {*MADE, *WORDS}) and context is None,
            self.recipe.labels,
        )
        rows = tuple(Sentence(i, str(i), words, None) for i, words in enumerate(sentences))
        split = tables.split(rows, None)
        return predict(self.model, split, recipe, self.device, Meter(self.device))


def _side(texts: Sequence[ImageText]) -> Side:
    """Words on pictures whose ids are the places of the sentences."""
    by_id = {str(number): text for number, text in enumerate(texts)}
    return Side(
        {image: text.captions[0] for image, text in by_id.items() if text.captions},
        {image: text.objects for image, text in by_id.items()},
        {},
        frozenset(),
        {image: text.ocr for image, text in by_id.items()},
        {name: {image: getattr(text, name) for image, text in by_id.items()} for name in WORDS},
    )


def _tagged(words: tuple[str, ...], tags: Sequence[str]) -> Tagged:
    get_entities = seqeval_metrics().get_entities

    found = [(kind, first, last + 1) for kind, first, last in get_entities(list(tags))]
    spans = tuple(Span(kind, start, end, " ".join(words[start:end])) for kind, start, end in found)
    return Tagged(words, tuple(tags), spans)
