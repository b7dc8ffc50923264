"""Lenses: laws every scorer obeys, hand-worked cases of their quirks, and agreement with seqeval itself."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2
from support.messages import names

from mner.data.corpus import LABELS, TYPES
from mner.data.spans import entities, rgcn_spans, sentence_counts, seqeval_spans
from mner.data.tag_codes import KINDS, SPECIAL_TAGS, TagError, encode
from mner.evaluation.scorers import SCORERS, conlleval, ncrfpp, rgcn, strict, umgf, umt
from mner.evaluation.subword_scores import ScorerScores, lift_to_subwords, score_subword_batches

steady = settings(max_examples=80, deadline=None)
WORD_LENSES = ("conlleval", "strict", "ncrfpp", "umt", "umgf")
sentences = st.lists(st.lists(st.sampled_from(LABELS), min_size=1, max_size=8), min_size=1, max_size=6)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]]]:
    gold = draw(sentences)
    tag = st.sampled_from(LABELS)
    return gold, [draw(st.lists(tag, min_size=len(row), max_size=len(row))) for row in gold]


def _well_formed(rows: list[list[str]]) -> list[list[str]]:
    """The same entities with a B- at every opening, closed by an O."""
    written = [["O"] * len(row) for row in rows]
    for row, found in zip(written, entities(rows), strict=True):
        for kind, first, last in found:
            row[first : last + 1] = [f"B-{kind}", *[f"I-{kind}"] * (last - first)]
    return [[*row, "O"] for row in written]


def _ones(rows: list[list[str]]) -> list[list[int]]:
    return [[1] * len(row) for row in rows]


@steady
@given(pairs())
def test_conlleval_is_seqevals_default(pair: tuple[list[list[str]], list[list[str]]]) -> None:
    gold, predicted = pair
    ours = conlleval(gold, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [score(gold, predicted) for score in (precision_score, recall_score, f1_score)]
    assert [ours.precision, ours.recall, ours.f1] == pytest.approx(theirs, abs=1e-12)


@steady
@given(pairs())
def test_strict_is_seqevals_strict_iob2_and_ncrfpp_agrees(
    pair: tuple[list[list[str]], list[list[str]]],
) -> None:
    gold, predicted = pair
    ours = strict(gold, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [
            score(gold, predicted, mode="strict", scheme=IOB2)
            for score in (precision_score, recall_score, f1_score)
        ]
    assert [ours.precision, ours.recall, ours.f1] == pytest.approx(theirs, abs=1e-12)
    assert ncrfpp(gold, predicted) == ours


@steady
@given(st.lists(st.sampled_from(LABELS + SPECIAL_TAGS), min_size=1, max_size=12))
def test_seqevals_odd_reading_of_special_tags_is_reproduced(tags: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = get_entities(tags)
    spans = seqeval_spans(encode([tags]).bordered())
    names = [kind if kind in TYPES else kind[1:] or "_" for kind in KINDS]
    ours = zip((names[kind] for kind in spans.kinds), spans.first.tolist(), spans.last.tolist(), strict=True)
    assert list(ours) == theirs


def _walk_rgcn(tags: list[str]) -> list[tuple[str, int, int]]:
    """R-GCN's rule as a plain walk, to hold the array version against."""
    found: list[tuple[str, int, int]] = []
    kind, first = "", 0
    for position, tag in enumerate(tags):
        own = tag[2:] if tag[:2] in ("B-", "I-") else ""
        if position == len(tags) - 1 and own and own == kind:
            return [*found, (kind, first, position)]
        if kind and (own != kind or tag.startswith("B-")):
            found.append((kind, first, position - 1))
            kind = ""
        if own and not kind:
            kind, first = own, position
    return found


@steady
@given(st.lists(st.lists(st.sampled_from([*LABELS, "X"]), min_size=1, max_size=7), min_size=1, max_size=4))
def test_rgcn_rule_on_batches_laid_end_to_end_is_the_rule_on_each(batches: list[list[str]]) -> None:
    tags = encode(batches)
    spans = rgcn_spans(tags.bordered(), np.cumsum(tags.lengths + 1) - 2)
    starts = np.cumsum([0] + [len(batch) + 1 for batch in batches])
    expected = [
        (kind, first + start, last + start)
        for start, batch in zip(starts, batches, strict=False)
        for kind, first, last in _walk_rgcn(batch)
    ]
    got = zip((KINDS[kind] for kind in spans.kinds), spans.first.tolist(), spans.last.tolist(), strict=True)
    assert list(got) == expected


