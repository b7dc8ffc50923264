"""Split words as their sentence would be split, and spell them as the encoder was trained to read them.

A byte-level BPE (RoBERTa, ModernBERT) keeps the blank before a word in its subwords: ``visits`` and ``Ġvisits``
are different subwords. A word that is split alone must not lose that blank.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

USER, LINK = "@USER", "HTTPURL"
"""What stands for a user and a link in BERTweet's training data (Nguyen, Vu and Nguyen, EMNLP 2020)."""

_USER = re.compile(r"@\S+")
_LINK = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)
_SAMPLES = ("a", "the", "visits")


def normalised(word: str) -> str:
    """Spell one word of a tweet as BERTweet reads it: users and links become one token each."""
    if _USER.fullmatch(word):
        return USER
    return LINK if _LINK.fullmatch(word) else word


def loses_blanks(tokenizer: Any) -> bool:
    """Tell whether a word that is split alone gets other subwords than in a sentence, behind a blank."""
    for word in _SAMPLES:
        (alone,) = tokenizer([[word]], is_split_into_words=True, add_special_tokens=False)["input_ids"]
        both = tokenizer(f"{word} {word}", add_special_tokens=False)["input_ids"]
        if both[len(both) - len(alone) :] != alone:
            return True
    return False


class WordTokenizer:
    """A tokenizer whose words are changed before they are split; all else is the tokenizer's own.

    Args:
        tokenizer: a tokenizer of transformers.
        blanks: put a blank before every word.
        normalise: write users and links as :func:`normalised` does.
    """

    def __init__(self, tokenizer: Any, *, blanks: bool, normalise: bool) -> None:
        self._tokenizer, self._blanks, self._normalise = tokenizer, blanks, normalise

    def __call__(self, texts: Sequence[Any], *, is_split_into_words: bool = False, **options: Any) -> Any:
        if not is_split_into_words:
            return self._tokenizer(texts, **options)
        texts = [[normalised(word) if self._normalise else word for word in words] for words in texts]
        if self._blanks:
            return self._tokenizer(["".join(f" {word}" for word in words) for words in texts], **options)
        return self._tokenizer(texts, is_split_into_words=True, **options)

    def __len__(self) -> int:
        return len(self._tokenizer)

    def __getattr__(self, name: str) -> Any:
        if name == "_tokenizer":  # asked for by a copy that has no attribute yet
            raise AttributeError(name)
        return getattr(self._tokenizer, name)
