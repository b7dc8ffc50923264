"""Tag sentences with the weights of a trained run, and print tags and entities as JSON lines.

Without --text, every line of standard input is JSON: {"words": [...], "caption": "...", "objects": [...],
"ocr": "...", "further": {"descriptions": "..."}, "image": "..."}, or "text" for words that blanks separate. What a
row reads of an image and nobody says is made by the extractor of its training data, if it had one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mner.base.escaping import show

if TYPE_CHECKING:
    from mner.tagger.picture_words import Picture

GROUP, EXAMPLE = "own", 'mner predict runs/quick/twitter2017/bert-crf/1 --text "Kevin is in Oslo"'
FIELDS = {"words", "text", "caption", "objects", "ocr", "further", "image"}


class InputLineError(ValueError):
    """A line of standard input that is no sentence; ``number`` counts from 1."""

    def __init__(self, number: int, why: str) -> None:
        self.number = number
        super().__init__(f'line {number}: {why}; expected {{"words": ["Kevin", ...]}} or {{"text": "Kevin ..."}}')


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN", help="a run with its weights, or a saved tagger")
    parser.add_argument("--text", help="one sentence, its words separated by blanks")
    parser.add_argument("--caption", help="what its picture shows")
    parser.add_argument("--objects", nargs="*", metavar="NAME", help="objects in the picture, each by name")
    parser.add_argument("--ocr", help="the writing in the picture")
    parser.add_argument(
        "--further",
        nargs=2,
        action="append",
        metavar=("NAME", "TEXT"),
        help='further words on the picture, such as: --further descriptions "a man on a stage"',
    )
    parser.add_argument("--image", type=Path, help="its picture")


def run(options: argparse.Namespace) -> None:
    from mner.tagger.picture_words import Picture
    from mner.tagger.pretrained_folder import load

    tagger = load(options.folder)
    if options.text is not None:
        further = dict(options.further or [])
        own = Picture(options.caption, _names(options.objects), options.ocr, further, options.image)
        rows = iter([(options.text.split(), own)])
    else:
        rows = _rows(sys.stdin)
    for words, picture in rows:
        (tagged,) = tagger.predict_all([words], [picture])
        show(json.dumps(tagged.as_json(), ensure_ascii=False))


def _names(objects: list[str] | None) -> tuple[str, ...] | None:
    return None if objects is None else tuple(objects)


def _rows(lines: Iterable[str]) -> Iterator[tuple[list[str], Picture]]:
    """The sentences of JSON lines with their pictures; blank lines are skipped."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputLineError(number, f"no JSON ({error})") from error
        if not isinstance(row, dict) or set(row) - FIELDS:
            raise InputLineError(number, "not an object with these fields alone")
        words = row.get("words", str(row.get("text", "")).split())
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise InputLineError(number, "no words")
        yield words, _picture(row, number)


def _picture(row: Mapping[str, Any], number: int) -> Picture:
    """What a line says of the picture.

    Raises:
        InputLineError: a field holds something else than it should.
    """
    from mner.tagger.picture_words import Picture

    texts = {name: row.get(name) for name in ("caption", "ocr", "image")}
    objects, further = row.get("objects"), row.get("further") or {}
    wrong = [name for name, value in texts.items() if not isinstance(value, str | None)]
    if not (objects is None or (isinstance(objects, list) and all(isinstance(one, str) for one in objects))):
        wrong.append("objects")
    if not (isinstance(further, dict) and all(isinstance(text, str) for text in further.values())):
        wrong.append("further")
    if wrong:
        raise InputLineError(number, f"{wrong[0]} is {row[wrong[0]]!r}")
    file = None if texts["image"] is None else Path(texts["image"])
    return Picture(texts["caption"], _names(objects), texts["ocr"], further, file)
