"""Which sentence of the test split each predicted sentence is: by words, then by image id, then by position."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from mner.data.conll_forms import ReadFile
from mner.data.corpus import Sentence
from mner.data.user_file import UnreadableFileError

Key = Callable[[str, tuple[str, ...]], Hashable]
BY_POSITION = "position"


@dataclass(frozen=True, slots=True)
class Alignment:
    """Predicted sentences laid beside a test split.

    Attributes:
        places: For every sentence of the file its sentence of the split, or None.
        by: How many sentences were matched by what.
        split: Number of sentences of the split.
        other_lengths: Sentences whose image id is known but whose number of words is another: not scored.
    """

    places: tuple[int | None, ...]
    by: dict[str, int]
    split: int
    other_lengths: int = 0

    @property
    def covered(self) -> int:
        """Sentences of the split that have predictions."""
        return len(self.places) - self.places.count(None)

    @property
    def complete(self) -> bool:
        """Whether every sentence of the split has predictions."""
        return self.covered == self.split


def align(read: ReadFile, split: Sequence[Sentence]) -> Alignment:
    """Match a file's sentences with a split's; each sentence of the split is matched at most once.

    Words as they stand come first, then words without case and invisible characters, then the image id with the
    same number of words. A file without words is matched by position, if every length agrees.

    Raises:
        UnreadableFileError: a file without words that does not have the split's sentences in the split's order.
    """
    if not any(one.words for one in read.sentences):
        return _by_position(read, split)
    places: list[int | None] = [None] * len(read.sentences)
    by: Counter[str] = Counter()
    taken: set[int] = set()
    for name, key in KEYS.items():
        waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for place, sentence in enumerate(split):
            if place not in taken and (held := key(sentence.image, sentence.words)) is not None:
                waiting[held].append(place)
        for index, one in enumerate(read.sentences):
            held = key(one.image, one.words) if places[index] is None else None
            queue = waiting.get(held) if held is not None else None
            if queue:
                place = queue.popleft()
                places[index] = place
                taken.add(place)
                by[name] += 1
    images = {sentence.image for place, sentence in enumerate(split) if place not in taken and sentence.image}
    other = sum(place is None and one.image in images for one, place in zip(read.sentences, places, strict=True))
    return Alignment(tuple(places), dict(by), len(split), other)


def _words_and_image(image: str, words: tuple[str, ...]) -> Hashable | None:
    return (image, words) if image else None


def _words(_image: str, words: tuple[str, ...]) -> Hashable:
    return words


def plain_words(words: Sequence[str]) -> tuple[str, ...]:
    """Words without case, invisible and combining differences: for files that were lower-cased or cleaned."""
    return tuple(_plain(word) for word in words)


def _plain(word: str) -> str:
    text = unicodedata.normalize("NFKC", word).casefold()
    return "".join(one for one in text if unicodedata.category(one) not in ("Cf", "Mn", "Cc")).strip()


def _plain_words(_image: str, words: tuple[str, ...]) -> Hashable:
    return plain_words(words)


def _image_and_length(image: str, words: tuple[str, ...]) -> Hashable | None:
    return (image, len(words)) if image else None


KEYS: dict[str, Key] = {
    "words and image id": _words_and_image,
    "words": _words,
    "words without case": _plain_words,
    "image id": _image_and_length,
}
"""What sentences are matched by, in order."""


def _by_position(read: ReadFile, split: Sequence[Sentence]) -> Alignment:
    expected = f"tags of all {len(split):,} test sentences in their order, because the file holds no words"
    for index, (one, sentence) in enumerate(zip(read.sentences, split, strict=False)):
        if one.length != len(sentence.words):
            found = f"{one.length} tags for the {len(sentence.words)} words of test sentence {index + 1}"
            raise UnreadableFileError(read.path, one.line, expected, found)
    if len(read.sentences) != len(split):
        raise UnreadableFileError(read.path, None, expected, f"{len(read.sentences):,} sentences")
    return Alignment(tuple(range(len(split))), {BY_POSITION: len(split)}, len(split))
