"""Sentences and tags survive their files; files that are something else are refused with file and line."""

from __future__ import annotations

import json

import pytest

from mner.data import corpus
from mner.data.corpus import CorpusError, Sentence

TAGGED = (
    Sentence(0, "17_06_1", ("RT", "@a", "in", "New", "York"), ("O", "O", "O", "B-LOC", "I-LOC")),
    Sentence(1, "O_2", ("line\u2028separator", "\u200d", "ünï", '"quoted"'), ("O", "O", "B-MISC", "O")),
)


def test_sentences_round_trip_with_every_character(tmp_path):
    corpus.write_sentences(tmp_path / "s.jsonl", TAGGED)
    assert corpus.read_sentences(tmp_path / "s.jsonl") == TAGGED


def test_blind_sentences_have_no_trace_of_tags(tmp_path):
    corpus.write_sentences(tmp_path / "s.jsonl", [sentence.blind() for sentence in TAGGED])
    text = (tmp_path / "s.jsonl").read_text(encoding="utf-8")
    assert "tags" not in text
    assert "LOC" not in text
    read = corpus.read_sentences(tmp_path / "s.jsonl")
    assert [sentence.tags for sentence in read] == [None, None]
    assert [sentence.words for sentence in read] == [sentence.words for sentence in TAGGED]


def test_tags_round_trip(tmp_path):
    tags = [*(list(sentence.tags) for sentence in TAGGED), list(corpus.LABELS)]
    corpus.write_tags(tmp_path / "t.jsonl", tags)
    assert corpus.read_tags(tmp_path / "t.jsonl") == tags


def test_labels_are_bio_over_four_types_with_outside_first():
    assert corpus.LABELS[0] == "O"
    assert set(corpus.LABELS[1:]) == {f"{p}-{t}" for p in "BI" for t in ("PER", "LOC", "ORG", "MISC")}
    assert len(corpus.LABELS) == 9


def test_canonical_tags():
    assert [corpus.canonical_tag(tag) for tag in ("O", "B-OTHER", "I-OTHER", "B-MISC", "I-PER")] == [
        "O",
        "B-MISC",
        "I-MISC",
        "B-MISC",
        "I-PER",
    ]
    for wrong in ("X", "B-", "B-GPE", "E-PER", "", "OTHER", "b-per", "O-PER"):
        with pytest.raises(CorpusError):
            corpus.canonical_tag(wrong)


@pytest.mark.parametrize(
    "line",
    [
        "{not json",
        '{"index": 1, "image": "x"}',
        '["a list"]',
        '{"index": 1, "image": "x", "words": ["a"], "tags": []}',
        '{"index": 7, "image": "x", "words": ["a"]}',
        "",
    ],
)
def test_a_line_that_is_no_sentence_is_named(tmp_path, line):
    path = tmp_path / "train.jsonl"
    good = json.dumps({"index": 0, "image": "x", "words": ["a"]})
    path.write_text(f"{good}\n{line}\n", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        corpus.read_sentences(path)
    assert (caught.value.path, caught.value.line) == (path, 2)


def test_a_test_split_with_tags_is_refused(tmp_path):
    for name in ("train.jsonl", "dev.jsonl", "test.blind.jsonl"):
        corpus.write_sentences(tmp_path / name, TAGGED)
    with pytest.raises(CorpusError) as caught:
        corpus.read_corpus(tmp_path, "toy")
    assert caught.value.path == tmp_path / "test.blind.jsonl"
    corpus.write_sentences(tmp_path / "test.blind.jsonl", [sentence.blind() for sentence in TAGGED])
    read = corpus.read_corpus(tmp_path, "toy")
    assert read.train == read.dev == TAGGED
    assert [read.split(name) for name in corpus.SPLITS] == [read.train, read.dev, read.test]


@pytest.mark.parametrize(
    ("words", "tags"),
    [
        ((), None),
        (("a", "b"), ("O",)),
        (("a",), ("E-PER",)),
        (("a",), ("B-",)),
    ],
)
def test_a_sentence_that_is_none_is_refused(words, tags):
    with pytest.raises(CorpusError):
        Sentence(3, "picture", words, tags)


@pytest.mark.parametrize("line", ['{"tags": []}', "[1]", '["E-PER"]', '["O"', ""])
def test_a_line_that_holds_no_tags_is_named(tmp_path, line):
    path = tmp_path / "tags.jsonl"
    path.write_text(f'["O"]\n{line}\n["O"]\n', encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        corpus.read_tags(path)
    assert (caught.value.path, caught.value.line) == (path, 2)
