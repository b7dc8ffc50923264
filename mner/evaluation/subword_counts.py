"""Count the subwords of words, with neither torch nor transformers where the encoder's folder is at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mner.config.schema import EncoderSource
from mner.models.encoder_places import location_of

TOKENIZER = "tokenizer.json"


def subword_counter(source: EncoderSource) -> Callable[[Sequence[str]], list[int]]:
    """Give a function from words to their numbers of subwords; every distinct word is split once.

    An encoder that is a folder here is read by ``tokenizers`` directly; that is what transformers' fast tokenizers
    call, without the seconds that transformers takes to import.

    Raises:
        EncoderError: the encoder is neither installed nor reachable.
    """
    file = Path(location_of(source)) / TOKENIZER
    if not file.is_file():
        from mner.data.subwords import WordPieces
        from mner.models.encoders import tokenizer_of

        return WordPieces(tokenizer_of(source)).count
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    known: dict[str, int] = {}

    def count(words: Sequence[str]) -> list[int]:
        new = sorted(set(words) - known.keys())
        split = tokenizer.encode_batch_fast(
            [[word] for word in new], is_pretokenized=True, add_special_tokens=False
        )
        known.update(zip(new, map(len, split), strict=True))
        return [known[word] for word in words]

    return count
