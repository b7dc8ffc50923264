"""What two lists of sentences have in common and where they differ: by content, never by position."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from mner.data.corpus import Sentence


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sentences that are one, but not in every word and tag.

    ``words`` pairs the word positions (from 0) that one side has instead of the other's, either side possibly
    empty; ``tags`` pairs the positions of equal words with unequal tags; ``image`` says that the ids differ.
    """

    left: Sentence
    right: Sentence
    words: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    tags: tuple[tuple[int, int], ...]
    image: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome of :func:`compare`; ``reordered`` says that the common sentences stand in another order."""

    same: int
    differing: tuple[Difference, ...]
    only_left: tuple[Sentence, ...]
    only_right: tuple[Sentence, ...]
    reordered: bool

    @property
    def identical(self) -> bool:
        """Whether both hold the same sentences with the same images, words and tags in the same order."""
        return not (self.differing or self.only_left or self.only_right or self.reordered)


def compare(left: Sequence[Sentence], right: Sequence[Sentence]) -> Comparison:
    """Pair equal sentences, then equal words, then equal images, and list what each pair disagrees in.

    A side without image ids (``""``) is not held against the other.
    """
    pairs: list[tuple[Sentence, Sentence]] = []
    rest_left, rest_right = list(left), list(right)
    for key in _KEYS:
        new, rest_left, rest_right = _pair(rest_left, rest_right, key)
        pairs += new
    pairs.sort(key=lambda pair: pair[0].index)
    differences = [difference for pair in pairs if (difference := _difference(*pair)) is not None]
    order = [pair[1].index for pair in pairs]
    return Comparison(
        same=len(pairs) - len(differences),
        differing=tuple(differences),
        only_left=tuple(rest_left),
        only_right=tuple(rest_right),
        reordered=order != sorted(order),
    )


_KEYS: tuple[Callable[[Sentence], Hashable], ...] = (
    lambda sentence: (sentence.image, sentence.words, sentence.tags),
    lambda sentence: (sentence.image, sentence.words),
    lambda sentence: (sentence.words, sentence.tags),
    lambda sentence: sentence.words,
    lambda sentence: sentence.image or None,
)


def _pair(
    left: Iterable[Sentence], right: Iterable[Sentence], key: Callable[[Sentence], Hashable]
) -> tuple[list[tuple[Sentence, Sentence]], list[Sentence], list[Sentence]]:
    waiting: dict[Hashable, deque[Sentence]] = defaultdict(deque)
    for sentence in right:
        waiting[key(sentence)].append(sentence)
    pairs, rest = [], []
    for sentence in left:
        queue = waiting.get(key(sentence))
        if queue and key(sentence) is not None:
            pairs.append((sentence, queue.popleft()))
        else:
            rest.append(sentence)
    unpaired = sorted((s for queue in waiting.values() for s in queue), key=lambda s: s.index)
    return pairs, rest, unpaired


def _difference(left: Sentence, right: Sentence) -> Difference | None:
    image = bool(left.image and right.image) and left.image != right.image
    if not image and left.words == right.words and left.tags == right.tags:
        return None
    words, tags = [], []
    matcher = SequenceMatcher(None, left.words, right.words, autojunk=False)
    for operation, a, b, c, d in matcher.get_opcodes():
        if operation != "equal":
            words.append((tuple(range(a, b)), tuple(range(c, d))))
        elif left.tags is not None and right.tags is not None:
            pairs = zip(range(a, b), range(c, d), strict=True)
            tags += [(i, j) for i, j in pairs if left.tags[i] != right.tags[j]]
    if not (words or tags or image):
        return None
    return Difference(left, right, tuple(words), tuple(tags), image)
