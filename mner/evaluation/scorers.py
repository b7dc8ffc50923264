"""Scorers: the standard one, and those of the released programs behind the printed tables.

Each scorer is a short pure function from gold and predicted tags to precision, recall and F1, written from the
descriptions in ``golden/README.md 5`` and ``golden/R_GCN.md 6`` and held to the programs' own outputs by
``mner.parity.parity_scorers``. ``conlleval`` is the standard; the others exist to turn a table to the rule under
which a paper's row was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

import numpy as np
from jaxtyping import Bool, Float, Int

from mner.data.spans import Spans, lenient_spans, matches, rgcn_spans, strict_spans
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
class Scorer:
    """A scorer: how a file of tags becomes P, R and F1.

    ``origin`` names the paper and the program. ``score`` takes gold tags, predicted tags (strings, or
    ``spans.encode``'s result to encode only once) and, for the subword-level scorers, how many subwords each
    word has; the others ignore that argument. ``batch`` is how many sentences a subword-level scorer averages
    over, None for scorers of words.
    """

    name: str
    title: str
    origin: str
    score: Callable[[Tags, Tags, SubwordsPerWord | None], ScorerScores]
    batch: int | None = None


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


def span_counts(gold: Spans, predicted: Spans, positions: int) -> Int[np.ndarray, "kinds 3"]:
    """Correct, predicted and gold spans of each kind in ``spans.kind_names()``."""
    correct = predicted.select(matches(gold, predicted, positions))
    columns = [np.bincount(spans.kinds, minlength=len(kind_names())) for spans in (correct, predicted, gold)]
    return np.stack(columns, axis=1)


def _scores(counts: Int[np.ndarray, "kinds 3"]) -> ScorerScores:
    rows = counts.tolist()
    overall = rates(*counts.sum(axis=0).tolist())
    return ScorerScores(*overall, per_type={kind: rates(*rows[row]) for kind, row in types_of(counts).items()})


def _aligned(gold: Tags, predicted: Tags) -> tuple[EncodedTags, EncodedTags]:
    encoded = encode(gold), encode(predicted)
    check_aligned(*encoded)
    return encoded


def word_counts(
    rule: Callable[[np.ndarray], Spans], gold: Tags, predicted: Tags, *, joined: bool = False
) -> Int[np.ndarray, "kinds 3"]:
    """:func:`span_counts` under a chunk rule, sentence by sentence or with all sentences as one sequence."""
    gold, predicted = _aligned(gold, predicted)
    return _word_counts(rule, gold.as_bytes(), predicted.as_bytes(), joined, len(kind_names()))


@lru_cache(maxsize=16)  # programs whose rules agree on words are asked one after another
def _word_counts(
    rule: Callable[[np.ndarray], Spans],
    gold: tuple[bytes, str, bytes],
    predicted: tuple[bytes, str, bytes],
    joined: bool,
    kinds: int,
) -> Int[np.ndarray, "kinds 3"]:
    wanted, found = (_spans(rule, *tags, joined) for tags in (gold, predicted))
    sentences = len(gold[2]) // np.dtype(np.int64).itemsize
    words = len(gold[0]) // np.dtype(gold[1]).itemsize
    counts = span_counts(wanted, found, words + (0 if joined else sentences))
    counts.setflags(write=False)
    return counts


@lru_cache(maxsize=64)  # scorers share rules, and gold is the same for all predictions
def _spans(rule: Callable[[np.ndarray], Spans], codes: bytes, kind: str, lengths: bytes, joined: bool) -> Spans:
    tags = EncodedTags.from_bytes(codes, kind, lengths)
    return rule(tags.codes if joined else tags.bordered())


def conlleval(gold: Tags, predicted: Tags, subwords_per_word: SubwordsPerWord | None = None) -> ScorerScores:
    """The field's standard: Tjong Kim Sang & Buchholz (CoNLL-2000) ``conlleval``, seqeval's default.

    Words, sentence by sentence, micro counts; an orphan I- opens an entity. Special tags are O.
    """
    gold, predicted = (encode(tags).without_special_tags() for tags in (gold, predicted))
    return _scores(word_counts(lenient_spans, gold, predicted))


def strict(gold: Tags, predicted: Tags, subwords_per_word: SubwordsPerWord | None = None) -> ScorerScores:
    """seqeval, strict mode with scheme IOB2, as RpBERT's (Sun et al., AAAI 2021) later code scores.

    Words, sentence by sentence; an I- without its B- is ignored, in gold too (Twitter-2015 loses 135 of its
    test entities' openings).
    """
    return _scores(word_counts(strict_spans, gold, predicted))


def ncrfpp(gold: Tags, predicted: Tags, subwords_per_word: SubwordsPerWord | None = None) -> ScorerScores:
    """NCRF++'s BIO reader (Yang & Zhang, ACL 2018), in OCSGA (Wu et al., MM 2020) and AGBAN (TMM 2021).

    Words, sentence by sentence; orphan I- are ignored and an I- of another type closes the entity. It comes
    out as :func:`strict` does; it is kept apart because another program made other rows with it.
    """
    return _scores(word_counts(strict_spans, gold, predicted))


def umt(gold: Tags, predicted: Tags, subwords_per_word: SubwordsPerWord | None = None) -> ScorerScores:
    """UMT's evaluator (Yu et al., ACL 2020), which agrees with seqeval 0.0.12 as its run script prints it.

    Words, sentence by sentence, lenient; a special tag predicted on a word is an entity of its own, hence a
    false positive in the overall row.
    """
    return _scores(word_counts(lenient_spans, gold, predicted))


def umgf(gold: Tags, predicted: Tags, subwords_per_word: SubwordsPerWord | None = None) -> ScorerScores:
    """UMGF's ``metric.py`` (Zhang et al., AAAI 2021): the whole test set is one sequence.

    Words, lenient; predicted special tags become O first. An entity at a sentence's end runs on into an I-
    of the same type at the start of the next.
    """
    gold, predicted = (encode(tags).without_special_tags() for tags in (gold, predicted))
    return _scores(word_counts(lenient_spans, gold, predicted, joined=True))


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
    gold, predicted = _aligned(gold, predicted)
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


def rgcn(
    gold: Tags, predicted: Tags, subwords_per_word: SubwordsPerWord | None = None, *, batch: int = 64
) -> ScorerScores:
    """R-GCN's ``metrics.py`` as its scripts call it (Zhao et al., MM 2022): subwords, means over batches.

    Its test script uses batches of 64, its training script 16 for dev (which it also reshuffles; here the
    file's order stands). Word tags are lifted to subwords first, as if the model labelled every continuation
    X and every border O.

    Raises:
        TagError: ``subwords_per_word`` is missing or does not fit, or no batch is full.
    """
    if subwords_per_word is None:
        raise TagError("the R-GCN scorer scores subwords: give subwords_per_word, one count per word")
    gold, predicted = _aligned(gold, predicted)
    layout = subword_layout(subwords_per_word)
    return score_subword_batches(layout.lift(gold), layout.lift(predicted), batch).mean()


SCORERS: dict[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        Scorer("conlleval", "conlleval (standard)", "CoNLL-2000; seqeval default", conlleval),
        Scorer("strict", "strict IOB2", "seqeval strict IOB2; RpBERT, AAAI 2021", strict),
        Scorer("ncrfpp", "NCRF++", "NCRF++, ACL 2018; OCSGA, MM 2020; AGBAN, TMM 2021", ncrfpp),
        Scorer("umt", "UMT", "UMT ner_evaluate.py, ACL 2020", umt),
        Scorer("umgf", "UMGF", "UMGF metric.py, AAAI 2021", umgf),
        Scorer(
            "rgcn-16", "R-GCN, batches of 16", "R-GCN metrics.py, trainer.py, MM 2022", partial(rgcn, batch=16), 16
        ),
        Scorer(
            "rgcn-64", "R-GCN, batches of 64", "R-GCN metrics.py, test.py, MM 2022", partial(rgcn, batch=64), 64
        ),
    )
}