@steady
@given(sentences)
def test_gold_against_itself_is_perfect_under_every_lens(rows: list[list[str]]) -> None:
    gold = [*_well_formed(rows), ["B-PER", "O"]]
    for name in WORD_LENSES:
        scores = SCORERS[name].score(gold, gold, None)
        assert (scores.precision, scores.recall, scores.f1) == (1.0, 1.0, 1.0)
        assert scores.per_type["PER"] == (1.0, 1.0, 1.0)
    assert rgcn(gold, gold, _ones(gold), batch=len(gold)).f1 == 1.0


@steady
@given(pairs(), st.randoms(use_true_random=False))
def test_order_of_sentences_does_not_matter_to_word_lenses(pair, random) -> None:
    gold, predicted = (_well_formed(side) for side in pair)
    order = list(range(len(gold)))
    random.shuffle(order)
    for name in WORD_LENSES:
        score = SCORERS[name].score
        shuffled = score([gold[i] for i in order], [predicted[i] for i in order], None)
        assert score(gold, predicted, None) == shuffled


@steady
@given(pairs())
def test_exchanging_gold_and_predictions_exchanges_precision_and_recall(pair) -> None:
    for name in WORD_LENSES:
        ahead, back = SCORERS[name].score(*pair, None), SCORERS[name].score(*pair[::-1], None)
        assert (ahead.precision, ahead.recall) == (back.recall, back.precision)
        assert ahead.f1 == pytest.approx(back.f1, abs=1e-15)


@steady
@given(pairs())
def test_sentence_counts_add_up_to_the_standard_lens(pair) -> None:
    correct, predicted, gold = sentence_counts(*pair).sum(axis=0)
    scores = conlleval(*pair)
    assert scores.f1 == pytest.approx(2 * correct / (predicted + gold) if correct else 0.0, abs=1e-12)


def test_orphan_inside_tag_is_an_entity_for_some_and_nothing_for_others() -> None:
    gold, predicted = [["O", "I-PER", "O", "B-LOC"]], [["O", "B-PER", "O", "B-LOC"]]
    assert conlleval(gold, predicted).f1 == umt(gold, predicted).f1 == 1.0
    for lens in (strict, ncrfpp):
        scores = lens(gold, predicted)
        assert (scores.precision, scores.recall) == (0.5, 1.0)


def test_inside_tag_of_another_type_closes_the_entity() -> None:
    gold = [["B-PER", "I-LOC", "I-PER"]]
    assert entities(gold) == [(("PER", 0, 0), ("LOC", 1, 1), ("PER", 2, 2))]
    assert strict(gold, [["B-PER", "O", "O"]]).f1 == 1.0


def test_special_tags_are_entities_to_umt_and_nothing_to_the_standard() -> None:
    gold, predicted = [["B-PER", "O", "O"]], [["B-PER", "X", "[SEP]"]]
    assert conlleval(gold, predicted).f1 == umgf(gold, predicted).f1 == 1.0
    assert umt(gold, predicted).precision == pytest.approx(1 / 3)
    assert umt(gold, predicted).per_type["PER"] == (1.0, 1.0, 1.0)


def test_umgf_joins_the_end_of_one_sentence_to_the_start_of_the_next() -> None:
    gold, predicted = [["O", "B-PER"], ["I-PER", "O"]], [["O", "B-PER"], ["B-PER", "O"]]
    assert conlleval(gold, predicted).f1 == 1.0
    assert umgf(gold, predicted).f1 == 0.0


