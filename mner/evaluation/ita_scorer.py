"""The span reader and metric of the released ITA program, replayed: lenient spans, F1 from rounded numbers.

Source: golden/ita/ITA.md 6. Use it to explain the program's numbers, not in place of strict entity F1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from mner.data import tag_codes as arrays
from mner.data.spans import Spans

IMAGE_TYPE = "X"
IMAGE_TAG = "S-X"
_START_WEIGHT = 1.1


class Span(NamedTuple):
    """An entity: its type and its first and last word, from 0, both inclusive."""

    kind: str
    first: int
    last: int


def read_spans(tags: Sequence[str]) -> list[Span]:
    """Spans of one tag sequence, left to right, as the released program reads them.

    B- and S- start a span, and so does any tag behind an S- of another type. Everything else that is not O
    continues the open span, whatever its type and even after E-, or opens one if none is open. The type is
    voted: 1.1 for a word that starts, 1.0 for others, ties to the type seen first.
    """
    spans: list[Span] = []
    votes: dict[str, float] = {}
    first = 0
    previous_prefix, previous_kind = "O", ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, kind = _split(tag)
        starts = prefix in "BS" or (prefix in "IE" and previous_prefix == "S" and previous_kind != kind)
        if votes and (starts or prefix == "O"):
            spans.append(Span(max(votes, key=lambda name: votes[name]), first, position - 1))
            votes = {}
        if prefix != "O":
            first = first if votes else position
            votes[kind] = votes.get(kind, 0.0) + (_START_WEIGHT if starts else 1.0)
        previous_prefix, previous_kind = prefix, kind
    return spans


def opened(codes: Int[np.ndarray, " positions"]) -> Int[np.ndarray, " positions"]:
    """Codes with a B- for every I- that stands at the start, after O, or after another type.

    The program's reader turns BIO files into BIOES so before anything is read of them (golden/ita/ITA.md 6).
    """
    kinds = arrays.kinds_of(codes)
    before = np.append(-1, kinds[:-1])
    orphans = (kinds >= 0) & ~arrays.begins(codes) & (kinds != before)
    return np.where(orphans, arrays.begin_of(codes), codes)


def bio_spans(codes: Int[np.ndarray, " positions"]) -> Spans:
    """:func:`read_spans` over codes of ``spans.encode`` that hold O, B- and I- only, all sentences at once."""
    kinds = arrays.kinds_of(codes)
    inside, begins = kinds >= 0, arrays.begins(codes)
    starts = inside & (begins | ~np.append(False, inside[:-1]))
    first, span = np.flatnonzero(starts), np.cumsum(starts) - 1
    words = np.flatnonzero(inside)
    offset = words - first[span[words]]
    # A type seen earlier wins a tie: halving keeps its bonus above all later ones together, and below any vote.
    votes = np.where(begins[words], _START_WEIGHT, 1.0) + 0.01 * 0.5**offset
    width = len(arrays.kind_names())
    tally = np.bincount(span[words] * width + kinds[words], weights=votes, minlength=len(first) * width)
    tally = tally.reshape(len(first), width)
    last = np.flatnonzero(inside & ~np.append(inside[1:] & ~starts[1:], False))
    return Spans(tally.argmax(axis=1).astype(np.int8), first, last)


def without_image_spans(
    gold: Iterable[Span], predicted: Iterable[Span], gold_tags: Sequence[str]
) -> tuple[list[Span], list[Span]]:
    """Drop gold spans of the image type, and predicted spans that touch any word whose gold tag is S-X.

    A predicted image span on tweet words stays and counts as a false positive.
    """
    image_words = {word for word, tag in enumerate(gold_tags) if tag == IMAGE_TAG}
    kept_gold = [span for span in gold if span.kind != IMAGE_TYPE]
    kept = [span for span in predicted if image_words.isdisjoint(range(span.first, span.last + 1))]
    return kept_gold, kept


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives, and the released numbers made of them.

    Precision and recall are rounded to four decimals first and F1 is made of the rounded ones; every number is
    0 where its denominator is. ``accuracy`` is tp / (tp + fp + fn), rounded.
    """

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        return _rounded_ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        return _rounded_ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        return _rounded_ratio(2 * self.precision * self.recall, self.precision + self.recall)

    @property
    def accuracy(self) -> float:
        return _rounded_ratio(self.tp, self.tp + self.fp + self.fn)


@dataclass(frozen=True, slots=True)
class ItaScores:
    """Corpus scores: micro counts and counts per type (every type in gold or prediction, sorted)."""

    micro: Counts
    per_type: dict[str, Counts]

    @property
    def macro_f1(self) -> float:
        """Mean of the rounded F1 per type, itself not rounded."""
        return _mean([counts.f1 for counts in self.per_type.values()])

    @property
    def macro_accuracy(self) -> float:
        """Mean of the rounded accuracy per type, rounded again."""
        return round(_mean([counts.accuracy for counts in self.per_type.values()]), 4)


def score(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, remove_image_words: bool
) -> ItaScores:
    """Score tag sequences (BIOES or BIO) as the released program does; a match is same type and same words.

    Raises:
        ValueError: gold and prediction differ in the number of sentences or of words.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold sentences but {len(predicted)} predicted ones")
    tallies = {"tp": Counter[str](), "fp": Counter[str](), "fn": Counter[str]()}
    for number, (gold_tags, predicted_tags) in enumerate(zip(gold, predicted, strict=True)):
        if len(gold_tags) != len(predicted_tags):
            raise ValueError(f"sentence {number}: {len(gold_tags)} gold tags, {len(predicted_tags)} predicted")
        expected, found = read_spans(gold_tags), read_spans(predicted_tags)
        if remove_image_words:
            expected, found = without_image_spans(expected, found, gold_tags)
        tallies["tp"].update(span.kind for span in found if span in expected)
        tallies["fp"].update(span.kind for span in found if span not in expected)
        tallies["fn"].update(span.kind for span in expected if span not in found)
    kinds = sorted(set().union(*tallies.values()))
    per_type = {kind: Counts(*(tally[kind] for tally in tallies.values())) for kind in kinds}
    return ItaScores(Counts(*(tally.total() for tally in tallies.values())), per_type)


def _split(tag: str) -> tuple[str, str]:
    if tag in ("", "O"):
        return "O", ""
    if tag[:2] in ("B-", "I-", "E-", "S-"):
        return tag[0], tag[2:]
    if tag[:2] == "O-":
        return "O", ""
    return "S", tag


def _rounded_ratio(part: int | float, whole: int | float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
