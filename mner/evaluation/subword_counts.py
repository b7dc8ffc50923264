"""Count the subwords of words, with neither torch nor transformers where the encoder's folder is at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mner.config.schema import EncoderSource
from mner.models.encoder_places import location_of

TOKENIZER = "tokenizer.json"


def subword_counter(source: EncoderSource) -> Callable[[Sequence[str]], list[int]]:
    """Give a function from words to their numbers of subwords; every distinct word is split once.

    A WordPiece encoder that is a folder here is read by ``tokenizers`` directly. That is what transformers' fast
    tokenizers call, without the seconds that transformers takes to import. Others may need a blank before a word.

    Raises:
        EncoderError: the encoder is neither installed nor reachable.
    """
    split = None if source.normalise is not None else _word_pieces(Path(location_of(source)) / TOKENIZER)
    if split is None:
        from mner.data.subwords import WordPieces
        from mner.models.encoders import tokenizer_of

        return WordPieces(tokenizer_of(source)).count
    known: dict[str, int] = {}

    def count(words: Sequence[str]) -> list[int]:
        new = sorted(set(words) - known.keys())
        known.update(zip(new, split(new), strict=True))
        return [known[word] for word in words]

    return count


def _word_pieces(file: Path) -> Callable[[Sequence[str]], list[int]] | None:
    """Count the subwords of words with a tokenizer's file; None where it is absent or no WordPiece model."""
    if not file.is_file():
        return None
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece

    tokenizer = Tokenizer.from_file(str(file))
    if not isinstance(tokenizer.model, WordPiece):
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def split(words: Sequence[str]) -> list[int]:
        alone = [[word] for word in words]
        return [
            len(one) for one in tokenizer.encode_batch_fast(alone, is_pretokenized=True, add_special_tokens=False)
        ]

    return split