def test_a_continuation_piece_closes_an_entity_under_rgcn() -> None:
    gold, predicted = [["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]]
    assert rgcn(gold, predicted, [[1, 1, 1]], batch=1).f1 == 0.0
    # two pieces in the first word cut the gold entity in two, one of which the short prediction hits
    cut = rgcn(gold, predicted, [[2, 1, 1]], batch=1)
    assert (cut.precision, cut.recall, cut.f1) == (1.0, 0.5, 0.6667)


def test_entity_that_opens_on_the_last_piece_is_lost_under_rgcn() -> None:
    def chunks(*tags: str) -> list[tuple[int, int]]:
        spans = rgcn_spans(encode([tags]).bordered(), np.array([len(tags) - 1]))
        return list(zip(spans.first.tolist(), spans.last.tolist(), strict=True))

    assert chunks("O", "O", "B-PER") == []
    assert chunks("O", "B-PER", "I-PER") == [(1, 2)]
    assert chunks("O", "B-PER", "B-PER") == [(1, 2)]
    assert chunks("O", "B-PER", "B-LOC") == [(1, 1)]


def test_rgcn_averages_rounded_batches_and_drops_the_last() -> None:
    hit, miss = ["B-PER", "O"], ["O", "O"]
    gold = [hit, hit, hit, hit, hit, hit, hit]
    predicted = [hit, miss, miss, hit, hit, hit, miss]
    scores = rgcn(gold, predicted, _ones(gold), batch=3)
    # batches: 1 of 3 found (P 1, R 0.3333, F1 0.5) and 3 of 3; the seventh sentence is never scored
    assert (scores.precision, scores.recall, scores.f1) == (1.0, (0.3333 + 1) / 2, 0.75)
    assert scores.per_type["LOC"] == (0.0, 0.0, 0.0)


def test_rgcn_refuses_what_it_cannot_score() -> None:
    gold = [["B-PER", "O"]]
    with pytest.raises(TagError, match="do not fill one batch of 64"):
        rgcn(gold, gold, _ones(gold))
    with pytest.raises(TagError, match="subwords_per_word"):
        rgcn(gold, gold)
    with pytest.raises(TagError, match="not the same sentences"):
        rgcn(gold, gold, [[1]], batch=1)


def test_lifting_cuts_after_the_borders_and_skips_words_without_pieces() -> None:
    lifted = lift_to_subwords([["B-PER", "I-PER", "B-LOC"]], [[2, 0, 1]], max_pieces=98)
    assert lifted.codes.tolist() == encode([["O", "B-PER", "X", "B-LOC", "O"]]).codes.tolist()
    assert lift_to_subwords([["B-PER", "O"]], [[2, 1]], max_pieces=3).lengths.tolist() == [3]
    assert lift_to_subwords([[], ["O"]], [[], [1]]).lengths.tolist() == [2, 3]


@pytest.mark.parametrize("name", SCORERS)
def test_misaligned_or_unknown_tags_are_refused_by_name(name: str) -> None:
    score = SCORERS[name].score
    with pytest.raises(TagError, match="sentence 1: 2 gold tags but 1"):
        score([["O"], ["O", "O"]], [["O"], ["O"]], [[1], [1, 1]])
    with pytest.raises(TagError, match=names("0", "1", "'E-CAR'")):
        score([["O", "E-CAR"]], [["O", "O"]], [[1, 1]])
    with pytest.raises(TagError, match="2 gold sentences but 1"):
        score([["O"], ["O"]], [["O"]], [[1], [1]])


def test_the_alias_other_is_misc() -> None:
    assert conlleval([["B-OTHER", "I-MISC"]], [["B-MISC", "I-OTHER"]]).per_type["MISC"] == (1.0, 1.0, 1.0)


def test_nothing_to_find_and_nothing_found_is_zero_not_an_error() -> None:
    assert conlleval([["O"]], [["O"]]) == ScorerScores(0.0, 0.0, 0.0, dict.fromkeys(TYPES, (0.0, 0.0, 0.0)))


@steady
@given(st.integers(1, 5), pairs())
def test_batches_of_one_file_do_not_depend_on_what_follows_them(batch: int, pair) -> None:
    gold, predicted = (side * 6 for side in pair)
    whole = score_subword_batches(gold, predicted, batch)
    for number in range(len(whole.scores)):
        part = slice(number * batch, (number + 1) * batch)
        alone = score_subword_batches(gold[part], predicted[part], batch)
        assert alone.scores[0].tolist() == whole.scores[number].tolist()


def test_a_test_set_is_scored_in_milliseconds() -> None:
    generator = np.random.default_rng(0)
    rows = [list(np.array(LABELS)[generator.integers(0, 9, size=17)]) for _ in range(3257)]
    conlleval(rows, rows)
    times = []
    for _ in range(5):
        start = time.process_time()
        conlleval(rows, rows)
        times.append(time.process_time() - start)
    assert min(times) < 0.05
