"""Words to pieces: positions of first pieces, what is lost is counted, context never displaces the tweet."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import tiny

from mner.data.subwords import SEPARATOR, WordPieces
from mner.models.encoders import tokenizer_of

DISSOLVED = "\u200d"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tokenizer_of(tiny.write_encoder(tmp_path_factory.mktemp("packages")))


@pytest.fixture
def pieces(tokenizer) -> WordPieces:
    return WordPieces(tokenizer)


def spelled(tokenizer, table, row: int) -> list[str]:
    return tokenizer.convert_ids_to_tokens(table.ids[table.offsets[row] : table.offsets[row + 1]].tolist())


def test_first_pieces_point_at_the_first_piece_of_every_word(tokenizer, pieces):
    table = pieces.table([["alice", "visits", "tokyo", "today"], ["tokyo", "tokyo"]], max_pieces=20)
    assert spelled(tokenizer, table, 0) == ["[CLS]", "alice", "visits", "tok", "##yo", "today", "[SEP]"]
    assert [first.tolist() for first in table.first_piece] == [[1, 2, 3, 5], [1, 3]]
    assert spelled(tokenizer, table, 1) == ["[CLS]", "tok", "##yo", "tok", "##yo", "[SEP]"]
    assert table.lengths().tolist() == [7, 6]
    assert (len(table), table.truncated_words) == (2, 0)


def test_pieces_are_those_of_the_tokenizer_on_the_whole_sentence(tokenizer, pieces):
    words = ["bob", "kelly", "visits", "tokyo", "unseen", "!"]
    table = pieces.table([words], max_pieces=40)
    assert table.ids.tolist() == tokenizer(words, is_split_into_words=True)["input_ids"]


def test_a_dissolved_word_keeps_its_place_and_takes_none(tokenizer, pieces):
    table = pieces.table([["alice", DISSOLVED, "today"], [DISSOLVED]], max_pieces=20)
    assert spelled(tokenizer, table, 0) == ["[CLS]", "alice", "today", "[SEP]"]
    assert [first.tolist() for first in table.first_piece] == [[1, -1, 2], [-1]]
    assert table.truncated_words == 0
    assert pieces.count(["alice", DISSOLVED, "tokyo"]) == [1, 0, 2]


def test_words_beyond_the_limit_keep_their_place_and_are_counted(tokenizer, pieces):
    tweet = ["alice", "tokyo", "tokyo", "today", DISSOLVED, "!"]
    table = pieces.table([tweet, ["alice"]], max_pieces=6)
    assert spelled(tokenizer, table, 0) == ["[CLS]", "alice", "tok", "##yo", "[SEP]"]
    # Whole words only, and none after the first that is lost: "today" would have fitted.
    assert table.first_piece[0].tolist() == [1, 2, -1, -1, -1, -1]
    assert table.truncated_words == 3
    assert table.lengths().max() <= 6


@pytest.mark.parametrize("limit", range(3, 14))
def test_no_sentence_is_longer_than_the_limit_and_the_tweet_comes_before_the_context(tokenizer, pieces, limit):
    tweet, context = ["alice", "visits", "tokyo"], [SEPARATOR, "a", "person", SEPARATOR, "car"]
    alone = pieces.table([tweet], max_pieces=limit)
    both = pieces.table([tweet], [context], max_pieces=limit)
    assert both.first_piece[0].tolist() == alone.first_piece[0].tolist()
    assert both.truncated_words == alone.truncated_words
    assert both.lengths()[0] <= limit
    kept = spelled(tokenizer, alone, 0)[:-1]
    full = [*kept, "[SEP]", "a", "person", "[SEP]", "car"]
    assert spelled(tokenizer, both, 0) == [*full[: limit - 1], "[SEP]"]


@pytest.mark.parametrize("multiple", [1, 8])
def test_sentences_are_padded_to_the_longest_rounded_up_to_a_multiple(tokenizer, multiple):
    tweets = [["alice"] * count for count in (1, 6, 7, 14)]
    table = WordPieces(tokenizer, multiple).table(tweets, max_pieces=64)
    sizes = {1: (3, 8, 9, 16, 16), 8: (8, 8, 16, 16, 16)}[multiple]
    for rows, expected in zip(([0], [1], [2], [3], [0, 3]), sizes, strict=True):
        words = max(len(tweets[row]) for row in rows)
        text = table.rows(rows, words)
        assert text.input_ids.shape == text.attention_mask.shape == (len(rows), expected)
        assert text.first_piece.shape == (len(rows), words)
        assert text.attention_mask.sum(1).tolist() == table.lengths()[rows].tolist()
        assert (text.input_ids[~text.attention_mask] == tokenizer.pad_token_id).all()
        assert text.states is None
    text = table.rows([3, 0], 14)
    assert text.first_piece[1].tolist() == [1] + [-1] * 13


def test_cached_states_follow_their_pieces(pieces):
    table = pieces.table([["alice"], ["tokyo", "today"], ["!"]], max_pieces=10)
    states = torch.arange(len(table.ids), dtype=torch.float32)[:, None].repeat(1, 2)
    text = table.with_states(states).rows([2, 1], 2)
    for slot, row in enumerate((2, 1)):
        expected = np.arange(table.offsets[row], table.offsets[row + 1])
        assert text.states[slot, text.attention_mask[slot], 0].tolist() == expected.tolist()
    with pytest.raises(ValueError, match=r"3 cached states for 11 pieces"):
        table.with_states(states[:3])


def test_a_word_is_split_once_and_order_does_not_matter(tokenizer):
    first, second = WordPieces(tokenizer), WordPieces(tokenizer)
    first.learn(["tokyo", "alice"])
    first.learn(["alice", "unseen"])
    one = first.table([["unseen", "tokyo"]], max_pieces=20)
    two = second.table([["unseen", "tokyo"]], max_pieces=20)
    assert one.ids.tolist() == two.ids.tolist()
