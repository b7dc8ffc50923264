"""Writing in pictures by Tesseract, an option where the program is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.pinned_models import needed, versions
from mner.features.found import Found, Lines, TextLine, fractions
from mner.features.pixels import shrunk

LONGEST = 2000


def load_tesseract(*, language: str = "eng", layout: int = 11, score: float = 0.5) -> TesseractLines:
    """The extractor; ``layout`` is Tesseract's page segmentation mode (11: sparse writing in no order).

    Raises:
        ExtractorError: the package, the program or the language is not installed.
    """
    package = needed("pytesseract", "Tesseract")
    try:
        program, languages = str(package.get_tesseract_version()), package.get_languages()
    except package.TesseractNotFoundError as error:
        raise ExtractorError(
            "extractor ocr-tesseract needs the program tesseract on the search path, which pip cannot install: "
            "apt-get install tesseract-ocr (or choose ocr-rapidocr, which installs with the project)"
        ) from error
    if language not in languages:
        raise ExtractorError(f"Tesseract has no language {language!r}; installed: {', '.join(languages)}")
    return TesseractLines(package, program, language=language, layout=layout, score=score)


class TesseractLines:
    """Lines of writing whose words were read with a mean confidence of at least ``score``."""

    kind = "ocr"

    def __init__(self, package: Any, program: str, *, language: str, layout: int, score: float) -> None:
        self._package, self._language, self._layout, self._score = package, language, layout, score
        self.provenance = {
            "model": f"Tesseract {program}, language {language}",
            "weights_sha256": None,
            "preprocessing": f"RGB, shrunk to at most {LONGEST} px (bilinear, Pillow); the program's own",
            "selection": {"score": score, "layout": layout},
            "packages": versions("pillow", "pytesseract"),
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The picture, 8-bit RGB, no side longer than 2000 px."""
        return shrunk(image, LONGEST)

    def extract(self, prepared: Sequence[np.ndarray]) -> list[Found]:
        """Lines of each picture in the program's order; one call of the program a picture."""
        found: list[Found] = []
        for picture in prepared:
            table = self._package.image_to_data(
                Image.fromarray(picture),
                lang=self._language,
                config=f"--psm {self._layout}",
                output_type=self._package.Output.DICT,
            )
            found.append(lines_of(table, picture.shape[1], picture.shape[0], self._score))
        return found


def lines_of(table: Mapping[str, Sequence[Any]], width: int, height: int, score: float) -> Lines:
    """Join Tesseract's table of words (left, top, width, height in pixels; confidence 0 to 100) to lines.

    Words without text or with a negative confidence are not words.
    """
    lines: dict[tuple[int, int, int], list[int]] = {}
    for row, text in enumerate(table["text"]):
        if text.strip() and float(table["conf"][row]) >= 0:
            place = tuple(table[part][row] for part in ("block_num", "par_num", "line_num"))
            lines.setdefault(place, []).append(row)
    found = []
    for rows in lines.values():
        confidence = sum(float(table["conf"][row]) for row in rows) / len(rows) / 100
        edges = (
            min(table["left"][row] for row in rows),
            min(table["top"][row] for row in rows),
            max(table["left"][row] + table["width"][row] for row in rows),
            max(table["top"][row] + table["height"][row] for row in rows),
        )
        if confidence >= score:
            text = " ".join(table["text"][row].strip() for row in rows)
            found.append(TextLine(text, confidence, fractions(edges, width, height)))
    return Lines(tuple(found))
