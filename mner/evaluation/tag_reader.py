"""Read files of predicted tags, each once, and gold as arrays of codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mner.data.corpus import Sentence, tags_of_text
from mner.data.tag_codes import EncodedTags, encode, encode_lines


class TagReader:
    """Hold what was read: one byte a word, and one array of lengths for all files over the same sentences."""

    def __init__(self) -> None:
        self._files: dict[Path, EncodedTags] = {}
        self._lengths: dict[bytes, np.ndarray] = {}
        self._gold: dict[int, tuple[Sequence[Sentence], EncodedTags]] = {}

    def read(self, path: Path) -> EncodedTags:
        """Read and encode one file.

        Raises:
            CorpusError: a line is not a list of tags the harness knows.
        """
        if path not in self._files:
            text = path.read_text(encoding="utf-8")
            tags = encode_lines(text) or encode(tags_of_text(text, path))
            shared = self._lengths.setdefault(tags.lengths.tobytes(), tags.lengths)
            self._files[path] = EncodedTags(tags.codes, shared)
        return self._files[path]

    def gold(self, sentences: Sequence[Sentence]) -> EncodedTags:
        """Encode the tags of gold sentences; the same object is encoded once."""
        if id(sentences) not in self._gold:
            encoded = encode([sentence.tags or () for sentence in sentences])
            self._gold[id(sentences)] = sentences, encoded  # held, so that the number stays theirs
        return self._gold[id(sentences)][1]
