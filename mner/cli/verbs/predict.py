"""Tag sentences with the weights of a trained run, and print tags and entities as JSON lines.

Without --text, every line of standard input is JSON: {"words": [...], "caption": "...", "image": "..."}, or "text"
for words that blanks separate.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mner.base.escaping import show

GROUP, EXAMPLE = "own", 'mner predict runs/quick/twitter2017/bert-crf/1 --text "Kevin is in Oslo"'
FIELDS = {"words", "text", "caption", "image"}


class InputLineError(ValueError):
    """A line of standard input that is no sentence; ``number`` counts from 1."""

    def __init__(self, number: int, why: str) -> None:
        self.number = number
        super().__init__(f'line {number}: {why}; expected {{"words": ["Kevin", ...]}} or {{"text": "Kevin ..."}}')


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN", help="a run with its weights, or a saved tagger")
    parser.add_argument("--text", help="one sentence, its words separated by blanks")
    parser.add_argument("--caption", help="what its picture shows")
    parser.add_argument("--image", type=Path, help="its picture")


def run(options: argparse.Namespace) -> None:
    from mner.tagger.pretrained_folder import load

    tagger = load(options.folder)
    if options.text is not None:
        rows: Iterator[dict[str, Any]] = iter(
            [{"words": options.text.split(), "caption": options.caption, "image": options.image}]
        )
    else:
        rows = _rows(sys.stdin)
    for row in rows:
        image = None if row["image"] is None else Path(row["image"])
        show(json.dumps(tagger.predict(row["words"], row["caption"], image).as_json(), ensure_ascii=False))


def _rows(lines: Any) -> Iterator[dict[str, Any]]:
    """The sentences of JSON lines; blank lines are skipped."""
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
        yield {"words": words, "caption": row.get("caption"), "image": row.get("image")}
