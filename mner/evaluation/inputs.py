"""What a reader must know of the inputs: audit findings of the corpora, and words that were cut off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from mner.data.corpus import Sentence
from mner.evaluation.averages import WORD_VECTORS
from mner.evaluation.lenses import PiecesPerWord
from mner.files import read_json

PiecesBySplit = Mapping[tuple[str, str], PiecesPerWord | None]
BORDERS = 2
"""Pieces that [CLS] and [SEP] take of ``max_pieces``."""


def input_notes(
    scores: Mapping[str, Any],
    data_folder: Path,
    sentences: Mapping[tuple[str, str], Sequence[Sentence]],
    pieces: Mapping[str, PiecesBySplit],
) -> dict[str, Any]:
    """Content of ``results/<profile>/audit.json``: findings by data set, and test words cut off by cell.

    ``pieces`` are, by encoder, the numbers of word pieces of ``sentences`` (by data set and split); a cell of
    another encoder, or of one whose splitter was not at hand, gets a ``state``.
    """
    return {
        "format": 1,
        "profile": scores["profile"],
        "findings": read_findings(data_folder, scores["datasets"]),
        "truncation": list(_truncation(scores, sentences, pieces)),
    }


def read_findings(data_folder: Path, datasets: Sequence[str]) -> dict[str, list[dict[str, Any]] | None]:
    """The audit findings of each data set, None where the data stage has written none."""
    files = {dataset: data_folder / dataset / "audit" / "findings.json" for dataset in datasets}
    return {dataset: read_json(file) if file.is_file() else None for dataset, file in files.items()}


def cut_words(pieces: PiecesPerWord, max_pieces: int) -> list[int]:
    """Words of each sentence that do not fit in ``max_pieces`` with both borders, so that no encoder sees them.

    The rule is that of ``mner.data.pieces``: the first word that does not fit whole ends the sentence; a word
    without a piece is not counted.
    """
    room = max_pieces - BORDERS
    cut = []
    for row in pieces:
        ends = [0]
        for number in row:
            ends.append(ends[-1] + number)
        cut.append(sum(end > room and end > start for start, end in pairwise(ends)))
    return cut


def _truncation(
    scores: Mapping[str, Any],
    sentences: Mapping[tuple[str, str], Sequence[Sentence]],
    pieces: Mapping[str, PiecesBySplit],
) -> Iterator[dict[str, Any]]:
    for cell in scores["cells"]:
        reader = cell.get("encoder") or {}
        name = "none" if reader.get("source") == WORD_VECTORS else reader.get("name", "none")
        limit = cell.get("recipe", {}).get("max_pieces")
        if cell["state"] != "finished" or name == "none" or limit is None:
            continue
        row: dict[str, Any] = {"dataset": cell["dataset"], "system": cell["system"], "max_pieces": limit}
        numbers = pieces.get(name, {}).get((cell["dataset"], "test"))
        if numbers is None:
            yield row | {"state": f"no splitter of {name} at hand, so cut words were not counted"}
            continue
        cut = cut_words(numbers, limit)
        words = sum(len(sentence.words) for sentence in sentences[cell["dataset"], "test"])
        yield row | {"words": words, "cut_words": sum(cut), "cut_sentences": sum(map(bool, cut))}
