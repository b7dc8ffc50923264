"""Scorers: the standard one, and those of the released programs behind the printed tables.

Each scorer is a short pure function from gold and predicted tags to precision, recall and F1, written from the
descriptions in ``golden/README.md 5`` and ``golden/R_GCN.md 6`` and held to the programs' own outputs by
``mner.parity.parity_scorers``. ``conlleval`` is the standard; the others exist to turn a table to the rule under
which a paper's row was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from jaxtyping import Int

from mner.data.spans import Spans, lenient_spans, matches, strict_spans
from mner.data.tag_codes import (
    EncodedTags,
    TagError,
    Tags,
    encode,
    kind_names,
    types_of,
)
from mner.evaluation.subword_scores import (
    ScorerScores,
    SubwordsPerWord,
    aligned,
    rates,
    score_subword_batches,
    subword_layout,
)


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


def span_counts(gold: Spans, predicted: Spans, positions: int) -> Int[np.ndarray, "kinds 3"]:
    """Correct, predicted and gold spans of each kind in ``spans.kind_names()``."""
    correct = predicted.select(matches(gold, predicted, positions))
    columns = [np.bincount(spans.kinds, minlength=len(kind_names())) for spans in (correct, predicted, gold)]
    return np.stack(columns, axis=1)


def _scores(counts: Int[np.ndarray, "kinds 3"]) -> ScorerScores:
    rows = counts.tolist()
    overall = rates(*counts.sum(axis=0).tolist())
    return ScorerScores(*overall, per_type={kind: rates(*rows[row]) for kind, row in types_of(counts).items()})


def word_counts(
    rule: Callable[[np.ndarray], Spans], gold: Tags, predicted: Tags, *, joined: bool = False
) -> Int[np.ndarray, "kinds 3"]:
    """:func:`span_counts` under a chunk rule, sentence by sentence or with all sentences as one sequence."""
    gold, predicted = aligned(gold, predicted)
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
    gold, predicted = aligned(gold, predicted)
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
