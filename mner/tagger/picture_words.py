"""A picture as a row reads it: words that are given, or made by the extractor that made them for training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mner.config import Config, Places
from mner.data.download import SourceError
from mner.data.side_data import WORDS, ImageText
from mner.features.extractors.contract import Extractor, ExtractorError
from mner.features.extractors.extractor_names import Surroundings, load_extractor
from mner.features.found import Caption, Found, Lines, Objects
from mner.features.visual_inputs import EXTRACTED

MADE = ("captions", "objects", "ocr")
"""What extractors make; all but these and ``WORDS`` are arrays, which words cannot stand for."""
OPTIONS = {"captions": '--caption "..."', "objects": "--objects person dog", "ocr": '--ocr "..."'} | {
    name: f'--further {name} "..."' for name in WORDS
}


class PredictError(ValueError):
    """A sentence that cannot be tagged, or a row that cannot tag new sentences; the message says why."""


class UnreadPictureError(PredictError):
    """A picture of which a row reads what was not given and cannot be made; ``lacking`` names it."""

    def __init__(self, file: Path, system: str, lacking: Sequence[str], why: str) -> None:
        self.file, self.lacking = file, tuple(lacking)
        options = " ".join(OPTIONS[name] for name in lacking)
        super().__init__(f"{file}: {system} reads {', '.join(lacking)} of a picture; {why}; give them: {options}")


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a sentence's picture; None where nothing was said, which is not the same as an empty list.

    Attributes:
        caption: what it shows, in a sentence.
        objects: names of the objects in it, one for every object.
        ocr: the writing in it.
        further: words by a name of ``side_data.WORDS``, such as ``descriptions``.
        file: the picture, for what is not said.
    """

    caption: str | None = None
    objects: tuple[str, ...] | None = None
    ocr: str | None = None
    further: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None

    def given(self) -> set[str]:
        """Names of the inputs that were said."""
        own = {"captions": self.caption, "objects": self.objects, "ocr": self.ocr}
        return {name for name, said in own.items() if said is not None} | set(self.further)

    def words(self) -> ImageText:
        """The same as rows read it."""
        caption = (self.caption,) if self.caption else ()
        return ImageText(caption, self.objects or (), self.ocr or "", **self.further)


@dataclass(frozen=True, slots=True)
class Maker:
    """The extractor that made an input of the training data: name, options, and the least score that counts."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.0


def makers_of(config: Config, dataset: str, needs: Collection[str]) -> dict[str, Maker]:
    """List the extractors of a data set's inputs, by input; published inputs have none."""
    data = config.data
    sources = {"captions": data.captions[dataset], "objects": data.objects[dataset], "ocr": data.ocr.get(dataset)}
    found = {}
    for name, source in sources.items():
        if name in needs and source == EXTRACTED:
            settings = config.features.extractors[name]
            score = 0.0 if name == "captions" else data.minimum_score
            found[name] = Maker(settings.name, dict(settings.options), score)
    return found


class PictureReader:
    """Turns pictures into the words that a row reads; loads an extractor when it is first needed.

    Args:
        system: the row's name, for messages.
        reads: names of the inputs that the row had in training.
        makers: the extractors of those that were extracted.
        device: where extractors compute.
    """

    def __init__(
        self, system: str, reads: Collection[str], makers: Mapping[str, Maker], device: torch.device
    ) -> None:
        self._system, self._makers, self._device = system, makers, device
        self._reads = [name for name in (*MADE, *WORDS) if name in reads]
        self._loaded: dict[str, Extractor] = {}

    def words_of(self, picture: Picture) -> ImageText:
        """Give the words that stand for a picture.

        Raises:
            PredictError: no such file, a file that is no picture, or an input that nobody reads.
            UnreadPictureError: the row reads more of the file than was given, and it cannot be made here.
        """
        if unknown := set(picture.further) - set(WORDS):
            raise PredictError(f"no input {min(unknown)!r} of a picture; there are {', '.join(WORDS)}")
        words = picture.words()
        if picture.file is None:
            return words
        if not picture.file.is_file():
            raise PredictError(f"{picture.file}: no such file")
        lacking = [name for name in self._reads if name not in picture.given()]
        made = {name: self._made(name, picture.file, lacking) for name in lacking}
        return ImageText(
            made.get("captions", words.captions),
            made.get("objects", words.objects),
            made.get("ocr", words.ocr),
            **picture.further,
        )

    def _made(self, name: str, file: Path, lacking: Sequence[str]) -> Any:
        maker = self._makers.get(name)
        if maker is None:
            why = f"its {name} in training were published words, which no extractor makes"
            raise UnreadPictureError(file, self._system, lacking, why)
        try:
            if name not in self._loaded:
                places = Places.from_environment()
                around = Surroundings(self._device, places.cache, places.mirrors, places.network)
                self._loaded[name] = load_extractor(maker.name, around, maker.options)
        except (ExtractorError, SourceError) as error:
            raise UnreadPictureError(file, self._system, lacking, str(error)) from error
        return _as_words(_found_in(file, self._loaded[name]), maker.score)


def _found_in(file: Path, extractor: Extractor) -> Found:
    from mner.data.picture_files import Refusal
    from mner.features.pixels import open_image

    opened = open_image(file.resolve(), file.resolve().parent)
    if isinstance(opened, Refusal):
        raise PredictError(f"{file}: {opened.sentence}")
    (found,) = extractor.extract([extractor.prepare(opened)])
    return found


def _as_words(found: Found, score: float) -> Any:
    """What was found, as :class:`ImageText` holds it (``features.found_files`` reads files alike)."""
    match found:
        case Caption():
            return (found.text,) if found.text.strip() else ()
        case Objects():
            return tuple(item.label for item in found.items if item.score >= score)
        case Lines():
            return " ".join(item.text for item in found.items if item.score >= score)
    raise TypeError(f"{type(found).__name__} is no words")
