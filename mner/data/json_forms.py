"""Read predictions as JSON: one list of tags a line, one object a line, or one array of either."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mner.data.conll_forms import GOLD, PREDICTED, TAGS, WORD, ReadFile, ReadSentence, parse_conll
from mner.data.conll_lines import without_suffix
from mner.data.user_file import UnreadableFileError, quoted, read_text

KEYS = {
    WORD: ("words", "tokens", "text"),
    PREDICTED: ("predicted", "predictions", "prediction", "pred", "preds"),
    GOLD: ("gold", "labels", "label", "true"),
    TAGS: ("tags", "ner_tags"),
}
"""Keys of an object, by what they mean here; ``image``, ``img``, ``image_id`` and ``imgid`` name the picture."""

_IMAGE_KEYS = ("image", "img", "image_id", "imgid")
_EXPECTED = 'a list of tags, such as ["B-PER","O"], or an object with "words" and "predicted"'


def read_user_file(path: Path, columns: Sequence[str] | None = None) -> ReadFile:
    """Read predictions in any form: JSON, JSON lines or CoNLL (``conll_forms.read_conll_file``).

    Raises:
        FileNotFoundError: no such file.
        UnreadableFileError: the first place that cannot be read.
    """
    text = read_text(path, "predictions as CoNLL text or JSON lines")
    rows = _rows(path, text)
    return parse_conll(path, text, columns) if rows is None else _from_rows(path, *rows)


def _rows(path: Path, text: str) -> tuple[str, list[tuple[int, Any]]] | None:
    """(form, values with their lines), or None for what is no JSON."""
    start = text.lstrip()
    if start[:1] not in ("[", "{"):
        return None
    first = start.split("\n", 1)[0]
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > 1 and _loads(first) is not None:
        return "JSON lines", [(number, _value(path, number, line)) for number, line in lines]
    whole = _loads(text)
    if whole is None:
        if first.startswith(("[[", '["', '{"', "[{")):
            raise UnreadableFileError(path, lines[0][0], f"JSON: {_EXPECTED}", f"damaged JSON: {quoted(first)}")
        return None
    if isinstance(whole, list) and whole and all(isinstance(one, list | dict) for one in whole):
        return "a JSON array", [(lines[0][0], one) for one in whole]
    return "JSON lines", [(lines[0][0], whole)]


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _value(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(path, number, _EXPECTED, f"damaged JSON: {quoted(line)}") from error


def _from_rows(path: Path, form: str, rows: Sequence[tuple[int, Any]]) -> ReadFile:
    sentences = [_sentence(path, index, line, row) for index, (line, row) in enumerate(rows)]
    first = sentences[0]
    for one in sentences:
        if one.columns.keys() != first.columns.keys() or bool(one.words) != bool(first.words):
            raise UnreadableFileError(path, one.line, "the same keys as in the first object", "other keys")
    held = ", ".join([*(["words"] if first.words else []), *first.columns])
    return ReadFile(path, f"{form} of {held}", tuple(sentences))


def _sentence(path: Path, index: int, line: int, row: Any) -> ReadSentence:
    if isinstance(row, list):
        return ReadSentence(index, line, "", (), {TAGS: _texts(path, line, row)})
    if not isinstance(row, dict):
        raise UnreadableFileError(path, line, _EXPECTED, quoted(json.dumps(row)))
    held: dict[str, tuple[str, ...]] = {}
    for meaning, keys in KEYS.items():
        key = next((key for key in keys if isinstance(row.get(key), list)), None)
        if key:
            held[meaning] = _texts(path, line, row[key])
    words = held.pop(WORD, ())
    if not held:
        raise UnreadableFileError(
            path, line, _EXPECTED, f"an object with the keys {quoted(', '.join(map(str, row)))}"
        )
    for name, tags in held.items():
        if words and len(tags) != len(words):
            raise UnreadableFileError(
                path, line, f"a tag for each of the {len(words)} words", f"{len(tags)} {name}"
            )
    return ReadSentence(index, line, _image(row), words, held)


def _image(row: Mapping[str, Any]) -> str:
    found = next((row[key] for key in _IMAGE_KEYS if isinstance(row.get(key), str | int)), "")
    return without_suffix(str(found).rsplit("/", 1)[-1])


def _texts(path: Path, line: int, values: Sequence[Any]) -> tuple[str, ...]:
    odd = next((value for value in values if not isinstance(value, str) or not value), None)
    if odd is not None or not values:
        found = "an empty list" if not values else quoted(json.dumps(odd))
        raise UnreadableFileError(path, line, "texts, one a word", found)
    return tuple(values)
