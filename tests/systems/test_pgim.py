"""PGIM: knowledge behind a separator, cut to so many subwords, and the views that take it away or exchange it."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizer

from baselines.pgim import CARD, Tagger, context
from mner.data.corpus import LABELS, Sentence
from mner.data.side_data import ImageText, Side
from mner.data.subwords import SEPARATOR, WordPieces
from mner.models.cards import ContractError
from mner.models.encoders import TextEncoder
from mner.models.system import BuildContext
from mner.systems import ita
from mner.training.batching import Tables

WORDS = ["one", "two", "three", "four", "five"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
OPTIONS = {"context": ["knowledge"], "dropout": 0.0, "max_subwords": 2}
SENTENCES = tuple(Sentence(index, f"i{index}", (word,), ("O",)) for index, word in enumerate(WORDS[:3]))
SIDE = Side({}, None, {}, frozenset(), words={"knowledge": {"i0": "four five one two", "i1": "five"}})


def tables(module_context=context, options=OPTIONS, side=SIDE) -> Tables:
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(VOCABULARY)})
    return Tables(WordPieces(tokenizer), 20, side, None, None, module_context, options, False)


def tagger(**changes) -> Tagger:
    def encoder() -> TextEncoder:
        sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        bert = BertConfig(vocab_size=len(VOCABULARY), attn_implementation="sdpa", initializer_range=0.5, **sizes)
        return TextEncoder(BertModel(bert, add_pooling_layer=False))

    torch.manual_seed(0)
    return Tagger(BuildContext(LABELS, encoder, None), **{**OPTIONS, **changes}).eval()


def read_by(split, row: int) -> list[str]:
    ids = split.cross.ids[split.cross.offsets[row] : split.cross.offsets[row + 1]]
    return [VOCABULARY[number] for number in ids]


def test_the_knowledge_stands_behind_the_tweet_cut_to_its_first_subwords() -> None:
    split = tables().split(SENTENCES, None)
    assert read_by(split, 0) == ["[CLS]", "one", "[SEP]", "four", "five", "[SEP]"]
    assert read_by(split, 1) == ["[CLS]", "two", "[SEP]", "five", "[SEP]"]
    assert read_by(split, 2) == ["[CLS]", "three", "[SEP]"]
    assert split.has_context.tolist() == [True, True, False]
    whole = tables(options={**OPTIONS, "max_subwords": None}).split(SENTENCES, None)
    assert read_by(whole, 0)[3:-1] == ["four", "five", "one", "two"]
    assert context(ImageText(), OPTIONS) == ()


def test_the_views_take_the_knowledge_away_or_give_another_tweets() -> None:
    absent = tables().split(SENTENCES, None, "none")
    assert [read_by(absent, row) for row in range(3)] == [["[CLS]", word, "[SEP]"] for word in WORDS[:3]]
    other = tables().split(SENTENCES, None, "shuffled", seed=3)
    own = tables().split(SENTENCES, None)
    for row, giver in enumerate(other.picture_of):
        assert giver != row
        assert read_by(other, row)[2:] == read_by(own, giver)[2:]


def test_emissions_are_of_the_tweets_words_and_follow_the_knowledge() -> None:
    model = tagger()
    own = model(tables().split(SENTENCES, None).batch([0, 1, 2])).scores
    absent = model(tables().split(SENTENCES, None, "none").batch([0, 1, 2])).scores
    assert own.shape == (3, 1, len(LABELS))
    changed = (own - absent).abs().amax((1, 2)) > 1e-6
    assert changed.tolist() == [True, True, False]


@pytest.mark.parametrize("changes", [{"context": ["captions"]}, {"max_subwords": 0}, {"max_subwords": True}])
def test_other_contexts_and_limits_are_refused(changes) -> None:
    with pytest.raises(ContractError):
        tagger(**changes)


def test_the_card_says_what_it_reads() -> None:
    assert CARD.needs == ("knowledge",)
    assert "2023" in CARD.cite


def test_ita_reads_descriptions_and_faces_by_name() -> None:
    seen = ImageText(("a dog",), ("dog",), "WOW", "A brown dog.", faces="No people.")
    options = {"context": ["faces", "captions", "descriptions"], "n_captions": 1, "max_objects": 1}
    words = " ".join(ita.context(seen, options))
    assert words == f"{SEPARATOR} No people. {SEPARATOR} a dog {SEPARATOR} A brown dog."
