"""Tag schemes of ITA, and its replayed span reader and metric."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mner.data.corpus import LABELS
from mner.evaluation.ita_scorer import Span, read_spans, score, without_image_spans
from mner.models.tag_schemes import TagSchemeError, bio_to_bioes, bioes_to_bio

bio_tags = st.lists(st.sampled_from(LABELS), max_size=12)


@settings(max_examples=200, deadline=None)
@given(bio_tags)
def test_tags_survive_the_way_to_bioes_and_back_with_orphans_opened(tags):
    returned = bioes_to_bio(bio_to_bioes(tags))
    for position, (before, after) in enumerate(zip(tags, returned, strict=True)):
        orphan = before.startswith("I-") and (position == 0 or tags[position - 1][2:] != before[2:])
        assert after == (f"B-{before[2:]}" if orphan else before)


@settings(max_examples=200, deadline=None)
@given(bio_tags)
def test_bioes_is_legal(tags):
    converted = ["O", *bio_to_bioes(tags), "O"]
    for left, right in itertools.pairwise(converted):
        opens = left[0] in "BI"
        assert opens == (right[0] in "IE")
        assert not opens or left[2:] == right[2:]


def test_decoded_tags_that_are_no_legal_bioes_become_legal_bio():
    decoded = ["E-PER", "S-X", "S-LOC", "E-LOC", "I-ORG", "<unk>", "B-PER"]
    assert bioes_to_bio(decoded) == ["B-PER", "O", "B-LOC", "I-LOC", "B-ORG", "O", "B-PER"]


def test_tags_outside_the_scheme_are_refused_with_their_place():
    with pytest.raises(TagSchemeError, match="'X' at word 1"):
        bio_to_bioes(["O", "X"])
    with pytest.raises(TagSchemeError, match="'S-PER' at word 0"):
        bio_to_bioes(["S-PER"])


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["S-A", "E-A"], [("A", 0, 1)]),
        (["S-A", "E-B"], [("A", 0, 0), ("B", 1, 1)]),
        (["B-A", "E-A", "I-B", "I-B"], [("A", 0, 3)]),
        (["B-A", "I-B", "I-B"], [("B", 0, 2)]),
        (["I-A", "I-B"], [("A", 0, 1)]),
        (["<unk>", "O", "", "E-A"], [("<unk>", 0, 0), ("A", 3, 3)]),
        ([], []),
    ],
)
def test_spans_are_read_leniently_with_a_vote_on_the_type(tags, spans):
    assert read_spans(tags) == [Span(*span) for span in spans]


def test_a_prediction_that_touches_an_image_word_is_dropped_whole():
    gold_tags = ["O", "S-A", "S-X", "S-X"]
    gold, predicted = read_spans(gold_tags), [Span("A", 1, 2), Span("X", 0, 0), Span("X", 3, 3)]
    assert without_image_spans(gold, predicted, gold_tags) == ([Span("A", 1, 1)], [Span("X", 0, 0)])


def test_f1_is_made_of_rounded_precision_and_recall():
    gold = [["S-A"] * 3, ["O"] * 3]
    predicted = [["S-A", "S-A", "S-B"], ["O"] * 3]
    scores = score(gold, predicted, remove_image_words=True)
    assert (scores.micro.tp, scores.micro.fp, scores.micro.fn) == (2, 1, 1)
    assert (scores.micro.precision, scores.micro.f1, scores.micro.accuracy) == (0.6667, 0.6667, 0.5)
    assert list(scores.per_type) == ["A", "B"]
    assert scores.macro_f1 == (0.8 + 0.0) / 2
    with pytest.raises(ValueError, match="sentence 1: 3 gold tags, 2 predicted"):
        score(gold, [["O"] * 3, ["O"] * 2], remove_image_words=False)


@settings(max_examples=100, deadline=None)
@given(bio_tags)
def test_gold_against_itself_is_perfect_and_both_schemes_read_alike(tags):
    bioes = bio_to_bioes(tags)
    assert read_spans(bioes) == read_spans(bioes_to_bio(bioes))
    scores = score([bioes], [bioes], remove_image_words=True)
    assert scores.micro.fp == scores.micro.fn == 0
