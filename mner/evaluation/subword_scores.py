"""Score subword tags batch by batch, as R-GCN's program does (``golden/R_GCN.md 6``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from jaxtyping import Bool, Float, Int

from mner.data.spans import Spans, matches, rgcn_spans
from mner.data.tag_codes import (
    CONTINUATION_CODE,
    OUTSIDE_CODE,
    EncodedTags,
    TagError,
    Tags,
    check_aligned,
    encode,
    kind_names,
    types_of,
)

RGCN_MAX_SUBWORDS = 98
RGCN_DIGITS = 4
SubwordsPerWord = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class ScorerScores:
    """Precision, recall and F1 as fractions, overall and per type (the same three, in that order)."""

    precision: float
    recall: float
    f1: float
    per_type: dict[str, tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class SubwordBatches:
    """What R-GCN's program computes batch by batch: rounded (P, R, F1), overall first, then per type."""

    types: tuple[str, ...]
    scores: Float[np.ndarray, "batches overall_and_types 3"]
    gold_chunks: Int[np.ndarray, " batches"]
    predicted_chunks: Int[np.ndarray, " batches"]

    def mean(self) -> ScorerScores:
        """Unweighted means over batches; F1 is a mean of F1s, not the harmonic mean of the other two."""
        overall, *per_type = ((row[0], row[1], row[2]) for row in self.scores.mean(axis=0).tolist())
        return ScorerScores(*overall, dict(zip(self.types, per_type, strict=True)))


def rates(correct: int, predicted: int, gold: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of counts; all zero if nothing is correct."""
    if correct == 0:
        return 0.0, 0.0, 0.0
    precision, recall = correct / predicted, correct / gold
    return precision, recall, 2 * precision * recall / (precision + recall)


def aligned(gold: Tags, predicted: Tags) -> tuple[EncodedTags, EncodedTags]:
    encoded = encode(gold), encode(predicted)
    check_aligned(*encoded)
    return encoded


@dataclass(frozen=True, slots=True)
class SubwordLayout:
    """Where the tag of each word stands among subwords; made once for many predictions of the same sentences.

    ``empty`` are codes of all positions without any word's tag, ``starts`` the position of the first subword of
    each word that has one (``has_subwords``), ``within`` the positions that are not cut off.
    """

    words: Int[np.ndarray, " sentences"]
    empty: Int[np.ndarray, " positions"]
    starts: Int[np.ndarray, " words"]
    has_subwords: Bool[np.ndarray, " words"]
    within: Bool[np.ndarray, " positions"]
    lengths: Int[np.ndarray, " sentences"]

    def lift(self, tags: Tags) -> EncodedTags:
        """Lay word tags out as subword tags.

        Raises:
            TagError: other numbers of words than the layout was made for.
        """
        words = encode(tags)
        if not np.array_equal(self.words, words.lengths):
            raise TagError(
                f"subwords_per_word has {len(self.words)} sentences and {self.words.sum()} words, "
                f"the tags have {len(words.lengths)} and {words.lengths.sum()}: not the same sentences"
            )
        codes = self.empty.astype(words.codes.dtype)
        codes[self.starts] = words.codes[self.has_subwords]
        return EncodedTags(codes[self.within], self.lengths)


def subword_layout(subwords_per_word: SubwordsPerWord, max_pieces: int = RGCN_MAX_SUBWORDS) -> SubwordLayout:
    """Lay sentences out as R-GCN's reader does: O for [CLS], the word's tag then X's, O for [SEP], cut.

    A word without subwords vanishes. The cut comes last, so that a long sentence loses its [SEP].
    """
    lengths = np.fromiter(map(len, subwords_per_word), dtype=np.int64, count=len(subwords_per_word))
    pieces = np.fromiter(chain.from_iterable(subwords_per_word), dtype=np.int64, count=int(lengths.sum()))
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(pieces) - pieces + 2 * sentence + 1
    full_lengths = np.bincount(sentence, weights=pieces, minlength=len(lengths)).astype(np.int64) + 2
    codes = np.full(int(full_lengths.sum()), CONTINUATION_CODE, dtype=np.int8)
    offsets = np.cumsum(full_lengths) - full_lengths
    codes[offsets] = OUTSIDE_CODE
    codes[offsets + full_lengths - 1] = OUTSIDE_CODE
    within = np.arange(len(codes)) - np.repeat(offsets, full_lengths) < max_pieces
    has = pieces > 0
    return SubwordLayout(lengths, codes, starts[has], has, within, np.minimum(full_lengths, max_pieces))


def lift_to_subwords(
    tags: Tags, subwords_per_word: SubwordsPerWord, max_pieces: int = RGCN_MAX_SUBWORDS
) -> EncodedTags:
    """Turn word tags into subword tags, see :func:`subword_layout`.

    Raises:
        TagError: ``subwords_per_word`` does not have one number per word.
    """
    return subword_layout(subwords_per_word, max_pieces).lift(tags)


def score_subword_batches(gold: Tags, predicted: Tags, batch: int) -> SubwordBatches:
    """R-GCN's per-batch scores of subword tags (border positions included), the incomplete last batch dropped.

    Sentences of a batch are joined into one sequence; P, R and F1 of each are rounded to 4 digits. A batch
    without a correct entity of a type scores 0 for that type, even if it has none to find.

    Raises:
        TagError: fewer sentences than one batch, or tags that do not align.
    """
    gold, predicted = aligned(gold, predicted)
    batches = len(gold.lengths) // batch
    if batches == 0:
        raise TagError(
            f"{len(gold.lengths)} sentences do not fill one batch of {batch}, and the released program drops "
            "incomplete batches: nothing to score under this scorer"
        )
    lengths = gold.lengths[: batches * batch].reshape(batches, batch).sum(axis=1)
    batch_of = np.repeat(np.arange(batches), lengths + 1)
    gold_spans, predicted_spans = (
        _batch_spans(*EncodedTags(tags.codes[: int(lengths.sum())], lengths).as_bytes())
        for tags in (gold, predicted)
    )
    correct = predicted_spans.select(matches(gold_spans, predicted_spans, len(batch_of)))
    counts = np.stack(
        [_counts_by_batch(spans, batch_of, batches) for spans in (correct, predicted_spans, gold_spans)], axis=2
    )
    types = types_of(counts.sum(axis=0))
    counts = np.concatenate([counts.sum(axis=1, keepdims=True), counts[:, list(types.values())]], axis=1)
    rounded = [[_rounded_rates(*cell) for cell in row] for row in counts.tolist()]
    return SubwordBatches(tuple(types), np.array(rounded), counts[:, 0, 2], counts[:, 0, 1])


@lru_cache(maxsize=64)  # as above
def _batch_spans(codes: bytes, kind: str, lengths: bytes) -> Spans:
    batches = EncodedTags.from_bytes(codes, kind, lengths)
    return rgcn_spans(batches.bordered(), np.cumsum(batches.lengths + 1) - 2)


@lru_cache(maxsize=100_000)  # batches are small, so few triples of counts make up all of them
def _rounded_rates(correct: int, predicted: int, gold: int) -> tuple[float, ...]:
    return tuple(round(rate, RGCN_DIGITS) for rate in rates(correct, predicted, gold))


def _counts_by_batch(spans: Spans, batch_of: np.ndarray, batches: int) -> np.ndarray:
    width = len(kind_names())
    cell = batch_of[spans.first] * width + spans.kinds
    return np.bincount(cell, minlength=batches * width).reshape(batches, width)
